"""DRIVER side: where items that training never saw stand in the rankings of users who then took them. No torch here.

Rankers: the model, and beside it the items with most events before the test, the newest, those most like what the user
had (where the config has an entry of the kind content), and chance. All rank what the model may show. Other than
the model, popularity and newness see the events that s2 withheld, before the test: they are the stronger for it. An
item is cold where it has no event of the role train and no embedding of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts import tables
from lstmrec.contracts.ids import FIRST, UNKNOWN
from lstmrec.frames.expected import weights
from lstmrec.scoring import udf
from lstmrec.scoring.bench import Bench
from lstmrec.scoring.options import PLACES_DDL, Options

_USERS = 20_000  # by hash: enough for intervals, few enough for the driver


def walk(b: Bench) -> list[dict[str, Any]]:
    """A row for each ranker and candidate set (all items, cold items alone), see `figures`; none where the config does
    not ask, or no user took a cold item."""
    if not b.conf.evaluate.cold_items:
        return []
    known = b.rows(items(b.frames["events"], b.frames["split"], b.frames["encoded_items"]))
    size = FIRST + b.items
    cold = np.zeros(size, bool)
    count, first = np.zeros(size), np.full(size, -np.inf)
    for r in known:
        cold[r["item"]], count[r["item"]] = r["cold"], r["before"]
        first[r["item"]] = -np.inf if r["first"] is None else r["first"]
    scores = {"popularity": count, "random": np.zeros(size)}
    if b.conf.has_clock:
        scores["newest"] = first
    taken = targets(b.frames["split"], b.frames["encoded_items"], b.conf.seed)
    who, near = b.frames["sequences"].where("role = 'test'").join(taken, "user_id", "inner"), None
    if b.near is not None:
        past = b.frames["split"].where(F.col("role").isin(*tables.HISTORY["test"]))
        catalogue, liked = b.near(taken.select("user_id"), past, b.frames["encoded_items"])
        near = (b.over, *flat(b.rows(catalogue), size))
        who = who.join(liked.withColumnsRenamed({"keys": "near", "weights": "near_weights"}), "user_id", "left")
    found = b.rows(places(who, b.options, scores, cold, near))
    return figures([r.asDict() for r in found], b.conf.evaluate.bootstrap)


def flat(rows: Sequence[Any], size: int) -> tuple[Any, Any, Any]:
    """at (size + 1,), keys, weights: those of item i lie from at[i] to at[i + 1]. rows: item, keys, weights or null."""
    of = {r["item"]: r for r in rows}
    keys = [of[i]["keys"] or [] if i in of else [] for i in range(size)]
    weights = [of[i]["weights"] or [] if i in of else [] for i in range(size)]
    at = np.concatenate([[0], np.cumsum([len(some) for some in keys])]).astype(np.int64)
    every, much = (np.array([x for some in lot for x in some], np.int64) for lot in (keys, weights))
    return at, every, much


def items(events: DataFrame, split: DataFrame, encoded: DataFrame) -> DataFrame:
    """item, cold, and of the events that are not of the role test: before (how many) and first (microseconds), of
    ENCODED_ITEMS."""
    every = events.select("item_id", "time", F.lit(1).alias("n"))
    test = split.where("role = 'test'").select("item_id", "time", F.lit(-1).alias("n"))
    rest = every.unionByName(test).groupBy("item_id", "time").agg(F.sum("n").alias("n")).where("n > 0")
    known = rest.groupBy("item_id").agg(F.sum("n").alias("before"), F.min("time").alias("first"))
    joined = encoded.join(known, "item_id", "left")
    return joined.select("item", _cold().alias("cold"), F.coalesce("before", F.lit(0)).alias("before"), "first")


def targets(split: DataFrame, encoded: DataFrame, seed: int) -> DataFrame:
    """user_id, key, targets (catalogue indexes of the cold items of their test events), for 20,000 users at most."""
    cold = F.broadcast(encoded.where(_cold()).select("item_id", "item"))
    taken = split.where("role = 'test'").join(cold, "item_id", "inner").groupBy("user_id")
    made = taken.agg(F.sort_array(F.collect_set("item")).alias("targets"))
    hashed = made.withColumn("key", F.xxhash64(F.lit(seed).cast("bigint"), F.lit("cold"), "user_id"))
    return hashed.orderBy("key", "user_id").limit(_USERS)


def places(sequences: DataFrame, options: Options, scores: dict[str, Any], cold: Any, near: Any = None) -> DataFrame:
    """SEQUENCES rows with `targets` -> what `worker_places.places` says of each user, ranker and candidate set."""
    more = [] if near is None else ["near", "near_weights"]

    def body(batches: Iterator[Any]) -> Iterator[Any]:
        from lstmrec.scoring import worker_places

        return worker_places.places(batches, options, scores, cold, near)

    return sequences.select(*udf.needed(options), "key", "targets", *more).mapInArrow(body, PLACES_DDL)


def figures(rows: Sequence[dict[str, Any]], resamples: int) -> list[dict[str, Any]]:
    """ranker, among, users, targets, candidates (mean), and with bootstrap intervals over users, as [value, low, high]:
    percentile (mean share of candidates above a target), recall_10 and recall_100 (of targets)."""
    out = []
    for among in ("all", "cold"):
        for ranker in sorted({r["ranker"] for r in rows}):
            mine = [r for r in rows if (r["ranker"], r["among"]) == (ranker, among)]
            if not mine:  # a cold item that may be shown to nobody
                continue
            drawn = weights(np.array([r["key"] for r in mine], np.int64), resamples).T
            many = drawn @ np.array([r["targets"] for r in mine], float)
            row = {"ranker": ranker, "among": among, "users": len(mine), "targets": sum(r["targets"] for r in mine),
                   "candidates": float(np.mean([r["candidates"] for r in mine]))}  # fmt: skip
            for name in ("percentile", "recall_10", "recall_100"):
                values = drawn @ np.array([r[name] for r in mine]) / np.maximum(many, 1)
                low, high = np.percentile(values[1:] if resamples else values, [2.5, 97.5])
                row[name] = [float(values[0]), float(low), float(high)]
            out.append(row)
    return out


def _cold() -> Column:
    return (F.col("id") == UNKNOWN) & (F.col("count") == 0)
