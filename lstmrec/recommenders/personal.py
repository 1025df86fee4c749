"""The user's own most frequent items, each event decayed to the cut where a half-life is given."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config.recommenders import Personal
from lstmrec.contracts.units import DAY_US, FIXED
from lstmrec.recommenders import lists


def fit(events: DataFrame, entry: Personal) -> dict[str, DataFrame]:
    """Nothing: it counts up to the role's cut."""
    return {}


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: Personal, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason. Score: sum over the item's events of 2^(-age / half-life); equal ones by plain count."""
    weight = F.lit(FIXED).cast("bigint")
    if entry.half_life_days is not None and cut_us is not None:
        age = (F.lit(cut_us) - F.col("time")) / F.lit(entry.half_life_days * DAY_US)
        weight = lists.fixed(F.pow(F.lit(2.0), -age))
    mine = lists.allowed(history, history, shown).groupBy("user_id", "item_id")
    summed = mine.agg(F.sum(weight).alias("weight"), F.count(F.lit(1)).alias("count"))
    scored = summed.withColumn("score", F.col("weight") / F.lit(float(FIXED)))
    own = lists.best(scored, k, shown, -F.col("weight"), -F.col("count"))
    fill = lists.by_place(lists.popular(history, users, k, shown))
    return lists.filled(users, own, fill, history, k, shown)
