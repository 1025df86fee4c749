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
    named = [*now, "unheard of", "empty"]
    digests = spark.createDataFrame(
        [(u, *rest, u == "more") for u, rest in now.items()] + [("empty", None, None, 1, None)],
        "user_id string, history int, fed bigint, first int, near boolean",
    )
    who = spark.createDataFrame([("serve", u) for u in named], "role string, user_id string")
    static = spark.createDataFrame([(u, [2 - (u == "new")]) for u in now], "user_id string, static array<int>")

    def found(states: Any, rest: bool) -> dict[str, Any]:
        rows = carried.standing(who, static, None, digests, states, rest).collect()
        assert len(rows) == len({r["user_id"] for r in rows})
        return {r["user_id"]: r for r in rows}

    plain, whole = found(None, False), (carried.WHOLE, 0)
    assert {(r["kind"], r["had"]) for r in plain.values()} == {whole}
    assert {u for u, r in plain.items() if r["known"]} == set(now) - {"new"}
    assert {u for u, r in plain.items() if r["near"]} == {"more", "unheard of", "empty"}
    digest = {u: r["static"] for u, r in plain.items()}
    old = [(u, 3, 7, digest.get(u, 0) + (u == "moved house")) for u in [*named, "gone"] if u != "new"]
    states = spark.createDataFrame(old, STATES)
    kinds = {
        "same": (carried.SAME, 0), "more": (carried.ON, 3), "later": (carried.ON, 3), "gone": (carried.GONE, 0),
        **dict.fromkeys(("other", "less", "new", "restated", "moved house", "still", "empty"), whole),
    }  # fmt: skip
    for rest in (True, False):  # of whom nothing is said: they are as they were, or have no event
        rows = found(states, rest)
        want = kinds | {"unheard of": (carried.SAME, 0) if rest else whole}
        assert {u: (r["kind"], r["had"]) for u, r in rows.items()} == want
        assert {r["role"] for u, r in rows.items() if u != "gone"} == {"serve"} and rows["gone"]["role"] is None
        told = {u: (r["history"], r["fed"]) for u, r in rows.items() if u != "gone"}
        held = (3, 7) if rest else (0, 0)
        assert told == {u: v[:2] for u, v in now.items()} | {"unheard of": held, "empty": held}


def test_who_did_not_move_has_the_digests_of_the_state(spark: Any) -> None:
    before = {"stays": "abc", "moves": "ab", "had x": "bxx"}
    now = {**before, "moves": "abx", "new": "c"}
    empty = [("nobody", 0, 0, 0)]
    known = [(r["user_id"], r["history"], r["fed"], 0) for r in carried.digests(history(spark, before), None).collect()]
    states = spark.createDataFrame(known + empty, STATES)
    turned = spark.createDataFrame([("x", True), ("a", False)], "item_id string, restated boolean")
    everything, moved = history(spark, now), history(spark, {u: now[u] for u in ("moves", "new")})
    who = spark.createDataFrame([("serve", u) for u in [*now, "nobody"]], "role string, user_id string")
    static = spark.createDataFrame([], "user_id string, static array<int>")
    for asked, restated in ((turned, turned.where("restated")), (turned, ["x"]), (None, [])):
        few, all_ = carried.since(moved, everything, restated), carried.digests(everything, asked)
        rows = carried.standing(who, static, None, few, states, True).collect()
        plain = carried.standing(who, static, None, all_, states, False).collect()
        assert sorted(r[:-1] for r in rows) == sorted(r[:-1] for r in plain)
        assert {r["user_id"] for r in rows if r["near"]} == {"moves", "new", "nobody"}
        assert {r["user_id"]: r["first"] for r in few.collect() if r["first"] is not None} == {
            r["user_id"]: r["first"] for r in all_.collect() if r["first"] is not None
        }
