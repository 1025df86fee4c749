"""The same thing told twice: the first by the total order stays, whatever order the rows come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.contracts import tables
from lstmrec.frames.clean import refuse


def refuse_duplicates(same: Literal["exact", "user_item_time"]) -> Callable[[DataFrame], DataFrame]:
    """Refuse accepted events that repeat an earlier one.

    exact: every conformed column is equal. user_item_time: user, item, type and time are (position, without a time).
    Rows end up together by user, which is how the windows after this want them.
    """
    if same == "exact":
        key = [F.col(c) for c in ("item_id", *tables.EVENT_ORDER)]
    else:
        place = F.when(F.col("time").isNull(), F.col("position"))
        key = [F.col("item_id"), F.col("event_type"), F.col("time"), place]
    alive = F.col("reject_reason").isNull()
    window = Window.partitionBy("user_id", *key, alive).orderBy(*event_order(), "_tie")

    def with_refusal(frame: DataFrame) -> DataFrame:
        ranked = frame.repartition("user_id").withColumn("_place", F.row_number().over(window))
        return ranked.transform(refuse("duplicate", F.col("_place") > 1, F.col("item_id"))).drop("_place")

    return with_refusal


def refuse_repeated(kind: str) -> Callable[[DataFrame], DataFrame]:
    """Refuse accepted items or users (kind) whose id another accepted row has: the smallest hash of the conformed row
    stays, so that a source without an order still has one answer."""
    key = f"{kind}_id"

    def with_refusal(frame: DataFrame) -> DataFrame:
        alive = F.col("reject_reason").isNull()
        window = Window.partitionBy(key, alive).orderBy("_tie")
        ranked = frame.withColumn("_place", F.row_number().over(window))
        return ranked.transform(refuse(f"duplicate_{kind}", F.col("_place") > 1, F.col(key))).drop("_place")

    return with_refusal


def event_order() -> list[Column]:
    """The total order of a user's events, nulls first."""
    return [F.col(c).asc_nulls_first() for c in tables.EVENT_ORDER]
