"""Which published lists are judged, and the gates of flows without a hold-out (by pyarrow, no Spark)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lstmrec import files, versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.report import judged
from lstmrec.store import gates, publish
from lstmrec.store.daily import judge
from tests import made


def at(conf: Config, day: int) -> Config:
    return conf.model_copy(update={"as_of": f"2018-01-{day:02d}T00:00:00Z", "flow": "daily"})


def put(path: Path, conf: Config, table: tables.Table, version: str, rows: Any = (), **facts: Any) -> None:
    """A version as of the config's instant."""
    made.put(path, table, rows, version=version, facts=facts)
    place = files.join(versions.folder(str(path), table.name, version), "_MANIFEST.json")
    told = replace(versions.load(str(path), table, version), as_of=conf.as_of)
    files.local(place).write_text(told.to_json())


def served(path: Path, conf: Config, version: str) -> None:
    rows = [made.listed("model", "serve", u, ["a"]) for u in ("718", "007")]
    put(path, conf, tables.RECOMMENDATIONS, version, rows)
    publish._move(str(path), {"recommendations": version})


def test_the_lists_of_the_last_day_before(tmp_path: Path) -> None:
    conf = made.config(tmp_path)
    assert judge.published(at(conf, 5)) is None
    for day, version in ((2, "v2"), (3, "v3"), (5, "v5"), (4, "v4")):
        served(tmp_path, at(conf, day), version)
    found = {day: judge.published(at(conf, day)) for day in (2, 3, 4, 5, 9)}
    assert {d: m and m.version for d, m in found.items()} == {2: None, 3: "v2", 4: "v3", 5: "v4", 9: "v5"}
    put(tmp_path, at(conf, 6), tables.RECOMMENDATIONS, "v6", [made.listed("model", "serve", "718", ["a"])])
    assert judge.published(at(conf, 7)).version == "v5"  # the newest was never published
    assert judge.names(found[9]) == ["model"]


def day(path: Path, conf: Config, number: int, ndcg: float | None, users: int = 9) -> None:
    days = {} if ndcg is None else {"model": {"ndcg_10": ndcg}}
    put(path, at(conf, number), tables.JUDGED, f"j{number}", k=10, users=users, days=days, since="2018-01-01T00:00:00Z")


def since(conf: Config) -> gates.Gate:
    (found,) = gates._judged_since(conf)
    return found


def test_a_day_is_held_against_the_days_before(tmp_path: Path) -> None:
    conf = made.config(tmp_path)
    strict = conf.model_copy(update={"publish": conf.publish.model_copy(update={"max_daily_drop": 0.2})})
    day(tmp_path, conf, 2, 0.30)
    assert since(at(strict, 2)).level == "pass"  # there is no day before
    day(tmp_path, conf, 3, 0.50)
    day(tmp_path, conf, 4, 0.31)  # the mean is 0.40
    assert since(at(strict, 4)).level == "fail" and "0.3200" in since(at(strict, 4)).limit
    assert since(at(conf, 4)).level == "pass"  # told, not judged
    day(tmp_path, conf, 5, 0.33)
    assert since(at(strict, 5)).level == "pass"
    assert since(at(strict, 6)).level == "fail"  # judged as of another day
    day(tmp_path, conf, 6, None)
    assert since(at(conf, 6)).level == "fail"  # there is no figure
    day(tmp_path, conf, 7, None, users=0)
    assert since(at(conf, 7)).level == "warn"


@pytest.mark.parametrize(("parent", "level"), [("print-bundle", "pass"), ("another", "fail")])
def test_a_refit_is_published_by_the_figures_of_what_it_was_fitted_from(
    tmp_path: Path, parent: str, level: str
) -> None:
    conf = made.root(tmp_path).model_copy(update={"flow": "refit"})
    files.create(files.join(versions.folder(conf.root, "bundle", "v9"), "w"), b"x")
    told = versions.seal_files(conf.root, made.manifest(tables.BUNDLE, "v9", parents={"refit": "print-bundle"}))
    assert told.parents == {"refit": "print-bundle"}
    made.put(tmp_path, tables.METRICS, made.metric_rows(), version="v9", facts=made.metric_facts(),
             parents={"bundle": parent})  # fmt: skip
    found = {g.name: g.level for g in gates.gates(conf)}
    assert found["judged on a hold-out"] == level and "metrics" not in found


def test_a_day_publishes_the_bundle_and_the_figures_that_are_live(tmp_path: Path) -> None:
    conf = made.root(tmp_path)
    publish.publish(conf)
    before = publish.publications(conf.root)[-1]
    files.create(files.join(versions.folder(conf.root, "bundle", "v9"), "w"), b"x")
    versions.seal_files(conf.root, made.manifest(tables.BUNDLE, "v9"))  # trained, and not yet let through
    made.put(tmp_path, tables.JUDGED, [], version="v1", facts={"k": 10, "users": 0, "days": {}, "since": None})
    asked = versions.current(conf.root, tables.JUDGED).as_of
    publish.publish(conf.model_copy(update={"flow": "daily", "as_of": asked}))
    assert publish.publications(conf.root)[-1]["bundle"] == before["bundle"]


def test_nothing_held_out_is_not_evaluated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="C801"):
        judged.scored(made.config(tmp_path, flow="daily"), made.manifest(tables.RECOMMENDATIONS, "v1"))
