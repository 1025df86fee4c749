"""Users with more events than a person has. Two rules, so that nobody is refused for what came later: `over_cap` looks
back from each event, `bot` at what lies before `clean.fit_before`."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.config.clean import BotConfig
from lstmrec.contracts.units import DAY_US
from lstmrec.frames.clean import refuse
from lstmrec.frames.dedup import alive, event_order

_MINUTE_US = 60_000_000


def set_aside(most: int) -> Callable[[DataFrame], DataFrame]:
    """Refuse, as `over_cap` for now, every accepted event of users with more than `most`: `capped` then looks at these
    few rows in their order, which is a sort that all other rows are spared."""
    whole = Window.partitionBy("user_id").rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)

    def with_refusal(frame: DataFrame) -> DataFrame:
        counted = frame.withColumn("_count", F.count(F.when(alive(), F.lit(1))).over(whole))
        return counted.transform(refuse("over_cap", F.col("_count") > most, F.col("_count"))).drop("_count")

    return with_refusal


def capped(most: int, before_us: int | None, everything: bool) -> Callable[[DataFrame], DataFrame]:
    """The rows set aside -> the same with their verdict: a user with more than `most` events before the instant (or in
    all, where everything counts) is a `bot`, wholly; of others the first `most` events by the total order stay.
    before_us null: no instant is known, so nobody is a bot. The rows of a user go to one task, which spills."""
    mine = Window.partitionBy("user_id").orderBy(*event_order())
    whole = mine.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    early = F.lit(everything) if before_us is None else F.col("time").isNull() | (F.col("time") < before_us)

    def with_verdict(frame: DataFrame) -> DataFrame:
        placed = frame.withColumns({
            "_place": F.row_number().over(mine), "_early": F.count(F.when(early, F.lit(1))).over(whole),
            "reject_reason": F.lit(None).cast("string"), "reject_value": F.lit(None).cast("string"),
        })  # fmt: skip
        judged = placed.transform(refuse("bot", F.col("_early") > most, F.col("_early")))
        judged = judged.transform(refuse("over_cap", F.col("_place") > most, F.col("_place")))
        return judged.withColumn("_rejected", ~alive()).drop("_place", "_early")

    return with_verdict


def asked(conf: BotConfig) -> bool:
    """Whether `bots` is: the rules that want a fit."""
    return any(rule is not None for rule in (conf.per_day, conf.per_minute, conf.user_quantile))


def bots(conf: BotConfig, events: DataFrame, pairs: DataFrame, bound: int | None) -> DataFrame | None:
    """user_id, events, of users that are bots by their pace or by more than `bound` events; null: not asked for.

    events: accepted ones to fit on. pairs: user_id, item_id, n of the same. Shuffles (user, minute) counts.
    """
    found = []
    if bound is not None:
        total = pairs.groupBy("user_id").agg(F.sum("n").alias("events"))
        found.append(total.where(F.col("events") > bound))
    for most, span in ((conf.per_day, DAY_US), (conf.per_minute, _MINUTE_US)):
        if most is not None:
            slot = F.expr(f"(time - pmod(time, {span})) div {span}").alias("slot")  # rounds down before 1970 too
            paced = events.where("time IS NOT NULL").groupBy("user_id", slot).agg(F.count(F.lit(1)).alias("n"))
            found.append(paced.groupBy("user_id").agg(F.max("n").alias("events")).where(F.col("events") > most))
    if not found:
        return None
    every = reduce(DataFrame.unionByName, found)
    return every.groupBy("user_id").agg(F.max("events").alias("events"))


def histogram(pairs: DataFrame) -> DataFrame:
    """events, users: how many users have so many events. Few rows: n events make at most sqrt(2 n) of them."""
    total = pairs.groupBy("user_id").agg(F.sum("n").alias("events"))
    return total.groupBy("events").agg(F.count(F.lit(1)).alias("users"))


def quantile(counts: dict[int, int], q: float) -> int:
    """The smallest number of events that at least a share q of the users do not exceed (nearest rank)."""
    users, seen, events = sum(counts.values()), 0, 0
    for events in sorted(counts):
        seen += counts[events]
        if seen >= q * users:
            break
    return events


def as_fitted(hot: DataFrame) -> DataFrame:
    """CORE rows of the bots among the rows of `capped`."""
    mine = hot.where(F.col("reject_reason") == "bot").groupBy(F.col("user_id").alias("id"))
    counted = mine.agg(F.max(F.col("reject_value").cast("bigint")).alias("events"))
    return counted.select(F.lit("user").alias("kind"), "id", "events", F.lit(False).alias("kept"),
                          F.lit("bot").alias("reason"))  # fmt: skip
