"""DRIVER side of `lstmrec label`, pure frames: what the model thought of each event of everybody's history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts import tables
from lstmrec.scoring.options import LABELLED_DDL, Options, looked_at
from lstmrec.scoring.udf import switches


def labelled(sequences: DataFrame, options: Options) -> DataFrame:
    """SEQUENCES rows -> user_id, offset, rank, surprise: a row an event."""

    def body(batches: Iterator[Any]) -> Iterator[Any]:
        from lstmrec.scoring import worker_labels

        return worker_labels.labelled(batches, options)

    return sequences.select(*looked_at(switches(options))).mapInArrow(body, LABELLED_DDL)


def rows(told: DataFrame, windows: DataFrame, split: DataFrame) -> DataFrame:
    """LABELS rows of what `labelled` says of the windows (user_id, start) that serve, and of the events behind them.

    The first event of a window that is not the first of the history has no label: the window begins there, and the
    model would not know what it does know.
    """
    blind = (F.col("offset") == 0) & (F.col("start") > 0)
    placed = told.join(windows.select("user_id", "start"), "user_id", "inner").select(
        "user_id", (F.col("start") + F.col("offset")).alias("position"),
        *[F.when(~blind, F.col(name)).alias(name) for name in ("rank", "surprise")],
    )  # fmt: skip
    events = split.select("user_id", F.col("index").alias("position"), "item_id", "time", "role")
    return placed.join(events, ["user_id", "position"], "inner").select(*tables.LABELS.names)


def figures(labels: DataFrame) -> DataFrame:
    """role, events, labelled, surprise (mean), mrr of LABELS rows, in role's order."""
    return labels.groupBy("role").agg(
        F.count(F.lit(1)).alias("events"), F.count("rank").alias("labelled"), F.avg("surprise").alias("surprise"),
        F.avg(1 / F.col("rank")).alias("mrr"),
    ).orderBy("role")  # fmt: skip
