"""Lists that were served, judged by what users did afterwards: in the frames of an evaluation (pure).

Where nothing is held out all events are history; those after the lists' as_of are what `frames.targets` calls test.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config.evaluate import EvaluateConfig
from lstmrec.contracts import tables
from lstmrec.frames import targets
from lstmrec.frames.sums import Asked

#: What an evaluation calls the role of events after a cut.
ROLE = "test"


def asked(conf: EvaluateConfig) -> Asked:
    """What is measured of a day."""
    return Asked(tuple(conf.ks), conf.bootstrap, ("repeat", "explore") if conf.repeats else ())


def active(split: DataFrame, since: int, until: int) -> DataFrame:
    """user_id of users with an event after `since`, up to `until` (microseconds)."""
    return split.where((F.col("time") > since) & (F.col("time") <= until)).select("user_id").distinct()


def listed(lists: DataFrame) -> DataFrame:
    """user_id of whoever has a list."""
    return lists.select("user_id").distinct()


def wanted(conf: EvaluateConfig, split: DataFrame, users: DataFrame, active: DataFrame, listed: DataFrame, since: int,
           until: int) -> DataFrame:  # fmt: skip
    """`targets.targets` with slices, of active users who had a list: who came later could not have one. SPLIT rows
    after `until` are not looked at."""
    who = active.join(listed, "user_id", "left_semi")
    rows = split.where(F.coalesce(F.col("time") <= until, F.lit(True))).join(F.broadcast(who), "user_id", "left_semi")
    rows = rows.withColumn("role", F.when(F.col("time") > since, ROLE).otherwise("train"))
    s = conf.slices
    segments = targets.segments(users, s.segment, s.segments) if s.segment else None
    return targets.sliced(targets.targets(rows), s.history, s.user_days, segments)


def relabelled(lists: DataFrame) -> DataFrame:
    """RECOMMENDATIONS rows of role serve as an evaluation takes them in."""
    return lists.withColumn("role", F.lit(ROLE))


def back(rows: DataFrame) -> DataFrame:
    """METRICS rows of such an evaluation -> JUDGED."""
    return rows.withColumn("role", F.lit("serve")).select(*tables.JUDGED.names)
