"""How numeric item features are scaled: fitted by integers alone (units of 2^-20) over items with train events.

Quantiles are exact over values of 16 significant bits (rounded down, so at most 1 part in 32,768 off): a catalogue of
any size is a histogram of at most some million rows a number. Means, deviations, minima and maxima are of the whole
values: a bin of the histogram keeps their sums.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from fractions import Fraction
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.config.normalise import NormaliseConfig, NumericRule
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.contracts.units import FIXED
from lstmrec.frames.tally import ROLES

LARGEST = 1e9  # numbers beyond are cut there: their squares must fit the exact sums
_BITS = 16
_PARTS = 1_000_000  # quantiles of the config, in parts per million
_QUARTERS = ((1, 4), (1, 2), (3, 4))
Quantile = tuple[int, int]  # numerator, denominator


@dataclass(frozen=True)
class Scaler:
    """A row of SCALERS, in the order of its columns."""

    feature: str
    log: bool
    center: float
    scale: float
    count: int
    method: str = "zscore"
    low: float | None = None
    high: float | None = None
    edges: tuple[float, ...] | None = None

    @property
    def name(self) -> str:
        return self.feature.removeprefix("item:")

    def row(self) -> tuple[Any, ...]:
        return astuple(self)[:-1] + (None if self.edges is None else list(self.edges),)


def rules(names: Sequence[str], conf: NormaliseConfig) -> dict[str, NumericRule]:
    """The rule of each feature; ConfigError C331 for a rule of none."""
    unknown = sorted(set(conf.numeric) - set(names))
    if unknown:
        raise ConfigError("C331", f"no numeric feature is called {', '.join(unknown)}", "normalise.numeric",
                          f"there are: {', '.join(names) or 'none'}")  # fmt: skip
    return {name: conf.numeric.get(name, conf.default) for name in names}


def fixed(value: Column, log: bool) -> Column:
    """A number, log1p first where asked (below 0 counts as 0), in units of 2^-20 as bigint; cut at +-1e9; null for
    null, NaN and infinity."""
    held = F.greatest(F.least(value, F.lit(LARGEST)), F.lit(-LARGEST))
    made = F.log1p(F.greatest(held, F.lit(0.0))) if log else held
    return F.when(F.abs(value) < float("inf"), F.round(made * FIXED).cast("bigint"))


def coarse(x: Column) -> Column:
    """A bigint rounded down to 16 significant bits, by its binary digits: exact on any machine."""
    spare = F.greatest(F.length(F.bin(F.abs(x))) - _BITS, F.lit(0))
    step = F.call_function("shiftleft", F.lit(1).cast("bigint"), spare)
    return x - F.pmod(x, step)


def histogram(catalogue: DataFrame, wanted: Mapping[str, NumericRule]) -> DataFrame:
    """feature, bin, n, s, q (items with train events: how many, sum, sum of squares), low, high (their extremes),
    train, validation, test (events): a row a feature and coarse value; q is in units of 2^-40."""
    parts = [
        F.struct(F.lit(n).alias("feature"), fixed(F.col("numeric")[n], r.log).alias("x")) for n, r in wanted.items()
    ]
    rows = catalogue.select("count", "validation", "test", F.inline(F.array(*parts))).where("x IS NOT NULL")
    x = F.when(F.col("count") > 0, F.col("x"))
    square = (x.cast("decimal(18,0)") * x.cast("decimal(18,0)")).cast("decimal(38,0)")
    return rows.groupBy("feature", coarse(F.col("x")).alias("bin")).agg(
        F.count(x).alias("n"), F.sum(x.cast("decimal(38,0)")).alias("s"), F.sum(square).alias("q"),
        F.min(x).alias("low"), F.max(x).alias("high"),
        *[F.sum("count" if role == "train" else role).alias(role) for role in ROLES],
    )  # fmt: skip


def quantiles_of(rule: NumericRule) -> tuple[Quantile, ...]:
    """Quantiles a rule looks at."""
    asked: list[Quantile] = [(round(p * _PARTS), _PARTS) for p in rule.clip or ()]
    if rule.scale == "robust":
        asked += _QUARTERS
    if rule.scale == "bins":
        asked += [(k, rule.bins) for k in range(1, rule.bins)]
    return tuple(asked)


def quantiles(histogram: DataFrame, asked: Sequence[Quantile]) -> DataFrame:
    """feature, values: for each quantile a / b the least bin such that at least a / b of the items (and one) are not
    above it. One task a feature sees its bins."""
    mine = Window.partitionBy("feature")
    running = F.sum("n").over(mine.orderBy("bin").rowsBetween(Window.unboundedPreceding, 0))
    whole = F.sum("n").over(mine.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing))
    rows = histogram.where("n > 0").select("feature", "bin", running.alias("_upto"), whole.alias("_n"))
    return rows.groupBy("feature").agg(
        F.array(*[F.min(F.when(F.col("_upto") * b >= F.col("_n") * a, F.col("bin"))) for a, b in asked]).alias("values")
    )


def moments(histogram: DataFrame, bounds: Mapping[str, tuple[int, int]]) -> DataFrame:
    """feature, n, s, q, low, high of the features' values, cut to bounds where given (bins, so whole bins are cut)."""
    exact = "decimal(38,0)"
    bin_, n = F.col("bin"), F.col("n").cast(exact)
    cut: dict[str, Column] = {k: F.col(k) for k in ("s", "q", "low", "high")}
    for feature, (low, high) in bounds.items():
        mine = F.col("feature") == feature
        for beyond, bound in ((mine & (bin_ < low), low), (mine & (bin_ >= high), high)):
            at = F.lit(bound).cast(exact)
            square = F.lit(str(bound * bound)).cast(exact)  # beyond a bigint
            flat = {"s": (at * n).cast(exact), "q": (square * n).cast(exact), "low": F.lit(bound), "high": F.lit(bound)}
            cut = {k: F.when(beyond, flat[k]).otherwise(v) for k, v in cut.items()}
    rows = histogram.where("n > 0").select("feature", "n", *[v.alias(k) for k, v in cut.items()])
    return rows.groupBy("feature").agg(
        F.sum("n").alias("n"), F.sum("s").alias("s"), F.sum("q").alias("q"),
        F.min("low").alias("low"), F.max("high").alias("high"),
    )  # fmt: skip


