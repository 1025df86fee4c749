"""The same thing told twice: the first by the total order stays, whatever order the rows come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.contracts import tables
from lstmrec.frames.clean import refuse

_SAID = ("item_id", "event_type", "time", "value", "quantity")


def refuse_duplicates(same: Literal["exact", "user_item_time"]) -> Callable[[DataFrame], DataFrame]:
    """Refuse accepted events that repeat an earlier one.

    exact: every conformed column is equal. user_item_time: user, item, type and time are (position, without a time).
    A cancellation repeats no purchase. Shuffles nothing where the rows lie together by user.
    """
    # In the order that rows will be written in: that sort then finds them in place.
    if same == "exact":
        key = [F.col(c) for c in (*tables.EVENT_ORDER, "item_id")]
    else:
        place = F.when(F.col("time").isNull(), F.col("position"))
        key = [F.col("time"), place, F.col("item_id"), F.col("event_type")]

    def with_refusal(frame: DataFrame) -> DataFrame:
        kinds = [F.col("_cancel")] if "_cancel" in frame.columns else []
        window = Window.partitionBy("user_id", *key, alive(), *kinds).orderBy(*event_order(), "_tie")
        ranked = frame.withColumn("_place", F.row_number().over(window))
        return ranked.transform(refuse("duplicate", F.col("_place") > 1, F.col("item_id"))).drop("_place")

    return with_refusal


def refuse_event_ids(everywhere: bool) -> Callable[[DataFrame], DataFrame]:
    """Refuse accepted events whose own id an earlier one of the user has: `conflicting_event_id` where item, type,
    time, value or quantity differ from that one's, `duplicate_event_id` where they do not.

    everywhere: an id stands for one event whoever did it (the first by the total order, then by user). Shuffles all
    events by their id; those without one are spread by their hash.
    """
    said = F.struct("user_id", *_SAID)
    none = F.when(F.col("event_id").isNull(), F.col("_tie"))
    owner = [none] if everywhere else [F.col("user_id")]
    window = Window.partitionBy(*owner, "event_id", alive()).orderBy(*event_order(), "user_id", "_tie")

    def with_refusal(frame: DataFrame) -> DataFrame:
        ranked = frame.withColumns({
            "_place": F.row_number().over(window),
            "_same": F.first(said).over(window.rowsBetween(Window.unboundedPreceding, Window.currentRow)) == said,
        })  # fmt: skip
        again = (F.col("_place") > 1) & F.col("event_id").isNotNull()
        reason = F.when(F.col("_same"), "duplicate_event_id").otherwise("conflicting_event_id")
        return ranked.transform(refuse(reason, again, F.col("event_id"))).drop("_place", "_same")

    return with_refusal


def refuse_repeated(kind: str) -> Callable[[DataFrame], DataFrame]:
    """Refuse accepted items or users (kind) whose id another accepted row has: `duplicate_KIND` where that one says the
    same, `conflicting_KIND` where it does not. The newest by `_updated` stays, then the smallest hash of the source
    row, so that a source without an order still has one answer."""
    key = f"{kind}_id"
    window = Window.partitionBy(key, alive()).orderBy(F.col("_updated").desc_nulls_last(), "_tie")

    def with_refusal(frame: DataFrame) -> DataFrame:
        stays = F.first("_payload").over(window.rowsBetween(Window.unboundedPreceding, Window.currentRow))
        ranked = frame.withColumns({"_place": F.row_number().over(window), "_stays": stays})
        same = F.col("_payload") == F.col("_stays")
        reason = F.when(same, f"duplicate_{kind}").otherwise(f"conflicting_{kind}")
        return ranked.transform(refuse(reason, F.col("_place") > 1, F.col(key))).drop("_place", "_stays")

    return with_refusal


def alive() -> Column:
    """Rows no rule has refused yet: they are counted and ordered among themselves."""
    return F.col("reject_reason").isNull()


def event_order() -> list[Column]:
    """The total order of a user's events, nulls first."""
    return [F.col(c).asc_nulls_first() for c in tables.EVENT_ORDER]
