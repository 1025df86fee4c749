"""Lists and the catalogue -> what a recommender shows beyond hits: how many items, how evenly, how popular (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.contracts.units import FIXED
from lstmrec.frames.metrics import named
from lstmrec.frames.targets import ROLES

METRICS = ("coverage", "gini", "novelty", "arp", "percentile")
_KEYS = ("recommender", "role", "k")


def beyond(recommendations: DataFrame, catalogue: DataFrame, size: int, ks: Sequence[int]) -> DataFrame:
    """METRICS rows (without protocol) of slice all, by recommender, role and k, over every list of validation and test.

    An exposure is an item of the catalogue (`size` rows) in a list's first k; items that are not in it count for none.
    low and high are the value: these are of all lists, no mean over users.

    coverage    share of the catalogue that has an exposure
    gini        how unevenly exposures lie on the catalogue: 0 all items alike, near 1 a few items alone (items without
                an exposure count; Fleder and Hosanagar 2009)
    novelty     mean self-information of an exposure, -log2 p, p = (train events + 1) / (all train events + size), in
                bits (Zhou et al. 2010, smoothed so that items without an event have one)
    arp         mean train events of an exposure's item (average recommendation popularity, Yin et al. 2012)
    percentile  mean popularity percentile of an exposure: the share of the catalogue with fewer train events, and half
                of that with as many; lists drawn at random have 0.5
    """
    lists = recommendations.where(F.col("role").isin(*ROLES))
    counts = lists.groupBy("recommender", "role").agg(F.count(F.lit(1)).alias("users"))
    within = [F.count_if(F.col("rank") <= k).alias(f"k_{k}") for k in ks]
    shown = (
        lists.select("recommender", "role", F.inline("items")).groupBy("recommender", "role", "item_id").agg(*within)
    )
    known = shown.join(popularity(catalogue, size), "item_id", "inner")
    values = ["count", "novelty", "percentile"]
    long = known.unpivot(["recommender", "role", *values], [f"k_{k}" for k in ks], "name", "shown")
    long = long.select("recommender", "role", named("name")[1], *values, "shown").where("shown > 0")
    exact = [F.sum(F.col(v).cast("decimal(20,0)")).alias(v) for v in values]
    # Items with equally many exposures are one block of the Lorenz curve.
    blocks = long.groupBy(*_KEYS, "shown").agg(F.count(F.lit(1)).alias("items"), *exact)
    ascending = Window.partitionBy(*_KEYS).orderBy("shown").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    every = Window.partitionBy(*_KEYS).rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    below = F.lit(size) - F.sum("items").over(every) + F.sum("items").over(ascending) - F.col("items")
    many = F.col("shown").cast("decimal(19,0)")
    lorenz = (many * F.col("items") * (2 * F.col("below") + F.col("items") - F.lit(size))).cast("decimal(38,0)")
    found = blocks.withColumn("below", below).groupBy(*_KEYS).agg(
        F.sum("items").alias("coverage"), F.sum(many * F.col("items")).cast("double").alias("shown"),
        F.sum(lorenz).cast("double").alias("lorenz"),
        *[F.sum((many * F.col(v)).cast("decimal(38,0)")).cast("double").alias(v) for v in values],
    )  # fmt: skip
    grid = counts.crossJoin(counts.sparkSession.createDataFrame([(k,) for k in ks], "k int"))
    joined = grid.join(found, list(_KEYS), "left")
    n = F.lit(float(max(size, 1)))
    figures = {
        "coverage": F.coalesce("coverage", F.lit(0)) / n, "gini": F.col("lorenz") / F.col("shown") / n,
        "novelty": F.col("novelty") / F.col("shown") / FIXED, "arp": F.col("count") / F.col("shown"),
        "percentile": F.col("percentile") / F.col("shown") / FIXED,
    }  # fmt: skip
    wide = joined.select(*_KEYS, "users", *[figures[m].alias(m) for m in METRICS])
    return rows(wide.unpivot([*_KEYS, "users"], list(METRICS), "metric", "value"))


def rows(long: DataFrame) -> DataFrame:
    """recommender, role, k, users, metric, value -> METRICS rows of slice all without an interval; no row for null."""
    value = F.col("value")
    return long.where(value.isNotNull()).select(
        "recommender", "role", F.lit("all").alias("slice"), "metric", "k", "value", value.alias("low"),
        value.alias("high"), "users",
    )  # fmt: skip


def popularity(catalogue: DataFrame, size: int) -> DataFrame:
    """item_id, count of the catalogue, and its novelty and percentile (see `beyond`) in 2^-20."""
    same = catalogue.groupBy("count").agg(F.count(F.lit(1)).alias("n"))
    ascending = Window.orderBy("count").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    every = Window.partitionBy(F.lit(0)).rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    total = F.sum(F.col("count") * F.col("n")).over(every)
    below = F.sum("n").over(ascending) - F.col("n")
    bits = -F.log2((F.col("count") + 1) / (total + F.lit(size)))
    share = (below + F.col("n") / 2) / F.lit(size)
    ranked = same.select("count", *[F.floor(x * F.lit(float(FIXED)) + F.lit(0.5)).cast("bigint").alias(name)
                                    for name, x in (("novelty", bits), ("percentile", share))])  # fmt: skip
    return catalogue.select("item_id", "count").join(F.broadcast(ranked), "count", "inner")
