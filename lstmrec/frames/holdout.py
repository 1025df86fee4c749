"""Who and what a split holds out besides its cuts, and where a cut lies that is given as a share of the events.

Choices are hashes of (seed, id): nobody's lot changes when others come.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.split import ItemHoldout, UserHoldout, instant_us

HOUR_US, SECOND_US = 3_600_000_000, 1_000_000
_PARTS = 1_000_000


def held_user(conf: UserHoldout | None, seed: int) -> Column:
    """Whether the user of the row is held out of training."""
    return F.lit(False) if conf is None else _chosen("user_id", conf.share, seed)


def held_item(conf: ItemHoldout | None, seed: int) -> Column:
    """Whether the item of the row is held back by its hash."""
    return F.lit(False) if conf is None or conf.share is None else _chosen("item_id", conf.share, seed)


def newcomers(events: DataFrame, conf: ItemHoldout, test_us: int) -> DataFrame:
    """item_id: items of events before the test cut whose first event is at or after `new_from`.

    Later events are not looked at: what comes after the cut decides nothing about what comes before. An event without
    a time is older than any other. One shuffle, of one row per item and partition.
    """
    assert conf.new_from is not None
    time = F.coalesce("time", F.lit(-(2**63)))
    first = events.where(time < test_us).groupBy("item_id").agg(F.min(time).alias("first"))
    return first.where(F.col("first") >= instant_us(conf.new_from)).select("item_id")


def counts(events: DataFrame, until_us: int | None, unit_us: int, of_us: int | None = None) -> DataFrame:
    """start (microseconds), n: events by hour or second (unit_us) before `until_us`; of_us: within that hour alone."""
    time = F.col("time")
    frame = events.where(time.isNotNull())
    frame = frame if until_us is None else frame.where(time < until_us)
    frame = frame if of_us is None else frame.where((time >= of_us) & (time < of_us + HOUR_US))
    return frame.groupBy((time - F.pmod(time, F.lit(unit_us))).alias("start")).agg(F.count(F.lit(1)).alias("n"))


def needed(share: float, events: int) -> int:
    """The least number of events that is `share` of them: the share as it was written, not its nearest double."""
    return max(1, math.ceil(Fraction(str(share)) * events))


def latest(found: Iterable[tuple[int, int]], need: int) -> tuple[int, int]:
    """(start, n) pairs -> the latest start from which on at least `need` events lie (else the earliest), and how many
    lie in units after that one."""
    after, place = 0, 0
    for start, n in sorted(found, reverse=True):
        place = start
        if after + n >= need:
            break
        after += n
    return place, after


def _chosen(column: str, share: float, seed: int) -> Column:
    """Salted by the column's name, so that ids that users and items share have two lots."""
    place = F.pmod(F.xxhash64(F.lit(seed).cast("bigint"), F.lit(column), column), F.lit(_PARTS))
    return place < round(share * _PARTS)
