"""How validation and test differ from train, a feature at a time: the population stability index (Siddiqi 2006).

PSI = sum over bins of (p - q) ln(p / q), p and q the shares of train's and the role's events (of active users, for
demographics). Half an event is added to every bin, so that an empty one is no infinity. Everything is over the small
tables that s3 has anyway; the events are not read again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.frames.tally import ROLES
from lstmrec.frames.vocabulary import TAG, TYPE, USER

HELD_OUT = ROLES[1:]
_BINS = 10
_TOP = 50


def of_numbers(histogram: DataFrame) -> DataFrame:
    """feature, bin, train, validation, test (events): the histogram of `scalers` in ten bins of as many train events.

    One task a feature sees its histogram."""
    mine = Window.partitionBy("feature")
    below = F.coalesce(F.sum("train").over(mine.orderBy("bin").rowsBetween(Window.unboundedPreceding, -1)), F.lit(0))
    whole = F.sum("train").over(mine.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing))
    place = F.least(F.floor(below * _BINS / F.greatest(whole, F.lit(1))), F.lit(_BINS - 1))
    rows = histogram.select(F.concat(F.lit("item:"), "feature").alias("feature"), place.cast("string").alias("bin"),
                            *ROLES)  # fmt: skip
    return _summed(rows)


def of_values(counted: DataFrame) -> DataFrame:
    """The same of the counts of `vocabulary`: the 50 values of most train events, what is missing (`missing`), and
    all the others (`rest`)."""
    order = Window.partitionBy("feature").orderBy(F.col("train").desc(), "value")
    top = counted.where("value IS NOT NULL").select("feature", "value", F.row_number().over(order).alias("_place"))
    top = top.where(F.col("_place") <= _TOP).select("feature", "value", F.lit(True).alias("_top"))
    placed = counted.join(F.broadcast(top), on=["feature", "value"], how="left")
    name = F.when(F.col("value").isNull(), "missing").when(F.col("_top"), F.concat(F.lit("="), "value"))
    return _summed(placed.select("feature", F.coalesce(name, F.lit("rest")).alias("bin"), *ROLES))


def psi(train: Sequence[int], other: Sequence[int]) -> float:
    """The index of two rows of counts over the same bins, half added to each; to four digits."""
    p, q = ([(n + 0.5) / (sum(counts) + 0.5 * len(counts)) for n in counts] for counts in (train, other))
    return round(sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True)), 4)


def indices(rows: Iterable[Mapping[str, Any]]) -> list[list[Any]]:
    """[feature, role, PSI], the largest first, of rows of `of_numbers` and `of_values`.

    A numeric feature has one more bin: the events (those of the event types) whose item lacks it or is unknown. Roles
    without an event of the feature are left out."""
    bins: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for r in rows:
        bins[r["feature"]][r["bin"]] = [int(r[role]) for role in ROLES]
    events = [sum(found[i] for found in bins.get(TYPE, {}).values()) for i in range(len(ROLES))]
    out: list[list[Any]] = []
    for feature, found in bins.items():
        if not (feature in (TAG, TYPE) or feature.startswith(USER)):
            sums = [sum(column) for column in zip(*found.values(), strict=True)]
            found["missing"] = [max(whole - there, 0) for whole, there in zip(events, sums, strict=True)]
        train, *held = zip(*(found[b] for b in sorted(found)), strict=True)
        out += [[feature, role, psi(train, other)] for role, other in zip(HELD_OUT, held, strict=True)
                if sum(train) and sum(other)]  # fmt: skip
    return sorted(out, key=lambda r: (-r[2], r[0], r[1]))


def warned(found: Sequence[Sequence[Any]], limit: float) -> list[str]:
    """What to say of the indices above the limit."""
    return [f"{feature} drifts: PSI {value} of {role}" for feature, role, value in found if value > limit]


def _summed(rows: DataFrame) -> DataFrame:
    return rows.groupBy("feature", "bin").agg(*[F.sum(role).alias(role) for role in ROLES])
