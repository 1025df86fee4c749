"""Rules that look at the event before: double clicks, the same item again, purchases that were taken back, sessions.

Each is one walk along events of one user, in the total order, and shuffles nothing where rows lie together by user.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.frames.clean import refuse
from lstmrec.frames.dedup import alive, event_order


def refuse_double_clicks(seconds: int) -> Callable[[DataFrame], DataFrame]:
    """Refuse events within so many seconds after one of the same user, item and type, be that one refused here or
    not: of a burst the first stays, however long it lasts. Events without a time are none."""
    window = Window.partitionBy("user_id", "item_id", "event_type", alive()).orderBy(*event_order(), "_tie")

    def with_refusal(frame: DataFrame) -> DataFrame:
        since = frame.withColumn("_since", F.col("time") - F.lag("time").over(window))
        hit = F.col("_since") <= seconds * 1_000_000
        return since.transform(refuse("double_click", hit, F.col("_since") / 1_000_000)).drop("_since")

    return with_refusal


def refuse_consecutive_repeats(frame: DataFrame) -> DataFrame:
    """Refuse accepted events of the item that the user's event before was of: of a run the first stays."""
    window = Window.partitionBy("user_id", alive()).orderBy(*event_order(), "_tie")
    before = frame.withColumn("_before", F.lag("item_id").over(window))
    hit = F.col("_before") == F.col("item_id")
    return before.transform(refuse("consecutive_repeat", hit, F.col("item_id"))).drop("_before")


def refuse_cancelled(frame: DataFrame) -> DataFrame:
    """Refuse cancellations (`_cancel`) and, with each, the latest event it can undo: last in, first out among the
    user's events of one item and one amount (`_many` without its sign). Reasons `cancelled` for what is undone,
    `cancellation`, and `unmatched_cancellation` where nothing is open.

    A stack of open events grows by one with each event and shrinks by one with each cancellation, never below zero.
    An event that takes it to height h and the cancellation that brings it down from h are neighbours among the rows
    of that height.
    """
    pile = Window.partitionBy("user_id", "item_id", F.abs("_many"), alive()).orderBy(*event_order(), "_tie")
    so_far = pile.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    level = Window.partitionBy("user_id", "item_id", F.abs("_many"), alive(), "_height").orderBy(*event_order(), "_tie")
    step = F.when(F.col("_cancel"), F.lit(-1)).otherwise(F.lit(1))
    # Clipping at zero is the running sum less its running minimum where that is below zero.
    summed = frame.withColumn("_sum", F.sum(step.cast("bigint")).over(so_far))
    floored = summed.withColumn("_floor", F.least(F.lit(0).cast("bigint"), F.min("_sum").over(so_far)))
    sunk = F.col("_floor") < F.lag("_floor", 1, 0).over(pile)  # a cancellation that found nothing open
    height = F.col("_sum") - F.col("_floor") + F.when(F.col("_cancel"), F.lit(1)).otherwise(F.lit(0))
    risen = floored.withColumn("_sunk", sunk).withColumn("_height", F.when(~F.col("_sunk"), height))
    paired = risen.withColumn("_next", F.lead("_cancel").over(level))
    lone = F.when(F.col("_sunk"), "unmatched_cancellation")
    reason = lone.when(F.col("_cancel"), "cancellation").otherwise("cancelled")
    done = paired.transform(refuse(reason, F.col("_cancel") | F.col("_next"), F.col("_many")))
    return done.drop("_sum", "_floor", "_sunk", "_height", "_next")


def with_sessions(gap_minutes: int) -> Callable[[DataFrame], DataFrame]:
    """`session` of accepted events: 0-based number of the user's session; more than this many minutes of silence
    begin the next one. Events without a time are of the session before."""
    window = Window.partitionBy("user_id", alive()).orderBy(*event_order(), "_tie")
    so_far = window.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    silence = F.col("time") - F.lag("time").over(window)
    begins = F.coalesce((silence > gap_minutes * 60_000_000).cast("bigint"), F.lit(0).cast("bigint"))

    def numbered(frame: DataFrame) -> DataFrame:
        count = F.sum("_begins").over(so_far)
        return (
            frame.withColumn("_begins", begins)
            .withColumn("session", F.when(alive(), count.cast("string")))
            .drop("_begins")
        )

    return numbered