def bounds(wanted: Mapping[str, NumericRule], found: Mapping[str, Mapping[Quantile, int]]
           ) -> dict[str, tuple[int, int]]:  # fmt: skip
    """Where the values of features with `clip` are cut, from their quantiles."""
    out = {}
    for name, rule in wanted.items():
        if rule.clip and name in found:
            low, high = (found[name][q] for q in quantiles_of(rule)[:2])
            out[name] = (low, high)
    return out


def fit(wanted: Mapping[str, NumericRule], sums: Iterable[Mapping[str, Any]],
        found: Mapping[str, Mapping[Quantile, int]]) -> list[Scaler]:  # fmt: skip
    """Scalers of the features that a train item has, from rows of `moments` and the quantiles of each. A scale that
    would be 0 is 1."""
    by_name = {r["feature"]: {k: int(r[k]) for k in ("n", "s", "q", "low", "high")} for r in sums}
    cuts = bounds(wanted, found)
    return [_fitted(n, rule, by_name[n], found.get(n, {}), cuts.get(n)) for n, rule in wanted.items() if n in by_name]


def told(wanted: Mapping[str, NumericRule], fitted: Sequence[Scaler], sums: Iterable[Mapping[str, Any]]
         ) -> tuple[list[str], list[str]]:  # fmt: skip
    """Features left out since no train item has one, and what to know of the others."""
    left_out = [name for name in wanted if name not in {s.name for s in fitted}]
    by_name = {r["feature"]: r for r in sums}
    warned = []
    for s in fitted:
        low, high = int(by_name[s.name]["low"]), int(by_name[s.name]["high"])
        if low == high:
            warned.append(f"{s.name} is constant")
        if not s.log and max(-low, high) == round(LARGEST * FIXED):
            warned.append(f"{s.name} has values beyond {LARGEST:,.0f}, which are cut")
    return left_out, warned


def table(one: DataFrame, fitted: Sequence[Scaler]) -> DataFrame:
    """SCALERS, of a frame of one row: as JSON, in which a double's shortest text is that double, so that no Python
    worker starts for a handful of rows."""
    kinds = ", ".join(f"`{c.name}`: {c.kind}" for c in tables.SCALERS.columns)
    text = json.dumps([dict(zip(tables.SCALERS.names, s.row(), strict=True)) for s in fitted])
    return one.select(F.inline(F.from_json(F.lit(text), f"array<struct<{kinds}>>")))


def scaled(scaler: Scaler) -> Column:
    """The scaled number of a catalogue row, null where it is missing."""
    x = fixed(F.col("numeric")[scaler.name], scaler.log)
    if scaler.edges is not None:
        edges = F.array(*[F.lit(round(e * FIXED)).cast("bigint") for e in scaler.edges])
        place = F.size(F.filter(edges, lambda e: e <= x)) / float(len(scaler.edges)) if scaler.edges else F.lit(0.0)
        return F.when(x.isNotNull(), place)
    if scaler.low is not None and scaler.high is not None:
        ends = [F.lit(round(v * FIXED)).cast("bigint") for v in (scaler.low, scaler.high)]
        x = F.when(x.isNotNull(), F.least(F.greatest(x, ends[0]), ends[1]))
    return (x / float(FIXED) - scaler.center) / scaler.scale


def _fitted(name: str, rule: NumericRule, sums: Mapping[str, int], found: Mapping[Quantile, int],
            cut: tuple[int, int] | None) -> Scaler:  # fmt: skip
    def held(q: Quantile) -> int:
        return found[q] if cut is None else min(max(found[q], cut[0]), cut[1])

    center, scale, edges = Fraction(0), 1.0, None
    if rule.scale == "zscore":
        mean = Fraction(sums["s"], sums["n"])
        center, scale = mean, math.sqrt(Fraction(sums["q"], sums["n"]) - mean * mean) / FIXED
    elif rule.scale == "robust":
        quarter, half, three = (held(q) for q in _QUARTERS)
        center, scale = Fraction(half), (three - quarter) / FIXED
    elif rule.scale == "minmax":
        center, scale = Fraction(sums["low"]), (sums["high"] - sums["low"]) / FIXED
    elif rule.scale == "bins":
        edges = tuple(v / FIXED for v in sorted({held((k, rule.bins)) for k in range(1, rule.bins)}))
    low, high = (None, None) if cut is None else (cut[0] / FIXED, cut[1] / FIXED)
    center /= FIXED
    return Scaler(f"item:{name}", rule.log, float(center), scale or 1.0, sums["n"], rule.scale, low, high, edges)
