"""The lowest rungs of the ladder: what train rows say is popular, among users with the same attribute where asked."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.recommenders import lists


def score(users: DataFrame, train: DataFrame, history: DataFrame, values: DataFrame | None, k: int, shown: lists.Shown
          ) -> DataFrame:  # fmt: skip
    """user_id, items, reason: exactly one row a user.

    train: SPLIT rows of role train; history: the role's, whose items may be hidden. values: user_id, group (the value
    of an attribute), for segment_popularity: items by train events of users with the same value, then by all; where
    train has no event of such a user, popularity. Score: the events counted.
    """
    if values is None:
        fill = lists.in_order(lists.counts(train), history, users, k, shown)
        found = lists.filled(users, None, fill, history, k, shown)
        return found.withColumn("reason", F.lit("popularity"))
    fill = lists.in_order(by_group(train, values), history, users, k, shown)
    groups = F.broadcast(fill.select("group", F.lit(True).alias("counted")))
    whose = users.select("user_id").join(values, "user_id", "left").join(groups, "group", "left")
    whose = whose.select("user_id", F.when(F.col("counted"), F.col("group")).otherwise("").alias("group"))
    found = lists.filled(whose, None, fill, history, k, shown)
    reason = F.when(F.col("group") == "", "popularity").otherwise("segment_popularity")
    return found.drop("reason").join(whose, "user_id", "inner").select("user_id", "items", reason.alias("reason"))


def by_group(train: DataFrame, values: DataFrame) -> DataFrame:
    """group, item_id, recent (train events of the item by users of the group), count (by all): every item with an event
    for each group with one, and for the group '', which is everybody."""
    every = train.groupBy("item_id").agg(F.count(F.lit(1)).alias("count"))
    mine = train.join(values, "user_id", "inner").groupBy("group", "item_id").agg(F.count(F.lit(1)).alias("recent"))
    grid = mine.select("group").distinct().crossJoin(every)
    counted = grid.join(mine, ["group", "item_id"], "left").fillna(0, ["recent"])
    all_ = every.select(F.lit("").alias("group"), "item_id", F.col("count").alias("recent"), "count")
    return counted.select("group", "item_id", "recent", "count").unionByName(all_)
