"""DRIVER side: frames that run the worker on executors. No torch here: it is imported where the rows are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.scoring.options import CHUNK, ENCODED, HIDDEN, LISTS_DDL, SEGMENT, Options, looked_at


def item_vectors(encoded: DataFrame, options: Options, total: int) -> DataFrame:
    """ENCODED_ITEMS -> ITEM_VECTORS, by the item tower of the bundle. total: train events of the catalogue."""

    def body(batches: Iterator[Any]) -> Iterator[Any]:
        from lstmrec.scoring import worker

        return worker.item_vectors(batches, options, total)

    chunks = encoded.select(*ENCODED, F.floor(F.col("item") / CHUNK).alias("chunk")).repartition("chunk")
    return chunks.sortWithinPartitions("chunk", "item").select(*ENCODED).mapInArrow(body, tables.ITEM_VECTORS.ddl)


def recommend(sequences: DataFrame, options: Options) -> DataFrame:
    """SEQUENCES rows (with `segment` and `hidden` where filters ask for them) -> user_id, items, known: one row for
    each."""

    def body(batches: Iterator[Any]) -> Iterator[Any]:
        from lstmrec.scoring import worker

        return worker.recommend(batches, options)

    asked = [name for name in (SEGMENT, HIDDEN) if name in sequences.columns]
    model = files.join(versions.folder(options.root, tables.BUNDLE.name, options.bundle), "model.json")
    return sequences.select(*looked_at(json.loads(files.read_text(model))), *asked).mapInArrow(body, LISTS_DDL)
