"""What may not change when the future does: the rows of each table that hang on events before a cut alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts import tables
from lstmrec.contracts.tables import Table

#: Tables of s2 to s5, in the order in which a leak would travel.
AUDITED = (tables.SPLIT, tables.CUTS, tables.SEEN, tables.VOCABULARY, tables.SCALERS, tables.ENCODED_ITEMS,
           tables.ENCODED_USERS, tables.WINDOWS, tables.USER_PROFILES, tables.ITEM_PROFILES,
           tables.SEQUENCES)  # fmt: skip
#: Columns that tell of later events as they should, or how the cut is said in words.
_LATER = {"cuts": ("rule",), "seen": ("events",)}


def learnt(cut: str) -> tuple[str, ...]:
    """Roles whose sequences end before the cut: train, for test also validation."""
    return ("train",) if cut == "validation" else ("train", "validation")


def side(cut: str, frames: Mapping[str, DataFrame], untrained: int) -> dict[str, tuple[Table, DataFrame]]:
    """Table -> (its contract without columns about later events, its rows that the cut's past decides).

    cut: validation or test. frames: table -> all its rows. untrained: the first catalogue index without a train event;
    the catalogue has later items, so that such an index is no more than "not trained".
    """
    roles, before = learnt(cut), tables.HISTORY[cut]
    split, windows = frames["split"], frames["windows"]
    mine = windows.where(F.col("role").isin(*roles))
    starts = mine.select("user_id", F.col("start").alias("boundary")).distinct()
    known = split.where(F.col("role").isin(*before))
    rows = {
        "split": known,
        "cuts": frames["cuts"].where(F.col("role").isin(*roles)),
        "seen": frames["seen"].where("train > 0"),
        "vocabulary": frames["vocabulary"],
        "scalers": frames["scalers"],
        "encoded_items": frames["encoded_items"].where("count > 0"),
        "encoded_users": frames["encoded_users"].join(known.select("user_id").distinct(), "user_id", "left_semi"),
        "windows": mine,
        "user_profiles": frames["user_profiles"].join(starts, ["user_id", "boundary"], "left_semi"),
        "item_profiles": frames["item_profiles"].where(F.col("role") == cut),
        "sequences": _masked(frames["sequences"].where(F.col("role").isin(*roles)), untrained),
    }  # fmt: skip
    out = {}
    for table in AUDITED:
        told = _LATER.get(table.name, ())
        out[table.name] = (replace(table, columns=tuple(c for c in table.columns if c.name not in told)),
                           rows[table.name])  # fmt: skip
    return out


def untrained(items: DataFrame) -> DataFrame:
    """One row, first: the first catalogue index of ENCODED_ITEMS without a train event; null where all have one."""
    return items.where("count = 0").agg(F.min("item").alias("first"))


def prints(table: Table, rows: DataFrame, canonical: Callable[[Table], list[Column]]) -> DataFrame:
    """One row: rows, and their hash as a sum that no order changes. canonical: what a row's hash is made of."""
    return rows.agg(F.count(F.lit(1)).alias("rows"), F.sum(_hash(table, canonical)).alias("hash"))


def moved(table: Table, base: DataFrame, other: DataFrame, canonical: Callable[[Table], list[Column]]) -> DataFrame:
    """One row: per column c, n{i}: rows of both sides with the same key that differ in it; gone and new rows; example:
    the first of them, by key, as JSON."""
    names = [c.name for c in table.columns if c.name not in table.key]

    def hashed(frame: DataFrame, side: str) -> DataFrame:
        columns = [F.xxhash64(*canonical(replace(table, columns=(table.column(n),)))).alias(f"_{side}{i}")
                   for i, n in enumerate(names)]  # fmt: skip
        shown = F.substring(F.to_json(F.struct(*names)), 1, 300).alias(f"_{side}")
        return frame.select(*table.key, *columns, shown)

    both = hashed(base, "a").join(hashed(other, "b"), list(table.key), "full_outer")
    differ = [F.col(f"_a{i}") != F.col(f"_b{i}") for i in range(len(names))]
    gone, new = F.col("_b").isNull(), F.col("_a").isNull()
    any_ = gone | new
    for d in differ:
        any_ = any_ | F.coalesce(d, F.lit(False))
    example = F.to_json(F.struct(*table.key, F.col("_a").alias("was"), F.col("_b").alias("is")))
    return both.agg(
        *[F.count_if(d).alias(f"n{i}") for i, d in enumerate(differ)],
        F.count_if(gone).alias("gone"),
        F.count_if(new).alias("new"),
        F.min_by(example, F.when(any_, F.struct(*table.key))).alias("example"),
    )


def _hash(table: Table, canonical: Callable[[Table], list[Column]]) -> Column:
    return F.xxhash64(*canonical(table)).cast("decimal(38,0)")


def _masked(sequences: DataFrame, untrained: int) -> DataFrame:
    """Targets without a train event all look alike: where the catalogue puts them depends on later items."""
    seen = F.transform("after_items", lambda x: F.when(x < untrained, x).otherwise(-1))
    return sequences.withColumn("after_items", seen)
