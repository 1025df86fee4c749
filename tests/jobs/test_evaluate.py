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
    made.root(path, recommenders=[*made.FIGURES, "blend"])
    blend = {"kind": "blend", "of": ["popularity", "model"], "weights": "fit"}
    conf = made.config(path, evaluate={"bootstrap": 20, "repeats": True, "ks": [2, 10], "ips": {"clip": 0.5},
                                       "baseline": "popularity"},
                       score={"recommenders": [*({"kind": kind} for kind in made.FIGURES), blend]})  # fmt: skip
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
    assert {r["protocol"] for r in rows if r["recommender"] != "blend"} == {summary.protocol(conf)}


def test_a_blend_says_whom_its_weights_were_fitted_on(done):
    _, conf, outcome = done
    rows = [r for r in lookup.select(conf.root, outcome.manifest, tables.METRICS.names) if r["recommender"] == "blend"]
    plain, fitted = summary.protocol(conf), f"{summary.protocol(conf)}; weights fitted on half of validation"
    assert {r["protocol"] for r in rows if r["role"] == "test"} == {plain}
    assert {r["protocol"] for r in rows if r["role"] == "validation" and r["slice"] == "all"} == {fitted}
    # 718 alone has a target in validation, so one half is empty and nothing can be said of a gain
    halves = {r["slice"]: r["protocol"] for r in rows if r["slice"].startswith("weights:")}
    assert halves in ({"weights:fitted": fitted}, {"weights:judged": plain})
    assert outcome.manifest.facts["blends"] == []


def test_beyond_hits_groups_and_propensities(done):
    _, conf, outcome = done
    rows = lookup.select(conf.root, outcome.manifest, tables.METRICS.names)
    got = {(r["recommender"], r["role"], r["slice"], r["metric"], r["k"]): r["value"] for r in rows}
    # d, first of the model, is in no popularity list; popularity's own hit is no surprise
    assert got["model", "test", "all", "serendipity", 2] == pytest.approx(0.25)
    assert got["popularity", "test", "all", "serendipity", 2] == 0
    # lists of the model: d c a for both of 4 items; each has count 1
    assert got["model", "test", "all", "gini", 10] == pytest.approx(0.25)
    assert got["model", "test", "all", "arp", 10] == 1 and got["model", "test", "all", "percentile", 10] == 0.5
    assert got["model", "test", "all", "novelty", 10] == pytest.approx(2, abs=1e-5)
    assert not [k for k in got if k[3] in ("diversity", "vector_diversity")]  # no item has tags
    # 718: d is cold and weighs 2; 007: b has 1 train event of 2 at most and weighs 1 / sqrt(0.5)
    assert got["model", "test", "all", "ips_recall", 2] == pytest.approx(1.0, abs=1e-6)
    assert got["model", "test", "all", "snips_recall", 2] == pytest.approx(2 / (2 + 2**0.5), abs=1e-6)
    # 718 is known for 3 days, 007 for 8
    groups = {k[2] for k in got if not k[2].startswith("weights:")}
    users = {"history:short", "user:warm", "user_age:new"}
    assert groups == {"all", "explore", *users, "item:cold", "item:warm", "item_age:new"}
    assert got["model", "test", "item:cold", "hr", 10] == 1 and got["model", "test", "item:warm", "hr", 10] == 0
    gaps = {(g["recommender"], g["role"], g["family"]): g for g in outcome.manifest.facts["gaps"]}
    assert gaps["model", "test", "item"]["value"] == pytest.approx(gaps["model", "test", "item"]["low"]) == 1
    ips = {r["role"]: r for r in outcome.manifest.facts["ips"]}["test"]
    assert ips["targets"] == 2 and ips["effective"] == pytest.approx((2 + 2**0.5) ** 2 / 6, abs=1e-6)


def test_every_look_at_test_is_logged_and_a_skip_is_none(done):
    path, conf, outcome = done
    first = outcome.manifest.facts["test_touched"]
    assert first >= 1 and door.walk(evaluate, conf).state == "skip"
    lines = [json.loads(p.read_text()) for p in sorted((path / "_touched/test").iterdir())]
    assert len(lines) >= first and lines[0]["as_of"] == conf.as_of and lines[0]["protocol"] == summary.protocol(conf)
    assert lines[0]["bundle"] and lines[0]["run"].startswith(outcome.manifest.skip_key[:12])
    assert len({line["run"] for line in lines}) == len(lines)


def test_facts_hold_what_others_print(done):
    _, _, outcome = done
    facts = outcome.manifest.facts
    assert facts["data"] == {"users": 2, "items": 4, "events": 6}
    assert (facts["beats_popularity"], facts["beats_item_knn"], facts["beats_personal"]) == (True, True, True)
    assert facts["without_list"] == {}
    assert {d["recommender"] for d in facts["differences"]} == {"model", "personal", "item_knn", "blend"}
    assert all(0 < d["p"] <= d["p_holm"] <= 1 and d["base"] == "popularity" for d in facts["differences"])
    assert facts["test"]["model"]["hr_10"] == pytest.approx(0.5)
    assert door.line("evaluate", outcome).startswith("evaluate   ok    ")


def test_unchanged_is_skipped_and_the_same_again(done, spark):
    _, conf, outcome = done
    assert door.walk(evaluate, conf).state == "skip"
    again = evaluate.run(spark, conf)
    assert again.fingerprint == outcome.manifest.fingerprint
    assert again.facts["test_touched"] == outcome.manifest.facts["test_touched"] + 1
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


def test_what_the_report_draws_is_counted(done):
    _, _, outcome = done
    drawn = outcome.manifest.facts["pictures"]
    assert drawn["days"] == 1 and sum(r["events"] for r in drawn["timeline"]) == 6
    assert {(r["gap"], r["events"]) for r in drawn["gaps"] if r["events"]} == {("1–3 d", 3), ("1–4 wk", 1)}
    test = {r["events"]: r["n"] for r in drawn["histories"] if r["users"] == "test" and r["n"]}
    assert test == {"1": 1, "2–3": 1}
    places = {of: sum(r["n"] for r in drawn["tail"] if r["of"] == of) for of in ("train events", "model", "popularity")}
    assert places == {"train events": 4, "model": 6, "popularity": 4}
