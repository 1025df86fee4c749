"""Which role an event has, and its place in its user's history: the history of a role is what lies before it."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.config.split import SplitConfig
from lstmrec.contracts import tables
from lstmrec.frames.dedup import event_order

_DAY_US = 86_400_000_000
HELD_OUT = ("validation", "test")


def with_split(conf: SplitConfig, as_of_us: int) -> Callable[[DataFrame], DataFrame]:
    """EVENTS -> SPLIT: `index` (0-based, by the total order) and `role`.

    by time: the same two instants for everybody; an event without a time is as old as can be, so train. leave_last:
    of a user's n events the last min(last, n - 1) are test and, before them, as many as `last` and the one event that
    train keeps allow are validation: whoever has an event has one in train.
    """

    def split(frame: DataFrame) -> DataFrame:
        mine = Window.partitionBy("user_id")
        whole = mine.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
        indexed = frame.withColumn("index", F.row_number().over(mine.orderBy(*event_order())) - 1)
        if conf.by == "time":
            role = _by_time(cuts_us(conf, as_of_us))
        else:
            indexed = indexed.withColumn("_n", F.count(F.lit(1)).over(whole))
            role = _leave_last(conf.last)
        return indexed.withColumn("role", role).select(*tables.SPLIT.names)

    return split


def cuts_us(conf: SplitConfig, as_of_us: int) -> dict[str, int | None]:
    """Role -> the instant (microseconds) its history ends before; null by position."""
    if conf.by == "leave_last":
        return dict.fromkeys(tables.ROLES)
    test = as_of_us - conf.test_days * _DAY_US
    validation = test - conf.validation_days * _DAY_US
    return {"train": validation, "validation": validation, "test": test, "serve": as_of_us}


def rule(conf: SplitConfig) -> dict[str, str]:
    """Role -> how its events were chosen, in words."""
    if conf.by == "time":
        test, both = conf.test_days, conf.test_days + conf.validation_days
        return {"train": f"more than {both} x 24 h before as_of", "validation": f"{both} to {test} x 24 h before as_of",
                "test": f"the last {test} x 24 h before as_of", "serve": "every event"}  # fmt: skip
    last = f"each user's last {conf.last}"
    return {
        "train": "all before, at least one",
        "validation": f"{last} before test",
        "test": last,
        "serve": "every event",
    }


def tally(split: DataFrame) -> DataFrame:
    """role (serve: all events), users, events."""
    mine = split.groupBy("user_id", "role").agg(F.count(F.lit(1)).alias("n"))
    sums = [F.count_distinct("user_id").alias("users"), F.sum("n").alias("events")]
    return mine.groupBy("role").agg(*sums).unionByName(mine.groupBy(F.lit("serve").alias("role")).agg(*sums))


def ties(split: DataFrame) -> DataFrame:
    """One row, tied: events that share time, event id and position with another of their user, so that only the hash
    of the row put one before the other."""
    same = split.groupBy("user_id", "time", "event_id", "position").agg(F.count(F.lit(1)).alias("n"))
    return same.agg(F.coalesce(F.sum(F.when(F.col("n") > 1, F.col("n"))), F.lit(0)).alias("tied"))


def _by_time(cuts: dict[str, int | None]) -> Column:
    time = F.col("time")
    return (
        F.when(time >= F.lit(cuts["test"]), F.lit("test"))
        .when(time >= F.lit(cuts["validation"]), F.lit("validation"))
        .otherwise(F.lit("train"))
    )


def _leave_last(last: int) -> Column:
    from_end = F.col("_n") - F.col("index") - 1
    held = F.col("index") > 0
    return (
        F.when(held & (from_end < last), F.lit("test"))
        .when(held & (from_end < 2 * last), F.lit("validation"))
        .otherwise(F.lit("train"))
    )
