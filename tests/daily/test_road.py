"""The whole road of some days: evaluated, fitted again, then from day to day; each day's lists are those of a run over
everything, judged by the next day, published and taken back."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lstmrec import lookup, rows, versions
from lstmrec.cli import flows
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.store import door
from lstmrec.store.daily.fitted import served
from lstmrec.store.publish import publish, rollback
from tests.daily import days
from tests.daily.test_tables import MADE, made

pytestmark = pytest.mark.slow
DAYS = range(days.FIRST, days.FIRST + 4)


TRIAL: dict[str, Any] = {
    "evaluate": {"bootstrap": 100},
    "variants": {"salt": "s", "of": [{"name": "control", "recommender": "model", "share": 0.6},
                                     {"name": "b", "recommender": "popularity", "share": 0.4}]},
}  # fmt: skip


def variants_of(root: Path) -> dict[str, str]:
    """user -> the variant of the one row that it is to be shown."""
    found = rows.select(str(root), made(root, "recommendations"), ["user_id", "recommender", "role", "variant"])
    mine = [r for r in found if r["variant"] is not None]
    assert len({r["user_id"] for r in mine}) == len(mine)
    assert all((r["variant"] == "b") == (r["recommender"] == "popularity") and r["role"] == "serve" for r in mine)
    return {r["user_id"]: r["variant"] for r in mine}


def walk(spark: Any, conf: Config, jobs: tuple[str, ...]) -> None:
    for job in jobs:
        door.walk(importlib.import_module(f"lstmrec.jobs.{job}"), conf, spark=spark)


def test_days(spark: Any, tmp_path: Path) -> None:
    source, root, whole = tmp_path / "source", tmp_path / "root", tmp_path / "whole"
    log = days.Log(seed=5, days=len(DAYS))
    log.write(source, days.FIRST - 1)
    conf = days.config(root, source, days.FIRST - 1)
    walk(spark, conf, flows.JOBS[:8])
    publish(conf)
    judged = made(root, "bundle")

    again = days.config(root, source, days.FIRST - 1, flow="refit")
    walk(spark, again, flows.jobs(again))
    bundle = made(root, "bundle")
    assert bundle.facts["flow"] == "refit" and bundle.facts["steps"] == judged.facts["steps"]
    assert bundle.facts["ndcg_10"] is None and bundle.fingerprint != judged.fingerprint
    with pytest.raises(ConfigError, match="C801"):
        walk(spark, again, ("evaluate",))
    assert all(g.level != "fail" for g in publish(again)) and served(str(root)) == bundle

    shutil.copytree(root, whole)
    shown: dict[str, str] = {}
    for day in DAYS:
        log.write(source, day)
        both = [days.config(root, source, day, flow="daily", **TRIAL),
                days.config(whole, source, day, flow="daily", daily={"whole": True}, **TRIAL)]  # fmt: skip
        for one in both:
            walk(spark, one, flows.jobs(one))
            assert {g.level for g in publish(one)} <= {"pass", "warn"}
        names = (*MADE, "recommendations", "judged")
        assert {n: made(root, n).fingerprint for n in names} == {n: made(whole, n).fingerprint for n in names}, day
        assert made(root, "recommendations").rows_out == 2 * made(root, "users").rows_out
        told = made(root, "judged").facts
        assert told["since"] == days.as_of(day - 1) and told["users"] > 0 and told["new"] >= 1, day
        mine = variants_of(root)
        assert all(mine[u] == v for u, v in shown.items()) and mine == variants_of(whole)  # nobody changes sides
        assert len(mine) == made(root, "users").rows_out and set(mine.values()) == {"control", "b"}
        figures = told.get("variants", {}).get("figures", {})
        assert sum(f["users"] for f in figures.values()) == (told["users"] if shown else 0)  # since the second day
        assert made(whole, "judged").facts == told | {"lists": made(whole, "judged").facts["lists"]}
        shown = mine
    assert len(made(root, "events").facts["chain"]) == len(DAYS)

    live = versions.current(str(root), tables.RECOMMENDATIONS, "live")
    names_, at = ("who", "what", "at", "kind", "pieces"), days.START + (DAYS[-1] + 1) * days.DAY
    bad = [("u01", None, at, "buy", 1)] * 400
    log.write(source, DAYS[-1])
    kept = pq.read_table(source / "events.parquet")
    refused = pa.table({n: [r[i] for r in bad] for i, n in enumerate(names_)}, schema=kept.schema)
    pq.write_table(pa.concat_tables([kept, refused]), source / "events.parquet")
    with pytest.raises(DataError, match="D310"):
        walk(spark, days.config(root, source, DAYS[-1] + 1, flow="daily"), ("clean",))
    assert versions.current(str(root), tables.RECOMMENDATIONS, "live") == live
    before = lookup.lists(str(root), "u01", "serve")
    rollback(str(root))
    assert versions.current(str(root), tables.RECOMMENDATIONS, "live").as_of == days.as_of(DAYS[-2])
    assert lookup.lists(str(root), "u01", "serve").keys() == before.keys()
