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
from lstmrec.frames.windows import windows
from lstmrec.jobs import clean, split
from lstmrec.store import door
from lstmrec.store.commit import commit
from lstmrec.store.read import read
from tests.frames.test_split import frame

DAY = 86_400_000_000


def config(root: Path, **how: Any) -> Config:
    data = {"root": str(root), "as_of": "1970-04-11T00:00:00Z", "clean": {"events": {"path": [str(root / "none")]}}}
    return validate({**data, "split": how})


def given(spark: Any, conf: Config, days: list[int]) -> None:
    """One event of two users on each of these days."""
    rows = [(u, f"i{d}", "e", d * DAY, None, None, None, None, d) for u in ("u", "v") for d in days]
    t = door.Ticket(conf.root, "clean", clean.VERSION, "k" * 64, conf.as_of)
    commit(frame(spark, rows), t, tables.EVENTS)


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
    assert "split.by: time" in caught.value.where and "the events are from 1970-0" in caught.value.hint
    with pytest.raises(DataError, match="D105"):
        versions.current(conf.root, tables.SPLIT)


def test_an_instant_outside_the_data_is_refused(spark: Any, tmp_path: Path) -> None:
    given(spark, config(tmp_path), [10, 20, 30])
    for key, instant in (("test_from", "1970-03-01T00:00:00Z"), ("validation_from", "1970-01-05T00:00:00Z")):
        with pytest.raises(DataError, match="D321") as caught:
            split.run(spark, config(tmp_path, **({"test_from": "1970-01-25T00:00:00Z"} | {key: instant})))
        assert caught.value.where == f"split.{key}"
        assert "from 1970-01-11T00:00:00Z to 1970-01-31T00:00:00Z" in caught.value.what


def test_shares_gap_and_labels(spark: Any, tmp_path: Path) -> None:
    conf = config(tmp_path, test_share=0.2, validation_share=0.2, gap_days=2)
    given(spark, conf, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    m = split.run(spark, conf)
    assert (m.rows_in, m.rows_out, m.rows_rejected, m.facts["withheld"]) == (20, 12, 8, {"gap": 8})
    cuts = {r["role"]: (r["time"], r["start"], r["events"]) for r in read(spark, conf.root, tables.CUTS).collect()}
    assert cuts == {
        "train": (3 * DAY, None, 4), "validation": (3 * DAY, 5 * DAY, 4), "test": (7 * DAY, 9 * DAY, 4),
        "serve": (100 * DAY, None, 12),
    }  # fmt: skip
    with pytest.raises(DataError, match="train: 0 users"):
        split.run(spark, config(tmp_path, test_share=0.2, validation_share=0.2, gap_days=4))


def test_users_held_out_are_known_and_not_learnt_from(spark: Any, tmp_path: Path, monkeypatch: Any) -> None:
    conf = config(tmp_path, test_days=10, validation_days=10, users={"share": 0.5})
    rows = [(f"u{n}", f"i{d}", "e", d * DAY, None, None, None, None, d) for n in range(40) for d in (1, 2, 85, 95)]
    commit(frame(spark, rows), door.Ticket(conf.root, "clean", 1, "k" * 64, conf.as_of), tables.EVENTS)
    m = split.run(spark, conf)
    by_user: dict[str, set[str]] = {}
    for r in read(spark, conf.root, tables.SPLIT).collect():
        by_user.setdefault(r["user_id"], set()).add(r["role"])
    kinds = sorted(by_user.values(), key=sorted)
    assert {frozenset(k) for k in kinds} == {
        frozenset({"train", "validation", "test"}), frozenset({"context", "validation", "test"}),
    }  # fmt: skip
    held = {u for u, k in by_user.items() if "context" in k}
    seen = {r["id"]: (r["first_role"], r["warm"]) for r in read(spark, conf.root, tables.SEEN).collect()}
    assert {u for u in by_user if not seen[u][1]} == held and m.facts["context_users"] == len(held)
    assert seen["i1"] == ("train", True) and seen["i95"] == ("test", False)
    histories = split_windows(spark, conf)
    assert {(u, role) for u, role in histories if role == "train"} == {(u, "train") for u in set(by_user) - held}
    assert histories["u0", "validation"] == 2 and {histories[u, "test"] for u in by_user} == {3}

    honest = split.split.with_split

    def leaking(c: Any, *more: Any) -> Any:
        return honest(c.model_copy(update={"users": None}), *more)

    monkeypatch.setattr(split.split, "with_split", leaking)
    with pytest.raises(DataError, match=f"D322.*{len(held)} users held out"):
        split.run(spark, conf)


def split_windows(spark: Any, conf: Config) -> dict[tuple[str, str], int]:
    """(user, role) -> history of the windows of what was committed."""
    rows = read(spark, conf.root, tables.SPLIT)
    made = windows(rows, rows.select("user_id").distinct(), conf.sequence, conf.seed)
    return {(r["user_id"], r["role"]): r["history"] for r in made.collect()}
