from __future__ import annotations

from typing import Any

import pytest

from lstmrec.config.recommenders import Table
from lstmrec.recommenders import table
from lstmrec.recommenders.lists import ITEMS, Shown
from tests.recommenders import logs

ENTRY = Table(kind="table", root="elsewhere")
ROWS = [("u0", "a", 1, None, "train", 0), ("u0", "b", 2, None, "train", 1), ("u1", "a", 1, None, "train", 0),
        ("u2", "c", 1, None, "train", 0)]  # fmt: skip
LISTS = [("test", "u0", [("z", -1.5), ("b", -2.0), ("y", -2.0)], "full_history"),
         ("test", "u1", [("x", 9.0), ("w", 8.0), ("v", 7.0)], "short_history"), ("test", "u2", [("c", 1.0)], "history"),
         ("serve", "u1", [("s", 1.0)], "full_history"), ("test", "gone", [("q", 1.0)], "full_history")]  # fmt: skip
RULES = "item_id string, everybody boolean, segments array<string>, pin int, caps array<int>"


def scored(spark: Any, shown: Shown, k: int) -> dict[str, tuple[list[tuple[str, float]], str]]:
    rows = [(role, u, [(i, s, n + 1) for n, (i, s) in enumerate(mine)], why) for role, u, mine, why in LISTS]
    theirs = spark.createDataFrame(rows, f"role string, user_id string, items {ITEMS}, reason string").repartition(2)
    users = spark.createDataFrame([("test", u) for u in ("u0", "u1", "u2", "new")], "role string, user_id string")
    frame = spark.createDataFrame(ROWS, logs.DDL)
    fitted = table.fit(frame, ENTRY, lambda entry: theirs if entry == ENTRY else None)
    got = table.score(users, frame, fitted, ENTRY, None, k, shown).collect()
    assert sorted(r["user_id"] for r in got) == ["new", "u0", "u1", "u2"]
    assert all([x["rank"] for x in r["items"]] == list(range(1, len(r["items"]) + 1)) for r in got)
    return {r["user_id"]: ([(x["item_id"], x["score"]) for x in r["items"]], r["reason"]) for r in got}


def test_lists_are_theirs_and_whoever_they_forgot_is_not(spark: Any) -> None:
    got = scored(spark, Shown(), 2)
    assert got["u0"] == ([("z", -1.5), ("b", -2.0)], "full_history")
    assert got["u1"] == ([("x", 9.0), ("w", 8.0)], "short_history")
    assert got["u2"][0][0][0] == "c" and got["u2"][1] == "history"
    assert got["new"][0][0][0] == "a" and got["new"][1] == "popularity"


def test_what_may_not_be_shown_is_left_out_and_fills_score_below(spark: Any) -> None:
    got = scored(spark, Shown("history"), 4)
    # b is u0's own: z and y stay, then popularity a place below the last each, though that is below 0
    assert got["u0"] == ([("z", -1.5), ("y", -2.0), ("c", -3.0)], "full_history")
    assert got["u1"][0][:3] == [("x", 9.0), ("w", 8.0), ("v", 7.0)] and got["u1"][0][3][1] == -1.0
    assert got["u2"] == ([("a", -1.0), ("b", -2.0)], "popularity")


@pytest.mark.parametrize("most", [(), (1,)])
def test_rules_hold(spark: Any, most: tuple[int, ...]) -> None:
    rules = [(i, i != "w", [], None, [1] if i in "xv" and most else []) for i in ("x", "w", "v", "a", "b")]
    got = scored(spark, Shown("none", spark.createDataFrame(rules, RULES), None, most), 3)
    own = [("x", 9.0), ("v", 7.0)][: 1 if most else 2]
    assert got["u1"][0][: len(own)] == own and len(got["u1"][0]) == 3
    assert {i for i, _ in got["u1"][0]} <= {"x", "v", "a", "b"} and all(s < 0 for _, s in got["u1"][0][len(own) :])
    assert got["u0"][0][0][0] == "b" and got["u2"][1] == "popularity"
