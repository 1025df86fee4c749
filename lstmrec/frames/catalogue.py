"""Which items there are, and their numbers: by falling train count, then hash, then id; no task sees them all."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.config.normalise import NormaliseConfig
from lstmrec.contracts.ids import FIRST, UNKNOWN

PRICE = "price"
_SHIFT = 64 - 8  # the hash's first byte: items of one count are numbered in 256 parts


def gather(items: DataFrame, sold: DataFrame, base: DataFrame | None = None) -> DataFrame:
    """ITEMS, the items of train events and those of `base` -> item_id, count, validation, test, worth, many, gone
    (of base alone) and, of base, item, id, title (null for new ones).

    sold: `tally.by_item`. base: ENCODED_ITEMS of an earlier run. An item that held-out events alone name is not known.
    """
    listed = items.select("item_id", F.lit(True).alias("_listed"))
    found = listed.join(sold, on="item_id", how="full_outer")
    if base is None:
        none = {"item": "int", "id": "int", "title": "string"}
        found = found.withColumns({name: F.lit(None).cast(kind) for name, kind in none.items()})
    else:
        found = found.join(base.select("item_id", "item", "id", "title"), on="item_id", how="full_outer")
    return found.where("_listed OR count > 0 OR item IS NOT NULL").select(
        "item_id", *[F.coalesce(n, F.lit(0)).cast("bigint").alias(n) for n in ("count", "validation", "test")],
        "worth", "many", "item", "id", "title",
        (F.col("_listed").isNull() & (F.coalesce("count", F.lit(0)) == 0)).alias("gone"),
    )  # fmt: skip


def numbered(items: DataFrame, seed: int, first: int = FIRST) -> DataFrame:
    """item_id, count -> item_id, item: first, first + 1 ... by falling count, then hash, then id.

    As `row_number` over everything, which would be one task: here it runs inside (count, first byte of the hash), and
    a number starts at the items of larger counts and of smaller bytes. Distinct counts are few: n of them are at least
    n * n / 2 events.
    """
    hashed = items.select("item_id", "count", F.xxhash64(F.lit(seed), "item_id").alias("_hash"))
    hashed = hashed.withColumn("_part", F.shiftright("_hash", _SHIFT))  # of signed hashes: keeps their order
    sizes = hashed.groupBy("count", "_part").agg(F.count(F.lit(1)).alias("_n"))
    larger = Window.orderBy(F.col("count").desc()).rowsBetween(Window.unboundedPreceding, -1)
    smaller = Window.partitionBy("count").orderBy("_part").rowsBetween(Window.unboundedPreceding, -1)
    starts = sizes.groupBy("count").agg(F.sum("_n").alias("_n"))
    starts = starts.select("count", F.coalesce(F.sum("_n").over(larger), F.lit(0)).alias("_start"))
    before = sizes.select("count", "_part", F.coalesce(F.sum("_n").over(smaller), F.lit(0)).alias("_before"))
    offsets = before.join(starts, on="count", how="inner")
    place = F.row_number().over(Window.partitionBy("count", "_part").orderBy("_hash", "item_id"))
    return hashed.join(offsets, on=["count", "_part"], how="inner").select(
        "item_id", (F.col("_start") + F.col("_before") + place + first - 1).cast("int").alias("item")
    )


def fit_catalogue(known: DataFrame, items: DataFrame, conf: NormaliseConfig, seed: int, *,
                  first: int = FIRST) -> DataFrame:  # fmt: skip
    """`gather` and ITEMS -> item, id, count, validation, test, item_id, title, tags, text, numeric (with `price`: value
    by quantity of the item's train events, in major units), vectors where ITEMS has any.

    first: the first number of a new item. Items of the base keep theirs, and their id where they had an embedding; one
    that is nowhere else stays without content, so that its number is never another's. Shuffles the catalogue once, and
    ids and counts alone to number them. `gone`: whether it is one of those.
    """
    fresh = numbered(known.where("item IS NULL"), seed, first)
    kept = known.where("item IS NOT NULL").select("item_id", "item")
    placed = known.withColumnsRenamed({"item": "_was", "id": "_id", "title": "_title"})
    placed = placed.join(fresh.unionByName(kept), on="item_id", how="inner").join(items, on="item_id", how="left")
    own = (F.col("count") >= conf.min_item_count) | (F.coalesce("_id", F.lit(UNKNOWN)) > UNKNOWN)
    numeric = F.coalesce("numeric", F.create_map().cast("map<string,double>"))
    if conf.price:
        price = F.when(F.col("many") > 0, F.col("worth").cast("double") / F.col("many").cast("double") / 100)
        with_price = F.map_concat(numeric, F.create_map(F.lit(PRICE), price))
        numeric = F.when(price.isNotNull(), with_price).otherwise(numeric)
    return placed.select(
        "item", F.when(own, F.col("item")).otherwise(UNKNOWN).alias("id"), "count", "validation", "test",
        "item_id", F.coalesce("title", "_title").alias("title"),
        F.coalesce("tags", F.array().cast("array<string>")).alias("tags"), "text", numeric.alias("numeric"),
        "vectors", "gone",
    )  # fmt: skip


def sizes(catalogue: DataFrame) -> DataFrame:
    """One row: items (how many), next (past the largest id of an embedding), trained (how many have one), gone (of the
    base alone)."""
    return catalogue.agg(
        F.count(F.lit(1)).alias("items"),
        F.greatest(F.coalesce(F.max("id"), F.lit(0)) + 1, F.lit(FIRST)).alias("next"),
        F.count_if(F.col("id") > UNKNOWN).alias("trained"),
        F.count_if("gone").alias("gone"),
    )
