"""Baskets: what a user took at one instant, which is one time, or one position where there is no time."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.contracts.units import FIXED
from lstmrec.recommenders import grid, lists, ranker


def placed(events: DataFrame) -> DataFrame:
    """user_id, item_id, back (baskets that came after, from 0), baskets (the user's): one row an item a basket."""
    order = F.when(F.col("time").isNull(), F.coalesce("position", "index"))
    # Structs, not columns: positions of events without a time stand by themselves, before those with one.
    newest = Window.partitionBy("user_id").orderBy(F.struct("time", order.alias("order")).desc())
    ranked = events.select("user_id", "item_id", (F.dense_rank().over(newest) - 1).alias("back"))
    whole = Window.partitionBy("user_id").rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    return ranked.distinct().withColumn("baskets", F.max("back").over(whole) + 1)


def summed(placed: DataFrame, weight: Column) -> DataFrame:
    """user_id, item_id, weight (2^-20): the sum over the baskets that hold the item."""
    found = placed.groupBy("user_id", "item_id").agg(F.sum(lists.fixed(weight)).alias("weight"))
    return found.where("weight > 0")


def peers(weights: DataFrame, most: int) -> DataFrame:
    """The rows of at most so many users, chosen by a hash of their id."""
    users = weights.select("user_id").distinct().orderBy(F.xxhash64("user_id"), "user_id").limit(most)
    return weights.join(users, "user_id", "left_semi")


def best(users: DataFrame, history: DataFrame, mine: DataFrame, peers: DataFrame, scorer: ranker.Scorer, k: int,
         shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason of scorers of `recommenders.user_knn`. mine, peers: user_id, item_id, weight of the users
    to score and of those they are compared with; nobody is his own neighbour."""
    items = grid.numbered(history.select("item_id").distinct())
    nothing = F.lit(None).cast("array<int>")
    catalogue = items.select("id", "item_id", nothing.alias("keys"), nothing.alias("weights"))
    every = peers.groupBy().agg(F.sort_array(F.collect_set(F.struct(F.xxhash64("user_id"), "user_id"))).alias("all"))
    ids = every.select(F.posexplode("all.user_id").alias("id", "user_id"))
    known = [
        grid.payload(rows.join(items, "item_id", "inner"), "user_id", "id", F.col("weight")).join(ids, "user_id", how)
        for rows, how in ((mine.join(users.select("user_id"), "user_id", "left_semi"), "left"), (peers, "inner"))
    ]
    own = grid.best(users, catalogue, known[0], history, scorer, k, shown, known[1], unit=FIXED**2)
    return lists.filled(users, own, lists.by_place(lists.popular(history, users, k, shown)), history, k, shown)
