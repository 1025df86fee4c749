"""Point-in-time aggregates of items at each role's cut: only events of the role's history are known."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts import cleaned, tables
from lstmrec.contracts.units import DAY_US, FIXED

_DAYS = (1, 7, 28, 35, 90)
_ROLES = ("validation", "test", "serve")


def item_profiles(split: DataFrame, cuts: DataFrame) -> DataFrame:
    """ITEM_PROFILES rows for validation, test and serve: items with an event before the role's cut.

    All roles in one row an item, told apart at the end: no event is copied. Two passes over the events, each summed
    where they lie before anything travels: by item (as many rows travel as there are items), and by user and item for
    what counts users (pairs, spread however popular an item is; three numbers each). The rest is of the catalogue's
    size.
    """
    wide = _popularity(split, cuts).join(_buyers(split), "item_id", how="inner")
    roles = [F.struct(F.lit(role).alias("role"), *_columns(role)) for role in _ROLES]
    rows = wide.select("item_id", F.inline(F.array(*roles))).where("events > 0")
    rate = F.when(F.col("users") > 0, F.expr(f"repeat_users * {FIXED} div users"))
    fast = F.expr(f"4 * (events_7d + 1) * {FIXED} div (events_35d - events_7d + 4)")
    price = F.when(F.col("units") > 0, F.expr("value div units"))
    made = {"trend": fast, "price": price, "repeat_rate": rate}
    return rows.withColumns(made).select(*tables.ITEM_PROFILES.names)


def _popularity(split: DataFrame, cuts: DataFrame) -> DataFrame:
    """item_id, and per role a struct of events, events_Nd, value, units."""
    ends = cuts.groupBy().agg(*[F.max(F.when(F.col("role") == r, F.col("time"))).alias(f"cut_{r}") for r in _ROLES])
    dated = split.crossJoin(F.broadcast(ends))
    valued = F.col("value").isNotNull()
    units = F.when(valued, F.coalesce("quantity", F.lit(1)))
    sums: list[Column] = []
    for role in _ROLES:
        known, cut = _known(role), F.col(f"cut_{role}")
        recent = [(F.col("time") >= cut - days * DAY_US).cast("bigint") for days in _DAYS]
        sums += [
            F.struct(
                F.count_if(known).alias("events"),
                *[F.sum(F.when(known, x)).alias(f"events_{days}d") for days, x in zip(_DAYS, recent, strict=True)],
                _sum(F.when(known, F.col("value"))).alias("value"),
                _sum(F.when(known, units)).alias("units"),
            ).alias(role)
        ]
    return dated.groupBy("item_id").agg(*sums)


def _buyers(split: DataFrame) -> DataFrame:
    """item_id, and per role users_ROLE, repeat_ROLE."""
    pairs = split.groupBy("item_id", "user_id").agg(*[F.count_if(_known(role)).alias(role) for role in _ROLES])
    counted = [F.count_if(F.col(role) >= n).alias(f"{name}_{role}")
               for role in _ROLES for name, n in (("users", 1), ("repeat", 2))]  # fmt: skip
    return pairs.groupBy("item_id").agg(*counted)


def _columns(role: str) -> list[Column]:
    of_role = [F.col(f"{role}.{c}").alias(c) for c in ("events", *(f"events_{d}d" for d in _DAYS), "value", "units")]
    return [*of_role, F.col(f"users_{role}").alias("users"), F.col(f"repeat_{role}").alias("repeat_users")]


def _known(role: str) -> Column:
    """Whether an event lies before the role's cut."""
    return F.col("role").isin(*cleaned.HISTORY[role])


def _sum(value: Column) -> Column:
    """An exact sum; null beyond 64 bits."""
    return F.sum(value.cast("decimal(19,0)")).try_cast("bigint")
