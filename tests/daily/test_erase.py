"""Erasure on the whole road of some days: the day after a user is to be forgotten is the day that never knew them, and
after `erase` no file below the root does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lstmrec import versions
from lstmrec.cli import flows
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.report.people import named
from lstmrec.store import erase
from lstmrec.store.daily.fitted import of
from lstmrec.store.prune import old, remove
from lstmrec.store.publish import publish
from tests.daily import days
from tests.daily.test_road import walk
from tests.daily.test_tables import MADE, made
from tests.holding import holding

pytestmark = pytest.mark.slow
ID = "u03"


def forgetting(spark: Any, conf: Config) -> list[erase.Held]:
    return erase.found(spark, conf, erase.names(spark, conf, named))


def day_of(spark: Any, conf: Config) -> None:
    walk(spark, conf, flows.jobs(conf))
    assert {g.level for g in publish(conf)} <= {"pass", "warn"}


def prints(root: Path) -> dict[str, str]:
    return {n: made(root, n).fingerprint for n in (*MADE, "recommendations")}


def test_they_are_forgotten(spark: Any, tmp_path: Path) -> None:
    source, root, whole = tmp_path / "source", tmp_path / "root", tmp_path / "whole"
    log, first = days.Log(seed=5, days=2), days.FIRST
    log.write(source, first - 1)
    pq.write_table(pa.table({"user_id": [ID]}), tmp_path / "erase.parquet")
    core = {"core": {"items": 2, "users": 3}}
    told = {"clean": core, "erase": {"table": {"path": [str(tmp_path / "erase.parquet")]}}}
    walk(spark, days.config(root, source, first - 1, clean=core), flows.JOBS[:7])
    assert {p.split("/")[0] for p in holding(root, ID)} >= {"events", "sequences", "user_states", "seen"}

    log.write(source, first)
    shutil.copytree(root, whole)
    conf = days.config(root, source, first, flow="daily", **told)
    with pytest.raises(DataError, match="D842"):
        forgetting(spark, conf)
    day_of(spark, conf)
    day_of(spark, days.config(whole, source, first, flow="daily", **told, daily={"whole": True}))
    assert prints(root) == prints(whole)
    assert made(root, "user_states").rows_out == made(root, "users").rows_out == made(whole, "users").rows_out
    for name in ("events", "split", "windows", "user_profiles", "user_states"):
        assert made(root, name).facts.get("chain", []) == [], name

    held = forgetting(spark, conf)
    assert {h.table for h in held if h.does == "rewrite"} == {
        "core", "encoded_users", "events", "sequences", "user_profiles",
    }  # fmt: skip
    erase.do(spark, conf, held)
    assert holding(root, ID) == [] and forgetting(spark, conf) == []
    assert of(str(root)).digests == of(str(whole)).digests

    log.write(source, first + 1)
    for one in (root, whole):
        day_of(spark, days.config(one, source, first + 1, flow="daily", **told))
    assert prints(root) == prints(whole)
    assert made(root, "events").facts["chain"] and made(root, "user_states").facts["chain"]
    for gone in old(str(root), 1):
        remove(str(root), gone)
    assert holding(root, ID) == [] and versions.current(str(root), tables.RECOMMENDATIONS, "live").rows_out > 0
