"""Reasons on their way to the table: pins push items about, other rungs have none."""

from __future__ import annotations

from typing import Any

from pyspark.sql import functions as F

from lstmrec.contracts import tables
from lstmrec.frames import filters
from lstmrec.scoring import reasons, roles
from lstmrec.scoring.options import REASONED_DDL

ROWS = [
    ("u1", [("a", 3.0, 1), ("b", 2.0, 2), ("c", 1.0, 3)], True, ["x"], [[("x", 0.5)], [], [("y", 0.25), ("x", 0.1)]],
     0.5, 1.5),
    ("u2", [("b", 2.0, 1)], True, [], [[]], 0.5, 0.5),
]  # fmt: skip


def test_reasons_stay_with_their_items(spark: Any) -> None:
    lists = spark.createDataFrame(ROWS, REASONED_DDL)
    facts = reasons.cost({"model-serve": lists}, lambda frame: frame.collect())
    assert facts == {"model-serve": {"users": 2, "explained": 1,
                                     "users_per_core_second": {"without": 2.0, "with": round(2 / 3, 1)}}}  # fmt: skip
    assert reasons.told(facts) == {"users/s a core": "2, with reasons 1"} and reasons.told({}) == {}
    made = reasons.carried(lists).select("user_id", "items", F.lit("full_history").alias("reason"), "because", "why")
    low = spark.createDataFrame([("u3", [("b", 9.0, 1)], "popularity")], "user_id string, items "
                                "array<struct<item_id:string,score:float,rank:int>>, reason string")  # fmt: skip
    made = filters.with_pins(made.unionByName(low, allowMissingColumns=True), [(2, "p", True, ())], None, 3)
    users = made.select("user_id", F.lit(4).alias("history"))
    table = roles.rows(made, users, "model", "serve", "m", 0)
    assert table.columns == list(tables.RECOMMENDATIONS.names)
    got = {r["user_id"]: r for r in table.collect()}
    assert [x["item_id"] for x in got["u1"]["items"]] == ["a", "p", "b"]
    assert [[r["item_id"] for r in each] for each in got["u1"]["reasons"]] == [["x"], [], []]
    assert got["u1"]["because"] == ["x"] and got["u2"]["reasons"] == [[], []] and got["u2"]["because"] == []
    assert got["u3"]["reasons"] is None and got["u3"]["because"] is None


def test_lists_without_reasons_have_none(spark: Any) -> None:
    lists = spark.createDataFrame(ROWS, REASONED_DDL).select("user_id", "items", F.lit("history").alias("reason"))
    assert reasons.carried(lists) is lists
    rows = roles.rows(lists, lists.select("user_id", F.lit(1).alias("history")), "knn", "serve", "m", 0).collect()
    assert [(r["because"], r["reasons"]) for r in rows] == [(None, None)] * 2
