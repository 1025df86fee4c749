"""What the user took last: the items of the newest instant, then of earlier ones."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config.recommenders import LastBasket
from lstmrec.recommenders import lists


def fit(events: DataFrame, entry: LastBasket) -> dict[str, DataFrame]:
    """Nothing: it looks at the history before the role's cut."""
    return {}


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: LastBasket, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason. Score: 1 + the last index of the newest instant that holds the item; within an instant
    by the user's own count, then by popularity. An instant is one time, or one position where there is no time."""
    instant = ["user_id", "time", "order"]
    events = history.withColumn("order", F.when(F.col("time").isNull(), F.coalesce("position", "index")))
    place = events.groupBy(*instant).agg(F.max("index").alias("last"))
    placed = events.alias("e").join(
        place.alias("p"),
        (F.col("e.user_id") == F.col("p.user_id")) & F.col("e.time").eqNullSafe(F.col("p.time"))
        & F.col("e.order").eqNullSafe(F.col("p.order")), "inner",
    )  # fmt: skip
    mine = placed.groupBy("e.user_id", "e.item_id").agg(F.max("p.last").alias("last"), F.count(F.lit(1)).alias("own"))
    known = lists.allowed(mine, history, shown).join(lists.counts(history), "item_id", "inner")
    scored = known.withColumn("score", F.col("last") + 1)
    own = lists.best(scored, k, shown, -F.col("last"), -F.col("own"), -F.col("count"))
    fill = lists.by_place(lists.popular(history, users, k, shown))
    return lists.filled(users, own, fill, history, k, shown)
