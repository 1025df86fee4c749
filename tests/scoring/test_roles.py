from __future__ import annotations

from typing import Any

from lstmrec.scoring import roles

SPLIT = [
    ("a", "train"), ("a", "train"), ("a", "validation"), ("a", "test"), ("b", "test"), ("c", "train"),
    ("d", "validation"),
]  # fmt: skip


def frames(spark: Any) -> tuple[Any, Any]:
    return spark.createDataFrame(SPLIT, "user_id string, role string"), spark.createDataFrame(
        [(u,) for u in "abcde"], "user_id string"
    )


def test_users_and_histories_of_each_role(spark: Any) -> None:
    found = roles.users(*frames(spark), ["validation", "test", "serve"]).collect()
    assert sorted(tuple(r) for r in found) == [
        ("serve", "a", 4), ("serve", "b", 1), ("serve", "c", 1), ("serve", "d", 1), ("serve", "e", 0),
        ("test", "a", 3), ("test", "b", 0), ("validation", "a", 2), ("validation", "d", 0),
    ]  # fmt: skip


def test_the_ladder_has_a_rung_for_everyone(spark: Any) -> None:
    users = spark.createDataFrame([("a", 5), ("b", 4), ("c", 0), ("d", 0)], "user_id string, history int")
    lists = spark.createDataFrame(
        [("a", True), ("b", True), ("c", True), ("d", False)], "user_id string, known boolean"
    ).selectExpr("user_id", "cast(array() as array<struct<item_id:string,score:float,rank:int>>) as items", "known")
    got = {r["user_id"]: r["reason"] for r in roles.ladder(lists, users, 5).collect()}
    assert got == {"a": "full_history", "b": "short_history", "c": "profile_only", "d": "popularity"}
    none = {r["user_id"]: r["reason"] for r in roles.ladder(lists, users, 0).collect()}
    assert none["b"] == "full_history" and none["d"] == "popularity"


def test_lost_doubled_and_uninvited_users_are_found(spark: Any) -> None:
    users = spark.createDataFrame([("test", u) for u in "abcd"], "role string, user_id string")
    lists = spark.createDataFrame(
        [("m", "test", u) for u in ("a", "b", "b", "x")], "recommender string, role string, user_id string"
    )
    tally = roles.tally(lists).collect()
    got, wrong = roles.compared({"test": 4}, tally, ["m", "gone"])
    assert got == {"m": {"test": 4}, "gone": {"test": 0}} and wrong == [("m", "test"), ("gone", "test")]
    assert [r["user_id"] for r in roles.differing(lists, users, "m", "test").collect()] == ["b", "c", "d", "x"]
    whole = users.selectExpr("'m' as recommender", "role", "user_id")
    assert roles.compared({"test": 4}, roles.tally(whole).collect(), ["m"])[1] == []
