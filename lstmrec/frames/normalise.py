"""Categories to ids and numbers to z-scores. `fit_*` look at train rows and give a table, `apply_*` take it in.

Sums are of integers alone (fixed point 2^-20), so that no result depends on how rows are spread.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.config.normalise import NormaliseConfig
from lstmrec.contracts import tables
from lstmrec.contracts.ids import FIRST, UNKNOWN
from lstmrec.frames.text import buckets

_FIXED = 1 << 20
_LARGEST = 1e9  # numbers beyond are cut there: their squares must fit the exact sums
PRICE = "price"


def fit_catalogue(split: DataFrame, items: DataFrame, conf: NormaliseConfig, seed: int) -> DataFrame:
    """ITEMS and the items of train events -> item, id, count, item_id, title, tags, text, numeric (with `price`: value
    by quantity of the item's train events, in major units).

    item: place by falling train count, then hash, then id. The one sort over everything is over items, not events: a
    single task that sees a few columns of a catalogue.
    """
    worth = F.sum(F.col("value").cast("decimal(38,0)"))
    many = F.sum(F.when(F.col("value").isNotNull(), F.coalesce("quantity", F.lit(1))).cast("decimal(38,0)"))
    sold = (
        split.where("role = 'train'")
        .groupBy("item_id")
        .agg(F.count(F.lit(1)).alias("count"), worth.alias("_value"), many.alias("_many"))
    )  # fmt: skip
    everything = items.join(sold, on="item_id", how="full_outer").withColumn("count", F.coalesce("count", F.lit(0)))
    order = Window.orderBy(F.col("count").desc(), F.xxhash64(F.lit(seed), "item_id"), "item_id")
    placed = everything.select("item_id", "count").withColumn("item", F.row_number().over(order) + FIRST - 1)
    numeric = F.coalesce("numeric", F.create_map().cast("map<string,double>"))
    if conf.price:
        price = F.when(F.col("_many") > 0, F.col("_value").cast("double") / F.col("_many").cast("double") / 100)
        with_price = F.map_concat(numeric, F.create_map(F.lit(PRICE), price))
        numeric = F.when(price.isNotNull(), with_price).otherwise(numeric)
    return everything.join(placed.drop("count"), on="item_id", how="inner").select(
        "item", F.when(F.col("count") >= conf.min_item_count, F.col("item")).otherwise(UNKNOWN).alias("id"), "count",
        "item_id", "title", F.coalesce("tags", F.array().cast("array<string>")).alias("tags"), "text",
        numeric.alias("numeric"),
    )  # fmt: skip


def fit_vocabulary(split: DataFrame, catalogue: DataFrame, users: DataFrame, attributes: Sequence[str],
                   min_tag_count: int) -> DataFrame:  # fmt: skip
    """VOCABULARY: tags by catalogue items with train events, event types by train events, demographics by users with
    train events; ids from 2 by falling count, then value."""
    train = split.where("role = 'train'")
    tags = catalogue.where("count > 0").select(F.lit("tag").alias("feature"), F.explode("tags").alias("value"))
    types = train.select(F.lit("event_type").alias("feature"), F.col("event_type").alias("value"))
    active = users.join(train.select("user_id").distinct(), on="user_id", how="left_semi")
    static = demographics(active, attributes).select(F.concat(F.lit("user:"), "name").alias("feature"), "value")
    counted = [
        frame.groupBy("feature", "value").agg(F.count(F.lit(1)).alias("count"))
        for frame in (tags, types, static)
    ]  # fmt: skip
    held = counted[0].where(F.col("count") >= min_tag_count).unionByName(counted[1]).unionByName(counted[2])
    order = Window.partitionBy("feature").orderBy(F.col("count").desc(), "value")
    return held.withColumn("id", F.row_number().over(order) + FIRST - 1).select(*tables.VOCABULARY.names)


def demographics(users: DataFrame, attributes: Sequence[str]) -> DataFrame:
    """user_id, name, value: one row for each attribute of the config that a user has."""
    rows = users.select("user_id", F.explode("attributes").alias("name", "value"))
    return rows.where(F.col("name").isin(list(attributes)))


def moments(catalogue: DataFrame, names: Sequence[str], log: Iterable[str]) -> DataFrame:
    """feature, n, s, q: count, sum and sum of squares (units of 2^-20) of each number over items with train events."""
    logged = set(log)
    parts = [F.struct(F.lit(n).alias("feature"), fixed(F.col("numeric")[n], n in logged).alias("x")) for n in names]
    none = F.array().cast("array<struct<feature:string,x:bigint>>")  # without numeric features there is nothing to fit
    rows = catalogue.where("count > 0").select(F.inline(F.array(*parts) if parts else none))
    x = F.col("x").cast("decimal(38,0)")
    square = (F.col("x").cast("decimal(18,0)") * F.col("x").cast("decimal(18,0)")).cast("decimal(38,0)")
    return rows.where("x IS NOT NULL").groupBy("feature").agg(
        F.count(F.lit(1)).alias("n"), F.sum(x).alias("s"), F.sum(square).alias("q")
    )  # fmt: skip


def fit_scalers(
    sums: Sequence[Mapping[str, Any]], names: Sequence[str], log: Iterable[str]
) -> list[tuple[str, bool, float, float, int]]:
    """Rows of SCALERS in the order of names, from the exact sums of `moments`: mean and standard deviation; a number
    that is constant, or that no train item has, gets scale 1."""
    found = {r["feature"]: (int(r["n"]), int(r["s"]), int(r["q"])) for r in sums}
    logged = set(log)
    out = []
    for name in names:
        n, s, q = found.get(name, (0, 0, 0))
        mean = Fraction(s, max(n, 1))
        variance = Fraction(q, max(n, 1)) - mean * mean
        scale = math.sqrt(variance) / _FIXED
        out.append((f"item:{name}", name in logged, float(mean / _FIXED), scale if variance > 0 else 1.0, n))
    return out


def fixed(value: Column, log: bool) -> Column:
    """A number, log1p first where asked (below 0 counts as 0), in units of 2^-20 as bigint; cut at +-1e9."""
    held = F.greatest(F.least(value, F.lit(_LARGEST)), F.lit(-_LARGEST))
    made = F.log1p(F.greatest(held, F.lit(0.0))) if log else held
    return F.when(value.isNotNull(), F.round(made * _FIXED).cast("bigint"))


def apply_items(catalogue: DataFrame, vocabulary: DataFrame, scalers: Sequence[tuple[str, bool, float, float, int]],
                conf: NormaliseConfig) -> DataFrame:  # fmt: skip
    """ENCODED_ITEMS. Tags: known ones by train count, at most tags_max, then 1 if there were unknown ones and room."""
    known = vocabulary.where("feature = 'tag'").select(F.col("value").alias("tag"), F.col("id").alias("tag_id"))
    exploded = catalogue.select("item", F.explode("tags").alias("tag")).join(known, on="tag", how="left")
    last = 2**31 - 1  # where unknown tags sort, so that known ones come first
    by_item = exploded.groupBy("item").agg(
        F.array_sort(F.collect_set(F.coalesce("tag_id", F.lit(last)))).alias("tag_ids")
    )  # fmt: skip
    kept = F.slice(F.coalesce("tag_ids", F.array().cast("array<int>")), 1, conf.tags_max)
    tags = F.transform(kept, lambda t: F.when(t == last, UNKNOWN).otherwise(t))
    values = [
        (fixed(F.col("numeric")[feature.removeprefix("item:")], log) / float(_FIXED) - center) / scale
        for feature, log, center, scale, _ in scalers
    ]
    numbers = [F.coalesce(v, F.lit(0.0)).cast("float") for v in values]
    missing = [F.when(v.isNull(), 1.0).otherwise(0.0).cast("float") for v in values]
    numeric = F.array(*numbers, *missing).cast("array<float>")
    text = buckets(F.col("text"), conf.text_buckets, conf.text_max)
    return catalogue.join(by_item, on="item", how="left").select(
        "item", "item_id", "title", "id", "count", tags.alias("tags"), text.alias("text"), numeric.alias("numeric")
    )  # fmt: skip


def apply_users(users: DataFrame, vocabulary: DataFrame, attributes: Sequence[str]) -> DataFrame:
    """ENCODED_USERS: an id per attribute, 1 where the user has none or one that no train user has."""
    known = vocabulary.where("feature LIKE 'user:%'").select(
        F.substring("feature", len("user:") + 1, 10_000).alias("name"), "value", "id"
    )  # fmt: skip
    found = demographics(users, attributes).join(known, on=["name", "value"], how="inner")
    mine = found.groupBy("user_id").agg(F.map_from_entries(F.collect_list(F.struct("name", "id"))).alias("ids"))
    static = [F.coalesce(F.col("ids")[a], F.lit(UNKNOWN)) for a in attributes]
    return users.join(mine, on="user_id", how="left").select(
        "user_id", F.array(*static).cast("array<int>").alias("static")
    )  # fmt: skip
