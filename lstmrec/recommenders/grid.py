"""DRIVER side of `recommenders.ranker`: the whole catalogue (and peers) beside every part of the users."""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.contracts.units import FIXED
from lstmrec.recommenders import lists, ranker

#: Parts of the users: each holds the catalogue.
PARTS = 16
_COLUMNS = [x.split()[0] for x in ranker.DDL.split(", ")]


def numbered(items: DataFrame) -> DataFrame:
    """The rows (item_id ..., distinct) with `id` from 0 in the order of ties. The catalogue passes through one task,
    as a list."""
    every = items.agg(F.sort_array(F.collect_list(F.struct(*lists.ties()))).alias("all"))
    ids = every.select(F.posexplode("all.item_id").alias("id", "item_id"))
    return items.join(ids, "item_id", "inner")


def newest(events: DataFrame, most: int) -> DataFrame:
    """user_id, item_id, last (index), back (from 1): the newest distinct items of each user."""
    order = Window.partitionBy("user_id").orderBy(F.col("last").desc())
    pairs = events.groupBy("user_id", "item_id").agg(F.max("index").alias("last"))
    return pairs.withColumn("back", F.row_number().over(order)).where(F.col("back") <= most)


def payload(rows: DataFrame, owner: str, key: str, weight: Column | None = None) -> DataFrame:
    """owner, keys (ascending), weights of (owner, key) rows; no weights (null) without one."""
    if weight is None:
        keys = F.sort_array(F.collect_list(F.col(key).cast("int")))
        return rows.groupBy(owner).agg(keys.alias("keys")).withColumn("weights", F.lit(None).cast("array<int>"))
    pairs = F.sort_array(F.collect_list(F.struct(F.col(key).cast("int").alias("k"), weight.cast("int").alias("w"))))
    return (
        rows.groupBy(owner)
        .agg(pairs.alias("x"))
        .select(owner, F.col("x.k").alias("keys"), F.col("x.w").alias("weights"))
    )


def best(users: DataFrame, catalogue: DataFrame, payloads: DataFrame, history: DataFrame, scorer: ranker.Scorer, k: int,
         shown: lists.Shown, peers: DataFrame | None = None, unit: float = FIXED) -> DataFrame:  # fmt: skip
    """user_id, own: what `lists.filled` takes. Users without a payload have none.

    catalogue: id, item_id, keys, weights; peers: id, keys, weights; payloads: user_id, keys, weights. scorer: a plain
    function of an executor module. unit: votes that are a score of 1.
    """
    rules = shown.rules
    open_: tuple[Column, Column] = F.lit(True), F.lit(None).cast("array<string>")
    if rules is not None:
        free = rules.where("pin IS NULL").select("item_id", "everybody", "segments")
        catalogue = catalogue.join(free, "item_id", "left")
        open_ = F.coalesce("everybody", F.lit(False)), F.col("segments")
    items = catalogue.select(
        F.lit(ranker.ITEM).alias("kind"), "id", "item_id", open_[0].alias("everybody"), open_[1].alias("segments"),
        "keys", "weights",
    )  # fmt: skip
    if peers is not None:
        other = peers.select(F.lit(ranker.PEER).alias("kind"), "id", "keys", "weights")
        items = items.unionByName(other, allowMissingColumns=True)
    items = items.select(F.explode(F.sequence(F.lit(0), F.lit(PARTS - 1))).alias("part"), "*")
    who = shown.segments(users.select("user_id")).join(payloads, "user_id", "inner")
    hidden = shown.hidden(history)
    if hidden is None:
        who = who.withColumn("seen", F.lit(None).cast("array<int>"))
    else:
        known = hidden.join(catalogue.select("item_id", "id"), "item_id", "inner")
        who = who.join(known.groupBy("user_id").agg(F.collect_set("id").alias("seen")), "user_id", "left")
    who = who.select(F.pmod(F.hash("user_id"), F.lit(PARTS)).alias("part"), F.lit(ranker.USER).alias("kind"), "*")
    rows = items.unionByName(who, allowMissingColumns=True).select(*_COLUMNS)
    parted = rows.repartition("part").sortWithinPartitions("part", "kind", "id")
    # Where tags are capped any item may be passed over, so that all are asked for.
    most = None if shown.most else k
    return parted.mapInArrow(partial(ranker.best, scorer=scorer, k=most, unit=float(unit)), ranker.OUT)
