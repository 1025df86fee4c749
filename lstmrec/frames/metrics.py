"""Recommendations and what users did next -> ranking metrics with bootstrap intervals (pure, distributed)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts.tables import HISTORY
from lstmrec.frames import expected

_GROUP = ("recommender", "role", "slice")


def targets(split: DataFrame) -> DataFrame:
    """What each user did in a role: role, user_id, targets (distinct items, also those outside the catalogue),
    repeat (those of them in the role's history), history (events of it). Roles validation and test, users with
    at least one target.
    """
    count = {"train": F.count_if(F.col("role").isin(*HISTORY["validation"]))}
    count |= {role: F.count_if(F.col("role") == role) for role in ("validation", "test")}
    pairs = split.groupBy("user_id", "item_id").agg(*[c.alias(name) for name, c in count.items()])
    validation, test = F.col("validation"), F.col("test")
    roles = F.array(_role("validation", validation, F.col("train")), _role("test", test, F.col("train") + validation))
    stacked = pairs.select("user_id", "item_id", F.inline(roles))
    now, before = F.col("now") > 0, F.col("before") > 0
    return (
        stacked.groupBy("role", "user_id")
        .agg(
            F.sort_array(F.collect_list(F.when(now, F.col("item_id")))).alias("targets"),
            F.sort_array(F.collect_list(F.when(now & before, F.col("item_id")))).alias("repeat"),
            F.sum("before").cast("int").alias("history"),
        )
        .where(F.size("targets") > 0)
    )


def judged(recommendations: DataFrame, wanted: DataFrame, names: Sequence[tuple[str, str]], seed: int) -> DataFrame:
    """One row per (recommender, role) of `names` and user with targets: the list's scores and hits.

    A user without a list is judged by an empty one: nobody drops out of a denominator.
    """
    spark = wanted.sparkSession
    grid = spark.createDataFrame(list(names), "recommender string, role string")
    asked = wanted.join(F.broadcast(grid), "role", "inner")
    lists = recommendations.select("recommender", "role", "user_id", "items")
    pairs = asked.join(lists, ["recommender", "role", "user_id"], "left")
    items = F.coalesce("items", F.array().cast(lists.schema["items"].dataType))
    return pairs.select(
        "recommender",
        "role",
        "user_id",
        F.xxhash64(F.lit(seed), "user_id").alias("key"),
        "history",
        F.col("items").isNull().alias("missing"),
        F.transform(items, lambda x: x["score"]).alias("scores"),
        F.transform(items, lambda x: F.array_contains("targets", x["item_id"])).alias("hits"),
        F.transform(items, lambda x: F.array_contains("repeat", x["item_id"])).alias("again"),
        F.size("targets").alias("targets"),
        F.size("repeat").alias("targets_again"),
    )


def resampled(rows: DataFrame, ks: Sequence[int], resamples: int, repeats: bool) -> DataFrame:
    """Means over users of every metric: recommender, role, slice, resample (0: as it is; then the bootstrap's),
    users (their weight), then `recall_10` ... as doubles. Sums are of integers, so partitioning changes nothing.
    """
    names = expected.columns(ks)
    schema = "recommender string, role string, slice string, resample int, users bigint, "
    schema += ", ".join(f"`{name}` bigint" for name in names)
    parts = rows.drop("user_id", "missing").mapInArrow(
        partial(expected.sums, ks=tuple(ks), resamples=resamples, repeats=repeats), schema
    )
    sums = parts.groupBy(*_GROUP, "resample").agg(*[F.sum(c).alias(c) for c in ("users", *names)])
    unit = F.col("users") * F.lit(float(expected.FIXED))
    return sums.select(*_GROUP, "resample", "users", *[F.try_divide(F.col(c), unit).alias(c) for c in names])


def intervals(means: DataFrame, ks: Sequence[int]) -> DataFrame:
    """value, low and high (2.5 % and 97.5 % of the resamples) of every metric, and the users of the slice."""
    long = means.unpivot([*_GROUP, "resample", "users"], list(expected.columns(ks)), "name", "mean")
    plain, drawn = F.col("resample") == 0, F.when(F.col("resample") > 0, F.col("mean"))
    bounds = long.groupBy(*_GROUP, "name").agg(
        F.max(F.when(plain, F.col("mean"))).alias("value"),
        F.max(F.when(plain, F.col("users"))).alias("users"),
        F.percentile(drawn, [0.025, 0.975]).alias("bounds"),
    )
    return bounds.select(
        *_GROUP,
        F.substring_index("name", "_", 1).alias("metric"),
        F.substring_index("name", "_", -1).cast("int").alias("k"),
        "value",
        F.coalesce(F.try_element_at("bounds", F.lit(1)), "value").alias("low"),
        F.coalesce(F.try_element_at("bounds", F.lit(2)), "value").alias("high"),
        "users",
    )


def differences(means: DataFrame, metric: str, base: str) -> DataFrame:
    """`base` minus every other recommender, paired by resample: recommender, role, value, low, high of slice all."""
    rows = means.where(F.col("slice") == "all").select("recommender", "role", "resample", F.col(metric).alias("v"))
    ours = rows.where(F.col("recommender") == base).select("role", "resample", F.col("v").alias("ours"))
    gap = rows.where(F.col("recommender") != base).join(ours, ["role", "resample"], "inner")
    gap = gap.withColumn("gap", F.col("ours") - F.col("v"))
    out = gap.groupBy("recommender", "role").agg(
        F.max(F.when(F.col("resample") == 0, F.col("gap"))).alias("value"),
        F.percentile(F.when(F.col("resample") > 0, F.col("gap")), [0.025, 0.975]).alias("bounds"),
    )
    low, high = F.try_element_at("bounds", F.lit(1)), F.try_element_at("bounds", F.lit(2))
    return out.select("recommender", "role", "value", F.coalesce(low, "value").alias("low"),
                      F.coalesce(high, "value").alias("high"))  # fmt: skip


def coverage(recommendations: DataFrame, catalogue: DataFrame, size: int, ks: Sequence[int]) -> DataFrame:
    """Share of the catalogue (item_id; `size` rows) that stands in any list's first k, per recommender and role."""
    lists = recommendations.where(F.col("role").isin("validation", "test"))
    counts = lists.groupBy("recommender", "role").agg(F.count(F.lit(1)).alias("users"))
    known = catalogue.select("item_id")
    shown = lists.select("recommender", "role", F.inline("items")).join(known, "item_id", "left_semi")
    distinct = shown.groupBy("recommender", "role").agg(
        *[F.countDistinct(F.when(F.col("rank") <= k, F.col("item_id"))).alias(f"coverage_{k}") for k in ks]
    )
    joined = counts.join(distinct, ["recommender", "role"], "left").na.fill(0)
    long = joined.unpivot(["recommender", "role", "users"], [f"coverage_{k}" for k in ks], "name", "items")
    value = F.col("items") / F.lit(float(max(size, 1)))
    return long.select(
        "recommender", "role", F.lit("all").alias("slice"), F.lit("coverage").alias("metric"),
        F.substring_index("name", "_", -1).cast("int").alias("k"), value.alias("value"), value.alias("low"),
        value.alias("high"), "users",
    )  # fmt: skip


def size(split: DataFrame) -> DataFrame:
    """One row: users, items and events of the cleaned log."""
    distinct = [F.countDistinct(f"{name}_id").alias(f"{name}s") for name in ("user", "item")]
    return split.agg(*distinct, F.count(F.lit(1)).alias("events"))


def _role(name: str, now: Column, before: Column) -> Column:
    return F.struct(F.lit(name).alias("role"), now.alias("now"), before.alias("before"))
