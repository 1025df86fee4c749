"""DRIVER side: frames that run the worker on executors. No torch here: it is imported where the rows are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.ids import FIRST
from lstmrec.scoring.options import (
    ADVANCED_DDL,
    CHUNK,
    ENCODED,
    FED,
    HIDDEN,
    LISTS_DDL,
    MERGED_DDL,
    MOVABLE_DDL,
    READING,
    REASONED_DDL,
    SEGMENT,
    VECTORS_DDL,
    Options,
    looked_at,
    tabled,
)


def item_vectors(encoded: DataFrame, total: int, options: Options) -> DataFrame:
    """ENCODED_ITEMS -> `options.VECTORS` of ITEM_VECTORS, by the item tower of the bundle. total: train events."""

    def body(batches: Iterator[Any]) -> Iterator[Any]:
        from lstmrec.scoring import worker

        return worker.item_vectors(batches, options, total)

    chunks = encoded.select(*ENCODED, F.floor(F.col("item") / CHUNK).alias("chunk")).repartition("chunk")
    return chunks.sortWithinPartitions("chunk", "item").select(*ENCODED).mapInArrow(body, VECTORS_DDL)


def recommend(sequences: DataFrame, options: Options) -> DataFrame:
    """SEQUENCES rows (with `segment` and `hidden` where filters ask for them) -> user_id, items, known, and
    where `options.because` asks for them the reasons (`REASONED_DDL`): one row for each."""

    def body(batches: Iterator[Any]) -> Iterator[Any]:
        from lstmrec.scoring import worker

        return worker.recommend(batches, options)

    return sequences.select(*needed(options), *_asked(sequences)).mapInArrow(body, lists_ddl(options))


def lists_ddl(options: Options) -> str:
    """The schema of `recommend`."""
    return REASONED_DDL if options.because[0] else LISTS_DDL


def advanced(fed: DataFrame, options: Options) -> DataFrame:
    """Rows of `options.FED` -> USER_STATES rows: one for each."""

    def body(batches: Iterator[Any]) -> Iterator[Any]:
        from lstmrec.scoring import worker_states

        return worker_states.advanced(batches, options)

    return fed.select(*FED, *_asked(fed)).mapInArrow(body, ADVANCED_DDL)


def movable(own: DataFrame, options: Options, gone: Sequence[int], new: Sequence[int], left: Sequence[str]
            ) -> DataFrame:  # fmt: skip
    """USER_STATES rows of users without new events -> user_id of those whose lists may change: few, for whom lists do
    not travel to Python. gone, new: see `merged`; left: ids of items that are in no catalogue any more."""

    def body(batches: Iterator[Any]) -> Iterator[Any]:
        from lstmrec.scoring import worker_merged

        return worker_merged.movable(batches, options, gone, new, left)

    many = F.size("items")
    last = F.get("items", many - 1)["score"]
    ids = [F.col("items.item_id").alias("ids")] if len(gone) or len(left) else []
    return own.select("user_id", "query", "complete", many.alias("many"), last.alias("last"), *ids).mapInArrow(
        body, MOVABLE_DDL
    )


def merged(lists: DataFrame, options: Options, gone: Sequence[int], new: Sequence[int]) -> DataFrame:
    """user_id, query, items, complete of users without new events -> user_id, items, complete, became (MOVED or
    SPENT) of those whose lists do not stay as they are.

    gone, new: indexes of items whose old places do not count, and of items that are to be put in theirs.
    """

    def body(batches: Iterator[Any]) -> Iterator[Any]:
        from lstmrec.scoring import worker_merged

        return worker_merged.merged(batches, options, gone, new)

    return lists.select("user_id", "query", "items", "complete", *_asked(lists)).mapInArrow(body, MERGED_DDL)


def needed(options: Options) -> list[str]:
    """The columns of SEQUENCES that the bundle's net looks at when it scores."""
    return looked_at(switches(options))


def switches(options: Options) -> dict[str, Any]:
    """The bundle's model.json."""
    model = files.join(versions.folder(options.root, tables.BUNDLE.name, options.bundle), "model.json")
    found: dict[str, Any] = json.loads(files.read_text(model))
    return found


def reading(options: Options, items: int) -> str:
    """How users are read with a catalogue of so many items: states that were read otherwise have other last bits."""
    return f"{READING}{' by a table' if tabled(switches(options), items + FIRST) else ''}"


def _asked(frame: DataFrame) -> list[str]:
    return [name for name in (SEGMENT, HIDDEN) if name in frame.columns]
