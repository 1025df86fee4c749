"""The audit of the small shop: nothing moves as the jobs are, and each planted leak is found where it was planted."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F
from rich.console import Console

from lstmrec import versions
from lstmrec.cli import audit
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, GateError
from lstmrec.frames import core, past, perturb
from lstmrec.jobs import clean, normalise, profile
from lstmrec.store import audit as edge
from lstmrec.store import door
from lstmrec.store.read import read
from tests.road import small

#: Most of s5's time on a small shop goes into its files.
FEW_FILES = {"classes": [], "phases": 1, "rows_per_file": 4096, "files_multiple": 1}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    small.write(folder)
    return folder


@pytest.fixture(scope="module")
def shop(spark: Any, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """s1 alone, in a root of its own: the audit walks the rest."""
    conf = validate(small.config(tmp_path_factory.mktemp("audit") / "run", source, sequence=FEW_FILES))
    door.walk(clean, conf, spark=spark)
    return conf


def audited(spark: Any, conf: Config, *cuts: str) -> list[edge.Finding]:
    return audit.walk(spark, conf, cuts, False, Console(file=io.StringIO()))


@pytest.mark.parametrize("cuts", [("validation",), pytest.param(audit.CUTS, marks=pytest.mark.slow)])
def test_the_jobs_as_they_are_do_not_leak(spark: Any, shop: Config, cuts: tuple[str, ...]) -> None:
    before = {t.name: versions.log(shop.root, t.name) for t in tables.ALL}
    found = audited(spark, shop, *cuts)
    assert [(f.cut, f.table) for f in found] == [(c, t.name) for c in cuts for t in past.AUDITED]
    assert [f for f in found if f.moved] == []
    assert not [f for f in found if not f.rows], "a check of no rows"
    assert {t.name: versions.log(shop.root, t.name) for t in tables.ALL} == before, "the run's names were moved"
    assert not (Path(shop.root) / "_audit").exists()


@pytest.mark.slow
def test_leave_last_by_each_users_own_future(spark: Any, shop: Config) -> None:
    conf = shop.model_copy(update={"split": shop.split.model_validate({"by": "leave_last", "last": 2})})
    found = audited(spark, conf, "validation")
    assert [f for f in found if f.moved] == [] and all(f.rows for f in found)
    assert "other users' later events are in train" in audit.remarks(conf)[0]


@pytest.fixture
def planted(monkeypatch: Any) -> None:
    """A scaler fitted on every item, a vocabulary that has read later events, a profile that knows the future."""
    fit, types, raw = normalise.numbers.fit, normalise.vocabulary.type_counts, profile.profiles.raw

    def of_every_item(catalogue: Any, *more: Any) -> Any:
        return fit(catalogue.withColumn("count", F.greatest("count", F.lit(1))), *more)

    def of_every_role(tallied: Any) -> Any:
        return types(tallied.withColumn("train", F.col("train") + F.col("validation") + F.col("test")))

    def of_every_event(split: Any, *more: Any) -> Any:  # the first feature counts events, whatever the boundary
        total = split.groupBy("user_id").agg(F.count(F.lit(1)).cast("double").alias("total"))
        made = raw(split, *more)
        whole = F.concat(F.array(F.coalesce("total", F.lit(0.0))), F.slice("raw", 2, 100))
        return made.join(total, "user_id", "left").withColumn("raw", whole).select(*made.columns)

    monkeypatch.setattr(normalise.numbers, "fit", of_every_item)
    monkeypatch.setattr(normalise.vocabulary, "type_counts", of_every_role)
    monkeypatch.setattr(profile.profiles, "raw", of_every_event)


@pytest.mark.slow
def test_three_planted_leaks_are_found(spark: Any, shop: Config, planted: None) -> None:
    found = {f.table: f for f in audited(spark, shop, "validation") if f.moved}
    assert {"scalers", "vocabulary", "user_profiles"} <= set(found) <= {
        "scalers", "vocabulary", "user_profiles", "encoded_items", "sequences",
    }  # fmt: skip
    assert {"center", "scale"} <= set(found["scalers"].moved)
    assert "(rows new)" in found["vocabulary"].moved and "raw" in found["user_profiles"].moved
    example = json.loads(found["scalers"].example)
    assert example["feature"].startswith("item:") and example["was"] != example["is"]


@pytest.mark.slow
@pytest.mark.parametrize("leak", [False, True])
def test_what_s1_fits_is_looked_at(spark: Any, source: Path, tmp_path: Path, monkeypatch: Any, leak: bool) -> None:
    monkeypatch.setattr(audit, "JOBS", ("split",))
    monkeypatch.setattr(edge, "compared", lambda *_: [])
    if leak:
        monkeypatch.setattr(core, "early", lambda events, _: events)
    fits = {"core": {"items": 3, "users": 3}}
    made = small.config(tmp_path / "run", source)
    conf = validate(made | {"clean": made["clean"] | fits})
    (found,) = audited(spark, conf, "validation")
    assert found.table == "core" and found.rows > 100
    assert ("events" in found.moved) == leak
    whole = validate(made | {"clean": made["clean"] | fits | {"fit_before": "all"}})
    assert "have seen it whole" in audit.remarks(whole)[0] and not audit.remarks(conf)


def test_the_verb_ends_with_5_and_names_what_moved(shop: Config, monkeypatch: Any, capsys: Any, tmp_path: Path) -> None:
    moved = [edge.Finding("validation", "split", 9), edge.Finding("validation", "scalers", 3, {"center": 2}, "{}")]
    seen: list[Any] = []

    def walk(spark: Any, conf: Config, cuts: tuple[str, ...], train: bool, console: Console) -> list[edge.Finding]:
        seen.append((cuts, train))
        return moved

    class Nobody:
        get = staticmethod(lambda: None)
        __enter__ = __exit__ = lambda self, *_: self

    monkeypatch.setattr(audit, "walk", walk)
    monkeypatch.setattr(audit, "Sessions", Nobody)
    monkeypatch.setattr(audit, "config_of", lambda *_: shop)
    with pytest.raises(GateError, match=r"1 of 2 checks moved") as caught:
        audit.audit(["c.yaml"], None, "validation", False, True)
    assert caught.value.exit_code == 5 and "table scalers · center (2 rows)" in caught.value.where
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False and told["checks"][1]["moved"] == {"center": 2}
    moved.pop()
    audit.audit(["c.yaml"], None, "both", True, False)
    assert "no leak: 1 of 1 checks ok" in capsys.readouterr().out
    assert seen == [(("validation",), False), (("validation", "test"), True)]
    for cut, train in (("tomorrow", False), ("validation", True)):
        with pytest.raises(ConfigError, match="C032"):
            audit.audit(["c.yaml"], None, cut, train, False)


def test_what_a_killed_audit_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "_audit" / "old" / "base").mkdir(parents=True)
    with edge.scratch(str(tmp_path)) as place:
        assert not (tmp_path / "_audit" / "old").exists() and place.startswith(str(tmp_path / "_audit"))
        Path(place).mkdir(parents=True)
    assert not (tmp_path / "_audit").exists()


def test_another_future_is_another_and_the_past_is_the_same(spark: Any, shop: Config) -> None:
    events = read(spark, shop.root, tables.EVENTS)
    cut = shop.as_of_us - 56 * 86_400_000_000
    was, now = ({tuple(r) for r in f.collect()} for f in (
        events, events.transform(perturb.by_time(cut, shop.as_of_us, 1))))  # fmt: skip
    time, item, user = (tables.EVENTS.names.index(n) for n in ("time", "item_id", "user_id"))
    assert {r for r in was if r[time] < cut} == {r for r in now if r[time] < cut}
    old, new = {r for r in was if r[time] >= cut}, {r for r in now if r[time] >= cut}
    assert not old & new and len(old) * 0.8 < len(new) < len(old) * 1.3
    assert {r[user] for r in new} - {r[user] for r in was} and {r[item] for r in new} - {r[item] for r in was}
    assert max(r[time] for r in new) < shop.as_of_us
    again = {tuple(r) for r in events.repartition(5).transform(perturb.by_time(cut, shop.as_of_us, 1)).collect()}
    assert again == now
