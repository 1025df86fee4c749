"""s2 on committed events: roles, cuts, and a split without a role refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.jobs import clean, split
from lstmrec.store import door
from lstmrec.store.commit import commit
from lstmrec.store.read import read

DAY = 86_400_000_000


def config(root: Path, **how: Any) -> Config:
    data = {"root": str(root), "as_of": "1970-04-11T00:00:00Z", "clean": {"events": {"path": [str(root / "none")]}}}
    return validate({**data, "split": how})


def given(spark: Any, conf: Config, days: list[int]) -> None:
    """One event of two users on each of these days."""
    rows = [(u, f"i{d}", "e", d * DAY, None, None, None, None, d) for u in ("u", "v") for d in days]
    t = door.Ticket(conf.root, "clean", clean.VERSION, "k" * 64, conf.as_of)
    commit(spark.createDataFrame(rows, tables.EVENTS.ddl), t, tables.EVENTS)


def test_cuts_say_where_histories_end(spark: Any, tmp_path: Path) -> None:
    conf = config(tmp_path, test_days=10, validation_days=10)
    given(spark, conf, [1, 2, 79, 80, 89, 90, 99])
    m = split.run(spark, conf)
    assert (m.rows_in, m.rows_out, m.facts["tied"], m.facts["told"]["test users"]) == (14, 14, 0, "2")
    cuts = {r["role"]: (r["time"], r["users"], r["events"]) for r in read(spark, conf.root, tables.CUTS).collect()}
    assert cuts == {
        "train": (80 * DAY, 2, 6), "validation": (80 * DAY, 2, 4), "test": (90 * DAY, 2, 4),
        "serve": (100 * DAY, 2, 14),
    }  # fmt: skip
    assert sys.modules[split.__name__].GIVES[-1] is tables.SPLIT
    assert versions.current(conf.root, tables.SPLIT) == m


@pytest.mark.parametrize("days,role", [([1, 2, 85], "test"), ([1, 2, 95], "validation"), ([85, 95], "train")])
def test_a_role_without_events_is_refused(spark: Any, tmp_path: Path, days: list[int], role: str) -> None:
    conf = config(tmp_path, test_days=10, validation_days=10)
    given(spark, conf, days)
    with pytest.raises(DataError, match=f"{role}: 0 users of 2") as caught:
        split.run(spark, conf)
    assert "split.by: time" in caught.value.where
    with pytest.raises(DataError, match="D105"):
        versions.current(conf.root, tables.SPLIT)
