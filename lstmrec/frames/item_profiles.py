"""Point-in-time aggregates of items at each role's cut: only events of the role's history are known."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_DAY = 86_400_000_000
_LATER = {"train": ("validation", "test", "serve"), "validation": ("test", "serve"), "test": ("serve",)}


def item_profiles(split: DataFrame, cuts: DataFrame) -> DataFrame:
    """ITEM_PROFILES rows for validation, test and serve; the N-day counts are null where the role's cut has no time."""
    known = split.select(
        _roles(F.col("role")).alias("role"), "user_id", "item_id", "time", "value",
    )  # fmt: skip
    ends = F.broadcast(cuts.select("role", F.col("time").alias("cut")))
    dated = known.join(ends, "role", how="left")
    by_user = dated.groupBy("role", "item_id", "user_id").agg(
        F.count(F.lit(1)).alias("n"),
        *[F.sum(_recent(days)).alias(f"n{days}") for days in (7, 28)],
        F.sum("value").alias("value"),
    )
    return by_user.groupBy("role", "item_id").agg(
        F.sum("n").alias("events"),
        F.count(F.lit(1)).alias("users"),
        F.sum("n7").alias("events_7d"),
        F.sum("n28").alias("events_28d"),
        F.sum("value").alias("value"),
        F.count_if(F.col("n") >= 2).alias("repeat_users"),
    )


def _roles(role: Column) -> Column:
    """The roles whose history an event of `role` belongs to, one row each."""
    later = F.create_map(*[x for r, after in _LATER.items() for x in (F.lit(r), F.array(*map(F.lit, after)))])
    return F.explode(later[role])


def _recent(days: int) -> Column:
    """1 for an event of the last `days` before the cut, 0 for an older one, null without a clock."""
    return (F.col("time") >= F.col("cut") - days * _DAY).cast("bigint")
