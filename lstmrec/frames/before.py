"""What a user had before a window: the distinct known items, and how often, how lately, how densely each was there.

Decays are rounded to 2^-20 per event before they are summed: integers do not change with the shuffle.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts.ids import FIRST

FIXED = 1 << 20
_DAY_SECONDS = 86_400


def met(history: Column, start: Column) -> Column:
    """array<int>: distinct known items of the first `start` events, rising (history: filter)."""
    items = F.transform(F.slice(history, 1, start), lambda e: e["item"])
    return F.array_sort(F.array_distinct(F.filter(items, lambda x: x >= FIRST)))


def counted(windows: DataFrame, histories: DataFrame, half_lives_days: Sequence[float]) -> DataFrame:
    """user_id, start, met: array of struct(item, count, last, decayed array<bigint>), items rising (history: learn).

    histories: user_id, history (array of struct(item, second, ...)). count: events of the item before `start`.
    last: second of the latest. decayed: sum of 2^(-age / half-life) in units of 2^-20, the age counted at the event at
    `start`, one number per half-life. Windows with nothing known before them have no row.
    """
    starts = windows.where("start > 0").select("user_id", "start").distinct()
    # Merged by user: a broadcast of the small side would make the exploded events travel to their groups.
    mine = histories.select("user_id", "history")
    events = starts.hint("merge").join(mine, "user_id", how="inner").select(
        "user_id", "start",
        F.get("history", F.col("start"))["second"].alias("now"),
        F.explode(F.slice("history", 1, F.col("start"))).alias("e"),
    ).where(F.col("e.item") >= FIRST)  # fmt: skip
    age = (F.col("now") - F.col("e.second")).cast("double")
    decays = [
        F.sum(F.round(F.pow(F.lit(2.0), -age / F.lit(days * _DAY_SECONDS)) * FIXED).cast("bigint")).alias(f"d{j}")
        for j, days in enumerate(half_lives_days)
    ]
    items = events.groupBy("user_id", "start", F.col("e.item").alias("item")).agg(
        F.count(F.lit(1)).cast("int").alias("count"), F.max("e.second").alias("last"), *decays
    )
    decayed = F.array(*[F.col(f"d{j}") for j in range(len(half_lives_days))]).cast("array<bigint>").alias("decayed")
    return items.groupBy("user_id", "start").agg(
        F.sort_array(F.collect_list(F.struct("item", "count", "last", decayed))).alias("met")
    )
