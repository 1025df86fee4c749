"""Point-in-time behaviour aggregates of users at window boundaries: only events before the boundary are known.

The integers of `running`, read off where a boundary stands; floats appear only per row, so that no sum changes with the
shuffle. Raw to encoded is the same for every feature: signed log1p, then the z-score of the logs at train boundaries
with a scale of at least 1, so that encoded numbers are small and never NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.profile import COUNT, OwnFeature, ProfileConfig
from lstmrec.contracts.units import DAY_US, FIXED
from lstmrec.frames import affinity, own_features
from lstmrec.frames.running import running


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
    # By user alone, as the events are for their running sums: see `raw`.
    both = starts.unionByName(wholes).repartition("user_id")
    return both.groupBy("user_id", "boundary").agg(F.bool_or("fit").alias("fit"))


def names(conf: ProfileConfig, tags: Sequence[str]) -> list[str]:
    """What each number of `raw` is, in order: `day_parts` gives four, affinities one a tag."""
    out = []
    for f in conf.features:
        name = f if isinstance(f, str) else f.name
        out += [f"{name}:{hour}" for hour in (0, 6, 12, 18)] if name == "day_parts" else [name]
    return out + [f"tag:{t}" for t in tags]


def raw(split: DataFrame, windows: DataFrame, conf: ProfileConfig, masks: DataFrame | None = None, tags: int = 0
        ) -> DataFrame:  # fmt: skip
    """user_id, boundary, fit, raw array<double> (order of `names`) at WINDOWS' boundaries; 0 where nothing is known.

    masks: `affinity.masks` of so many tags, where the config asks for affinities. Point-in-time: a boundary reads the
    running state of the event before it.
    """
    found = boundaries(windows)
    values = [_feature(f) for f in conf.features] + [[_thousandths(affinity.share(conf.affinities, j))]
                                                     for j in range(tags) if conf.affinities]  # fmt: skip
    if any(f != "events" for f in conf.features) or tags:
        state = running(split, conf, masks, tags)
        # Both sides lie by user: the join moves no event. Its second key keeps the order (user, index) of the state.
        found = found.withColumn("index", F.col("boundary") - 1).join(state, ["user_id", "index"], how="left")
    flat = [F.coalesce(v.cast("double"), F.lit(0.0)) for several in values for v in several]
    return found.select("user_id", "boundary", "fit", F.array(*flat).cast("array<double>").alias("raw"))


def moments(rows: DataFrame, features: Sequence[str]) -> DataFrame:
    """Of `raw` rows where `fit`, one row: n, and per number j of `names` the exact sums s{j} and q{j} (squares) of its
    log in 2^-20ths."""
    fixed = [F.round(_log(F.get("raw", F.lit(j))) * FIXED).cast("decimal(18,0)") for j in range(len(features))]
    sums = [F.sum(x.cast("decimal(38,0)")).alias(f"s{j}") for j, x in enumerate(fixed)]
    squares = [F.sum((x * x).cast("decimal(38,0)")).alias(f"q{j}") for j, x in enumerate(fixed)]
    return rows.where("fit").agg(F.count(F.lit(1)).alias("n"), *sums, *squares)


def scalers(found: Any, features: Sequence[str]) -> list[Scaler]:
    """Scalers of the row of `moments`: mean and standard deviation, the latter at least 1 (a constant stays small)."""
    n, out = int(found["n"]), []
    for j, name in enumerate(features):
        s, q = (int(found[f"{x}{j}"] or 0) for x in "sq")
        spread = math.sqrt((n * q - s * s) / n**2) / FIXED if n else 0.0
        out.append(Scaler(name, s / n / FIXED if n else 0.0, max(spread, 1.0)))
    return out


def encode(rows: DataFrame, fitted: Sequence[Scaler]) -> DataFrame:
    """USER_PROFILES rows: raw, and encoded array<float>."""
    scaled = [(_log(F.get("raw", F.lit(j))) - s.center) / s.scale for j, s in enumerate(fitted)]
    return rows.select("user_id", "boundary", "raw", F.array(*scaled).cast("array<float>").alias("encoded"))


def _feature(feature: str | OwnFeature) -> list[Column]:
    """The numbers of a feature of the config, from the boundary and the columns of `running` before it."""
    if isinstance(feature, OwnFeature):
        return [F.col(f"`{own_features.OWN}{feature.name}`")]
    if feature.startswith(COUNT):
        return [F.col("`" + feature.replace("`", "``") + "`")]
    if feature == "day_parts":
        return [_thousandths(_ratio(F.col(f"part{p}"), F.col("boundary"))) for p in range(4)]
    n, days = F.col("boundary"), F.col("active_days")
    tenure = _days(F.col("last") - F.col("first"))
    return [{
        "events": n,
        "items": F.col("items"),
        "repeat_share": _thousandths(_ratio(n - F.col("items"), n)),
        "types": F.col("types"),
        "item_entropy": F.greatest(F.log2(n) - _ratio(F.col("item_entropy"), n) / FIXED, F.lit(0.0)),
        "value": F.col("value"),
        "mean_value": _ratio(F.col("value"), F.col("valued")),
        "mean_price": _ratio(F.col("value"), F.col("units")),
        "active_days": days,
        "tenure_days": tenure,
        "mean_gap_days": _ratio(tenure, days - 1),
        "recency_days": _days(F.col("recency")),
        "max_gap_days": _days(F.col("max_gap")),
        "basket_size": _ratio(n, F.col("instants")),
        "weekend_share": _thousandths(_ratio(F.col("weekend"), n)),
    }[feature]]  # fmt: skip


def _ratio(part: Column, whole: Column) -> Column:
    """Null where there is nothing to divide by."""
    return F.when(whole > 0, part.cast("double") / whole)


def _thousandths(share: Column) -> Column:
    return share * 1000


def _days(micros: Column) -> Column:
    return micros / float(DAY_US)


def _log(x: Column) -> Column:
    """Signed log1p: sums of value may be negative where goods come back."""
    return F.signum(x) * F.log1p(F.abs(x))
