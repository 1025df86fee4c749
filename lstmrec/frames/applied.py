"""Today's catalogue by what was fitted on an earlier day: places are kept, counts are those that were trained with."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts.ids import UNKNOWN
from lstmrec.frames.catalogue import PRICE, numbered


def catalogue(items: DataFrame, old: DataFrame, fitted: DataFrame, seed: int, first: int) -> DataFrame:
    """ITEMS, ENCODED_ITEMS of the day before (`old`) and of the bundle's run (`fitted`) -> the rows that
    `normalise.apply_items` takes in (see `catalogue.fit_catalogue`).

    An item of `old` keeps its place, its id and its count; new items come from `first` on, unknown to the net but for
    their content, with no train event. gone: in `old` alone.
    """
    known = old.select("item_id", "item", "id", "count", F.col("title").alias("_title"))
    listed = items.select("item_id", F.lit(True).alias("_listed"))
    every = listed.join(known, "item_id", "full_outer")
    fresh = numbered(every.where("item IS NULL").select("item_id", F.lit(0).cast("bigint").alias("count")), seed, first)
    placed = fresh.unionByName(known.select("item_id", "item"))
    rows = every.drop("item").join(placed, "item_id", "inner").join(items, "item_id", "left")
    nothing = F.array().cast("array<string>")
    return rows.select(
        "item", F.coalesce("id", F.lit(UNKNOWN)).alias("id"),
        F.coalesce("count", F.lit(0)).cast("bigint").alias("count"), "item_id",
        F.coalesce("title", "_title").alias("title"), F.coalesce("tags", nothing).alias("tags"), "text",
        F.coalesce("numeric", F.create_map().cast("map<string,double>")).alias("numeric"), "vectors",
        F.col("_listed").isNull().alias("gone"),
    )  # fmt: skip


def priced(encoded: DataFrame, fitted: DataFrame, names: Sequence[str]) -> DataFrame:
    """ENCODED_ITEMS rows with the number `price` (of train events) of each item as it was fitted. names: of numbers."""
    if PRICE not in names:
        return encoded
    at, n = list(names).index(PRICE), len(names)
    then = fitted.select("item_id", F.col("numeric").alias("_then"))
    rows = encoded.join(then, "item_id", "left")
    kept = F.transform("numeric", lambda x, i: F.when(i.isin(at, at + n) & F.col("_then").isNotNull(),
                                                      F.get("_then", i)).otherwise(x))  # fmt: skip
    return rows.withColumn("numeric", kept.cast("array<float>")).select(*encoded.columns)
