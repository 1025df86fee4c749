"""Point-in-time behaviour aggregates of users at window boundaries: only events before the boundary are known.

Running integer sums over each user's history, read off where a boundary stands; floats appear only per row, so that
no sum changes with the shuffle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

_DAY = 86_400_000_000
_FIXED = 1 << 20
_INTEGERS = ("events", "items", "types", "value", "days", "times", "first", "last")


@dataclass(frozen=True)
class Scaler:
    """z = (log - center) / scale of one feature's signed log1p."""

    name: str
    center: float
    scale: float


def boundaries(windows: DataFrame) -> DataFrame:
    """Of WINDOWS rows: distinct user_id, boundary, and `fit`, true where a train window starts there."""
    starts = windows.select("user_id", F.col("start").alias("boundary"), (F.col("role") == "train").alias("fit"))
    wholes = windows.where("role = 'serve'").select(
        "user_id", F.col("history").alias("boundary"), F.lit(False).alias("fit")
    )
    return starts.unionByName(wholes).groupBy("user_id", "boundary").agg(F.bool_or("fit").alias("fit"))


def running(split: DataFrame) -> DataFrame:
    """user_id, boundary, then integers about the events below that boundary: one row per event (boundary = index + 1).

    events, items, types, times, days: counts, the last four of distinct values; value: sum in minor units; first, last:
    microseconds (null without a clock).
    """
    time = F.col("time")
    day = time - F.pmod(time, F.lit(_DAY))
    order = Window.partitionBy("user_id").orderBy("index")
    flagged = split.select(
        "user_id", "index", "time",
        F.coalesce("value", F.lit(0)).alias("value"),
        _first_of("item_id").alias("new_item"),
        _first_of("event_type").alias("new_type"),
        # Times rise with the index: a value is new where it differs from the one before.
        (~time.eqNullSafe(F.lag(time).over(order)) | (F.col("index") == 0)).cast("bigint").alias("new_time"),
        (~day.eqNullSafe(F.lag(day).over(order)) | (F.col("index") == 0)).cast("bigint").alias("new_day"),
    )  # fmt: skip
    so_far = order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return flagged.select(
        "user_id",
        (F.col("index") + 1).alias("boundary"),
        (F.col("index") + 1).cast("bigint").alias("events"),
        F.sum("new_item").over(so_far).alias("items"),
        F.sum("new_type").over(so_far).alias("types"),
        F.sum("value").over(so_far).alias("value"),
        F.sum("new_day").over(so_far).alias("days"),
        F.sum("new_time").over(so_far).alias("times"),
        F.first("time").over(so_far).alias("first"),
        time.alias("last"),
    )


def raw(split: DataFrame, windows: DataFrame, features: Sequence[str]) -> DataFrame:
    """user_id, boundary, fit, raw array<double> (order of `features`) at WINDOWS' boundaries; 0 before an event."""
    joined = boundaries(windows).join(running(split), ["user_id", "boundary"], how="left")
    values = [F.coalesce(_feature(name).cast("double"), F.lit(0.0)) for name in features]
    return joined.select("user_id", "boundary", "fit", F.array(*values).cast("array<double>").alias("raw"))


def moments(rows: DataFrame, features: Sequence[str]) -> DataFrame:
    """One row: n, and per feature j the exact sums s{j} and q{j} (squares) of its log in 2^-20ths, where `fit`."""
    fixed = [F.round(_log(F.get("raw", F.lit(j))) * _FIXED).cast("decimal(18,0)") for j in range(len(features))]
    sums = [F.sum(x.cast("decimal(38,0)")).alias(f"s{j}") for j, x in enumerate(fixed)]
    squares = [F.sum((x * x).cast("decimal(38,0)")).alias(f"q{j}") for j, x in enumerate(fixed)]
    return rows.where("fit").agg(F.count(F.lit(1)).alias("n"), *sums, *squares)


def scalers(found: Any, features: Sequence[str]) -> list[Scaler]:
    """Scalers of the row of `moments`: mean and standard deviation, the latter at least 1 (a constant stays small)."""
    n, out = int(found["n"]), []
    for j, name in enumerate(features):
        s, q = (int(found[f"{x}{j}"] or 0) for x in "sq")
        spread = math.sqrt((n * q - s * s) / n**2) / _FIXED if n else 0.0
        out.append(Scaler(name, s / n / _FIXED if n else 0.0, max(spread, 1.0)))
    return out


def encode(rows: DataFrame, fitted: Sequence[Scaler]) -> DataFrame:
    """USER_PROFILES rows: raw, and encoded array<float>."""
    scaled = [(_log(F.get("raw", F.lit(j))) - s.center) / s.scale for j, s in enumerate(fitted)]
    return rows.select("user_id", "boundary", "raw", F.array(*scaled).cast("array<float>").alias("encoded"))


def _first_of(column: str) -> Column:
    """1 where the user meets this value for the first time, else 0."""
    place = F.row_number().over(Window.partitionBy("user_id", column).orderBy("index"))
    return (place == 1).cast("bigint")


def _feature(name: str) -> Column:
    """A feature of the config from the columns of `running`."""
    events, items, types, value, days, times, first, last = (F.col(c) for c in _INTEGERS)
    tenure = (last - first) / F.lit(float(_DAY))
    return {
        "events": events,
        "items": items,
        "repeat_share": (events - items).cast("double") * 1000 / events,
        "types": types,
        "value": value,
        "active_days": days,
        "tenure_days": tenure,
        "mean_gap_days": F.when(days > 1, tenure / (days - 1)).when(days == 1, F.lit(0.0)),
        "basket_size": events.cast("double") / times,
    }[name]


def _log(x: Column) -> Column:
    """Signed log1p: sums of value may be negative where goods come back."""
    return F.signum(x) * F.log1p(F.abs(x))
