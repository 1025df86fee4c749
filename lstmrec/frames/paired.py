"""Means of bootstrap resamples -> differences between recommenders and gaps between groups, and what chance makes of
them (frames pure; `holm` of plain rows)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def differences(means: DataFrame, metric: str, base: str, slice_: str = "all") -> DataFrame:
    """`base` minus every other recommender over the same users, paired by resample, of one slice: base, recommender,
    role, value, low, high (2.5 % and 97.5 % of the resamples), p.

    p: two-sided, of no difference: the share of resamples that lie at least as far from the value as it lies from 0,
    the value itself counted as one (Efron and Tibshirani 1993, chapter 16; for rankings Smucker, Allan and Carterette
    2007), so at least 1 / (resamples + 1); null without resamples.
    """
    rows = means.where(F.col("slice") == slice_).select("recommender", "role", "resample", F.col(metric).alias("v"))
    ours = rows.where(F.col("recommender") == base).select("role", "resample", F.col("v").alias("ours"))
    theirs = rows.where(F.col("recommender") != base).join(ours, ["role", "resample"], "inner")
    gap = theirs.withColumn("gap", F.col("ours") - F.col("v")).groupBy("recommender", "role")
    out = gap.agg(*_found("gap"), F.collect_list(F.when(F.col("resample") > 0, F.col("gap"))).alias("drawn"))
    apart = F.filter("drawn", lambda x: F.abs(x - F.col("value")) >= F.abs("value"))
    p = F.when(F.size("drawn") > 0, (F.size(apart) + F.lit(1.0)) / (F.size("drawn") + F.lit(1.0)))
    return out.select(F.lit(base).alias("base"), "recommender", "role", *_bounds(), p.alias("p"))


def gaps(means: DataFrame, metric: str) -> DataFrame:
    """How unlike groups are served: recommender, role, family (`history`, `segment` ...), best and worst (its groups
    with the highest and the lowest mean, at equal means the first by name), and best minus worst as value, low, high.
    Family `weights`, halves of the users by hash, is none.

    Groups are those of slices FAMILY:GROUP, and repeat and explore. Which two they are is fixed by the value.
    """
    family = F.when(F.col("slice").isin("repeat", "explore"), F.lit("target")).otherwise(
        F.when(F.col("slice").contains(":"), F.substring_index("slice", ":", 1))
    )
    keys = ["recommender", "role", "family"]
    rows = means.select("recommender", "role", "slice", "resample", F.col(metric).alias("v"), family.alias("family"))
    rows = rows.where("family <> 'weights'")
    plain = rows.where("resample = 0 AND v IS NOT NULL").groupBy(*keys)
    ends = plain.agg(
        F.min(F.struct(-F.col("v"), F.col("slice"))).alias("top"), F.min(F.struct("v", "slice")).alias("low"),
        F.count(F.lit(1)).alias("groups"),
    ).where("groups > 1")  # fmt: skip
    ends = ends.select(*keys, F.col("top.slice").alias("best"), F.col("low.slice").alias("worst"))
    both = rows.join(F.broadcast(ends), keys, "inner").groupBy(*keys, "best", "worst", "resample")
    picked = both.agg(*[F.max(F.when(F.col("slice") == F.col(end), F.col("v"))).alias(f"{end}_v")
                        for end in ("best", "worst")])  # fmt: skip
    gap = picked.withColumn("gap", F.col("best_v") - F.col("worst_v")).groupBy(*keys, "best", "worst")
    return gap.agg(*_found("gap")).select(*keys, "best", "worst", *_bounds())


def holm(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `differences` with `p_holm`: p corrected for the recommenders of the same role (Holm 1979): the chance
    of any false claim among them stays below the level that p_holm is held against. By role, then recommender.

    >>> [r["p_holm"] for r in holm([{"role": "test", "recommender": n, "p": p} for n, p in (("a", 0.01), ("b", 0.5))])]
    [0.02, 0.5]
    """
    out = sorted((dict(r) for r in rows), key=lambda r: (r["role"], r["recommender"]))
    for role in {r["role"] for r in out}:
        mine = sorted((r for r in out if r["role"] == role and r["p"] is not None), key=lambda r: r["p"])
        least = 0.0
        for place, row in enumerate(mine):
            least = row["p_holm"] = max(least, min(1.0, (len(mine) - place) * row["p"]))
    return [{"p_holm": None} | r for r in out]


def _found(gap: str) -> tuple[Column, Column]:
    drawn = F.when(F.col("resample") > 0, F.col(gap))
    return (F.max(F.when(F.col("resample") == 0, F.col(gap))).alias("value"),
            F.percentile(drawn, [0.025, 0.975]).alias("bounds"))  # fmt: skip


def _bounds() -> tuple[Column, Column, Column]:
    low, high = F.try_element_at("bounds", F.lit(1)), F.try_element_at("bounds", F.lit(2))
    return F.col("value"), F.coalesce(low, "value").alias("low"), F.coalesce(high, "value").alias("high")
