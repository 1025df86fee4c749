"""Recommendations and what users did next -> ranking metrics with bootstrap intervals (pure, distributed)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.frames import expected
from lstmrec.frames.sums import Asked, sums

_GROUP = ("recommender", "role", "slice")


def judged(recommendations: DataFrame, wanted: DataFrame, names: Sequence[tuple[str, str]], seed: int) -> DataFrame:
    """One row per (recommender, role) of `names` and user with targets: what `frames.sums` takes in, and user_id.

    wanted: rows of `targets.targets`, with `slices` or without. A user without a list is judged by an empty one:
    nobody drops out of a denominator.
    """
    spark = wanted.sparkSession
    grid = spark.createDataFrame(list(names), "recommender string, role string")
    if "slices" not in wanted.columns:
        wanted = wanted.withColumn("slices", F.array().cast("array<string>"))
    asked = wanted.select("role", "user_id", "targets", "slices").join(F.broadcast(grid), "role", "inner")
    lists = recommendations.select(
        "recommender", "role", "user_id", F.col("items.item_id").alias("items"), F.col("items.score").alias("scores")
    )
    pairs = asked.hint("shuffle_hash").join(lists, ["recommender", "role", "user_id"], "left")
    return pairs.select(
        "recommender",
        "role",
        "user_id",
        F.xxhash64(F.lit(seed), "user_id").alias("key"),
        F.col("items").isNull().alias("missing"),
        "slices",
        F.coalesce("items", F.array().cast("array<string>")).alias("items"),
        F.coalesce("scores", F.array().cast("array<float>")).alias("scores"),
        F.transform("targets", lambda t: F.struct(t["item_id"].alias("item_id"), t["mark"].alias("mark"),
                                                  t["popular"].alias("popular"), t["weight"].alias("weight")))
        .alias("targets"),
    )  # fmt: skip


def resampled(rows: DataFrame, asked: Asked) -> DataFrame:
    """Means over users of every metric: recommender, role, slice, resample (0: as it is; then the bootstrap's),
    users (their weight), missing (of those without a list), then `recall_10` ... as doubles. Sums are of integers, so
    partitioning changes nothing.

    snips_recall and snips_ndcg: ips_* by the mean weight of the same users, so that neither the scale of the weights
    nor which users were drawn matters (self-normalised: Swaminathan and Joachims 2015; Yang et al. 2018, "Unbiased
    offline recommender evaluation for missing-not-at-random implicit feedback").
    """
    names = asked.columns
    schema = "recommender string, role string, slice string, resample int, users bigint, missing bigint, "
    schema += ", ".join(f"`{name}` bigint" for name in names)
    parts = rows.drop("user_id").mapInArrow(partial(sums, asked=asked), schema)
    counts = ("users", "missing")
    added = parts.groupBy(*_GROUP, "resample").agg(*[F.sum(c).alias(c) for c in (*counts, *names)])
    unit = F.col("users") * F.lit(float(expected.FIXED))
    of_targets = ~F.col("slice").contains(":") & (F.col("slice") != "all") | F.col("slice").startswith("item")
    means = [F.try_divide(F.col(c), unit).alias(c) for c in asked.plain]
    means += [F.when(~of_targets, F.try_divide(F.col(c), unit)).alias(c) for c in asked.more]
    own = [F.when(~of_targets, F.try_divide(F.col(f"ips_{m}_{k}"), F.col("ips_weight"))).alias(f"snips_{m}_{k}")
           for m in ("recall", "ndcg") for k in asked.ks if asked.ips]  # fmt: skip
    return added.select(*_GROUP, "resample", *counts, *means, *own)


def names(means: DataFrame) -> list[str]:
    """Columns of `resampled` that hold a metric at k."""
    return [c for c in means.columns if c.rsplit("_", 1)[-1].isdigit()]


def intervals(means: DataFrame) -> DataFrame:
    """value, low and high (2.5 % and 97.5 % of the resamples) of every metric, and the users of the slice."""
    long = means.unpivot([*_GROUP, "resample", "users"], tuple(names(means)), "name", "mean").where("mean IS NOT NULL")
    plain, drawn = F.col("resample") == 0, F.when(F.col("resample") > 0, F.col("mean"))
    bounds = long.groupBy(*_GROUP, "name").agg(
        F.max(F.when(plain, F.col("mean"))).alias("value"),
        F.max(F.when(plain, F.col("users"))).alias("users"),
        F.percentile(drawn, [0.025, 0.975]).alias("bounds"),
    )
    return bounds.select(
        *_GROUP,
        *named("name"),
        "value",
        F.coalesce(F.try_element_at("bounds", F.lit(1)), "value").alias("low"),
        F.coalesce(F.try_element_at("bounds", F.lit(2)), "value").alias("high"),
        "users",
    )


def named(column: str) -> tuple[Column, Column]:
    """metric and k of names such as `ips_recall_10`."""
    parts = r"^(.*)_(\d+)$"
    return (
        F.regexp_extract(column, parts, 1).alias("metric"),
        F.regexp_extract(column, parts, 2).cast("int").alias("k"),
    )


def size(split: DataFrame) -> DataFrame:
    """One row: users, items and events of the cleaned log."""
    distinct = [F.countDistinct(f"{name}_id").alias(f"{name}s") for name in ("user", "item")]
    return split.agg(*distinct, F.count(F.lit(1)).alias("events"))
