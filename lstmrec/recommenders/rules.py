"""Sequential rules: what followed an item, weighted by 1 / distance (Ludewig and Jannach 2018, "Evaluation of
session-based recommendation algorithms", section 3.1.3), voted for by the last events of the history."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.config.recommenders import Rules
from lstmrec.contracts.units import FIXED
from lstmrec.recommenders import lists, votes

#: Events that vote; at decay 0.7 the next one would weigh less than 2^-20.
LAST = 40


def fit(events: DataFrame, entry: Rules) -> dict[str, DataFrame]:
    """`rules`: item, item_id (what followed it), weight (2^-20): the `neighbours` heaviest of each item."""
    order = Window.partitionBy("user_id").orderBy("index")
    later = F.array(*[
        F.struct(F.lead("item_id", s).over(order).alias("item_id"), F.lit(round(FIXED / s)).alias("weight"))
        for s in range(1, entry.steps + 1)
    ])  # fmt: skip
    followed = events.select(F.col("item_id").alias("item"), later.alias("later"))
    pairs = (
        followed.select("item", F.explode("later").alias("next")).select("item", "next.*").where("item_id IS NOT NULL")
    )
    summed = pairs.groupBy("item", "item_id").agg(F.sum("weight").cast("bigint").alias("weight"))
    return {"rules": heaviest(summed, entry.neighbours)}


def heaviest(rules: DataFrame, n: int) -> DataFrame:
    """The n rows of each `item` with most `weight`."""
    order = Window.partitionBy("item").orderBy(-F.col("weight"), *lists.ties())
    return rules.withColumn("place", F.row_number().over(order)).where(F.col("place") <= n).drop("place")


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: Rules, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason. Score: sum over the last events of weight * decay^(steps back)."""
    order = Window.partitionBy("user_id").orderBy(F.col("index").desc())
    mine = history.join(users.select("user_id"), "user_id", "left_semi")
    last = mine.withColumn("back", F.row_number().over(order) - 1).where(F.col("back") < LAST)
    own = votes.best(
        last.select("user_id", F.col("item_id").alias("item"), "back"),
        fitted["rules"],
        entry.decay,
        history,
        k,
        shown,
    )
    fill = lists.by_place(lists.popular(history, users, k, shown))
    return lists.filled(users, own, fill, history, k, shown)
