"""Who moved since the states were made, by digests alone (whole days: tests/scoring/test_states.py)."""

from __future__ import annotations

from typing import Any

from lstmrec.frames import carried

SPLIT = "user_id string, item_id string, event_type string, time bigint, index int"
STATES = "user_id string, events int, fed bigint, static bigint"


def history(spark: Any, of: dict[str, str]) -> Any:
    """Events of users: one letter is one item."""
    rows = [(u, item, "buy", 10 * i, i) for u, items in of.items() for i, item in enumerate(items)]
    return spark.createDataFrame(rows, SPLIT)


def test_digests_are_of_places_items_types_and_times(spark: Any) -> None:
    turned = spark.createDataFrame([("x", True), ("a", False)], "item_id string, restated boolean")
    rows = history(spark, {"u": "abxx", "v": "abxx", "w": "baxx", "y": "ab"})
    found = {r["user_id"]: r for r in carried.digests(rows, turned).collect()}
    assert {u: (r["history"], r["first"]) for u, r in found.items()} == {
        "u": (4, 2), "v": (4, 2), "w": (4, 2), "y": (2, None)
    }  # fmt: skip
    assert found["u"]["fed"] == found["v"]["fed"] != found["w"]["fed"]
    for other in (rows.withColumn("event_type", rows.item_id), rows.withColumn("time", rows.time + 1)):
        assert {r["user_id"]: r["fed"] for r in carried.digests(other, None).collect()}["u"] != found["u"]["fed"]
    plain = {r["user_id"]: r for r in carried.digests(rows, None).collect()}
    assert plain["u"]["fed"] == found["u"]["fed"] and plain["u"]["first"] is None


def test_where_a_user_stands(spark: Any) -> None:
    """A state of three events each; what there is now: (events, digest, first restated event)."""
    now = {"same": (3, 7, None), "more": (4, 9, None), "other": (3, 8, None), "less": (2, 7, None), "new": (1, 7, None),
           "restated": (4, 9, 2), "later": (4, 9, 3), "moved house": (3, 7, None), "still": (3, 7, 1)}  # fmt: skip
    who = spark.createDataFrame(
        [(u, *rest, u == "more") for u, rest in now.items()],
        "user_id string, history int, fed bigint, first int, near boolean",
    )
    static = spark.createDataFrame([(u, [1]) for u in now], "user_id string, static array<int>")
    digest = carried.standing(who, static, None, None).first()["static"]
    states = spark.createDataFrame(
        [(u, 3, 7, digest + (u == "moved house")) for u in [*now, "gone"] if u != "new"], STATES
    )
    found = {r["user_id"]: (r["kind"], r["had"]) for r in carried.standing(who, static, None, states).collect()}
    whole = (carried.WHOLE, 0)
    assert found == {
        "same": (carried.SAME, 0), "more": (carried.ON, 3), "later": (carried.ON, 3), "gone": (carried.GONE, 0),
        **dict.fromkeys(("other", "less", "new", "restated", "moved house", "still"), whole),
    }  # fmt: skip


def test_who_did_not_move_has_the_digests_of_the_state(spark: Any) -> None:
    before = {"stays": "abc", "moves": "ab", "had x": "bxx"}
    now = {**before, "moves": "abx", "new": "c"}
    empty = [("nobody", 0, 0, 0)]
    known = [(r["user_id"], r["history"], r["fed"], 0) for r in carried.digests(history(spark, before), None).collect()]
    states = spark.createDataFrame(known + empty, STATES)
    turned = spark.createDataFrame([("x", True), ("a", False)], "item_id string, restated boolean")
    everything, moved = history(spark, now), history(spark, {u: now[u] for u in ("moves", "new")})
    for asked, restated in ((turned, turned.where("restated")), (turned, ["x"]), (None, [])):
        found = carried.gone_on(moved, states, everything, restated).collect()
        plain = carried.digests(everything, asked).collect()
        assert sorted((r["user_id"], r["history"], r["fed"], r["first"]) for r in found) == sorted(
            (r["user_id"], r["history"], r["fed"], r["first"]) for r in plain
        )
        assert {r["user_id"] for r in found if r["near"]} == {"moves", "new"}
