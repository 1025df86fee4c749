"""s8 on a root made by pyarrow, against plain Python; then what reads its table."""

from __future__ import annotations

import io
import json
import math

import pytest
from rich.console import Console

from lstmrec import lookup
from lstmrec.cli import run as verb
from lstmrec.cli.status import states
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.jobs import evaluate, report
from lstmrec.report import summary
from lstmrec.store import door
from tests import made


@pytest.fixture(scope="module")
def done(spark, tmp_path_factory):
    path = tmp_path_factory.mktemp("root")
    made.root(path)
    conf = made.config(path, evaluate={"bootstrap": 20, "repeats": True, "ks": [2, 10]})
    return path, conf, door.walk(evaluate, conf, spark=spark)


def test_figures_are_the_plain_ones(done):
    _, conf, outcome = done
    rows = lookup.select(conf.root, outcome.manifest, tables.METRICS.names)
    got = {(r["recommender"], r["role"], r["slice"], r["metric"], r["k"]): r["value"] for r in rows}
    # test: 718 chose d (the model's first), 007 chose b (second of all others)
    assert got["model", "test", "all", "hr", 10] == pytest.approx(0.5)
    assert got["model", "test", "all", "ndcg", 2] == pytest.approx(0.5)
    assert got["popularity", "test", "all", "ndcg", 10] == pytest.approx(0.5 / math.log2(3), abs=1e-8)
    assert got["popularity", "test", "all", "mrr", 10] == pytest.approx(0.25, abs=1e-8)
    # validation: 718 alone, c is the model's second
    assert got["model", "validation", "all", "mrr", 10] == pytest.approx(0.5, abs=1e-8)
    assert got["model", "test", "all", "coverage", 10] == pytest.approx(3 / 4)
    assert got["model", "test", "explore", "hr", 10] == pytest.approx(0.5)
    assert ("model", "test", "repeat", "hr", 10) not in got  # nobody chose again what they had
    assert {r["protocol"] for r in rows} == {summary.protocol(conf)}


def test_facts_hold_what_others_print(done):
    _, _, outcome = done
    facts = outcome.manifest.facts
    assert facts["data"] == {"users": 2, "items": 4, "events": 6}
    assert (facts["beats_popularity"], facts["beats_item_knn"], facts["beats_personal"]) == (True, True, True)
    assert facts["without_list"] == {}
    assert {d["recommender"] for d in facts["differences"]} == {"popularity", "personal", "item_knn"}
    assert facts["test"]["model"]["hr_10"] == pytest.approx(0.5)
    assert door.line("evaluate", outcome).startswith("evaluate   ok    ")


def test_unchanged_is_skipped_and_the_same_again(done, spark):
    _, conf, outcome = done
    assert door.walk(evaluate, conf).state == "skip"
    again = evaluate.run(spark, conf)
    assert again.fingerprint == outcome.manifest.fingerprint
    assert [s.state for s in states(conf, [evaluate])] == ["done"]


def test_the_report_and_the_end_of_a_run_read_it(done, capsys):
    path, conf, _ = done
    report.run(None, conf)
    verb.finish(conf, Console(file=io.StringIO()))
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["users"] == 2 and last["hr_10"] == pytest.approx(0.5) and last["beats_item_knn"] is True
    assert json.loads((path / "metrics.json").read_text())["model"]["hr_10"] == pytest.approx(0.5)


def test_nothing_to_judge_is_an_error(tmp_path, spark):
    conf = made.root(tmp_path)
    made.put(tmp_path, tables.RECOMMENDATIONS, [made.listed("model", "serve", "718", ["a"])], version="v2")
    with pytest.raises(DataError, match="D801"):
        evaluate.run(spark, conf)
