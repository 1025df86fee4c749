"""What a user had before a window: the distinct known items, and how often, how lately, how densely each was there.

Decays are rounded to 2^-20 per event before they are summed: integers do not change with the shuffle.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts.ids import FIRST, UNKNOWN
from lstmrec.contracts.units import DAY_S, FIXED


def decayed(j: int) -> str:
    """Name of the column of the half-life at place j."""
    return f"before_decayed_{j}"


def nothing(half_lives_days: Sequence[float]) -> dict[str, Column]:
    """Column -> the empty array, for what nothing was before."""
    kinds = {"before_items": "int", "before_counts": "int", "before_times": "bigint"}
    kinds |= {decayed(j): "float" for j in range(len(half_lives_days))}
    return {name: F.array().cast(f"array<{kind}>") for name, kind in kinds.items()}


def columns(half_lives_days: Sequence[float]) -> list[str]:
    """before_items, before_counts, before_times, and a column a half-life."""
    return list(nothing(half_lives_days))


def met(items: Column, start: Column) -> Column:
    """array<int>: distinct known items of the first `start` of an array of items, rising (history: filter)."""
    distinct = F.array_remove(F.array_distinct(F.slice(items, 1, start)), UNKNOWN)
    return F.when(start > 0, F.sort_array(distinct)).otherwise(F.array().cast("array<int>"))


def counted(windows: DataFrame, histories: DataFrame, half_lives_days: Sequence[float]) -> DataFrame:
    """user_id, start and, items rising, arrays of equal length: `columns` (history: learn).

    histories: user_id, items, times (seconds). before_counts: events of the item before `start`. before_times: seconds
    of the latest. before_decayed_j: sum of 2^(-age / half-life), each rounded to 2^-20 before it is added, the age
    counted at the event at `start`. Windows with nothing known before them have no row.
    """
    starts = windows.where("start > 0").select("user_id", "start").distinct()
    # Merged by user: a broadcast of the small side would make the exploded events travel to their groups.
    mine = histories.select("user_id", "items", "times")
    events = starts.hint("merge").join(mine, "user_id", how="inner").select(
        "user_id", "start",
        F.get("times", F.col("start")).alias("now"),
        F.explode(F.slice(F.arrays_zip("items", "times"), 1, F.col("start"))).alias("e"),
    ).where(F.col("e.items") >= FIRST)  # fmt: skip
    age = (F.col("now") - F.col("e.times")).cast("double")
    decays = [
        F.sum(F.round(F.pow(F.lit(2.0), -age / F.lit(days * DAY_S)) * FIXED).cast("bigint")).alias(f"d{j}")
        for j, days in enumerate(half_lives_days)
    ]
    items = events.groupBy("user_id", "start", F.col("e.items").alias("item")).agg(
        F.count(F.lit(1)).cast("int").alias("count"), F.max("e.times").alias("last"), *decays
    )
    parts = [(F.col(f"d{j}") / FIXED).cast("float").alias(f"d{j}") for j in range(len(half_lives_days))]
    found = items.groupBy("user_id", "start").agg(
        F.sort_array(F.collect_list(F.struct("item", "count", "last", *parts))).alias("met")
    )
    fields = ["item", "count", "last", *[f"d{j}" for j in range(len(half_lives_days))]]
    named = zip(fields, columns(half_lives_days), strict=True)
    return found.select("user_id", "start", *[F.col("met")[field].alias(name) for field, name in named])
