"""The core: which items and users have enough events, fitted before an instant and applied to every event."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config.clean import CleanConfig, CoreConfig
from lstmrec.config.split import SplitConfig, instant_us
from lstmrec.contracts.errors import ConfigError
from lstmrec.frames.clean import refuse
from lstmrec.frames.split import cuts

ALL = "all"


def asks(conf: CleanConfig) -> list[str]:
    """Config keys that want the fitted table."""
    wants = {"core.items": conf.core.items, "core.users": conf.core.users, "bots.per_day": conf.bots.per_day,
             "bots.per_minute": conf.bots.per_minute, "bots.user_quantile": conf.bots.user_quantile}  # fmt: skip
    return [f"clean.{key}" for key, value in wants.items() if value]


def fit_before_us(conf: CleanConfig, split: SplitConfig, as_of_us: int) -> int | None:
    """The instant (microseconds) that events to fit on lie before; null: all are (`all`), or, where nothing asks for a
    fit, no instant is known.

    Where nothing is held out it is as_of. ConfigError C310 where something asks and the split has no first cut that is
    known here, C311 for an instant after that cut, or for no instant.
    """
    if conf.fit_before == ALL:
        return None
    known = split.by != "leave_last" and split.test_share is None and split.validation_share is None
    first = cuts(split, as_of_us).end("train") if known else None
    if conf.fit_before is None:
        if first is None and asks(conf):
            why = "leave_last has none" if split.by == "leave_last" else "it is a share of the events"
            what = f"{', '.join(asks(conf))}: fitted on events before the split's first cut, and {why}"
            raise ConfigError("C310", what, "clean.fit_before", "--set clean.fit_before=all   "
                              "(a protocol that looks at held-out events too), or switch the rule off")  # fmt: skip
        return first
    try:
        given = instant_us(conf.fit_before)
    except ValueError as error:
        raise ConfigError("C311", str(error), "clean.fit_before", f"an instant, or {ALL}") from error
    if first is None or given > first:
        raise ConfigError("C311", f"{conf.fit_before} is not known to lie before the split's first cut",
                          "clean.fit_before", f"leave it out, or say {ALL}") from None  # fmt: skip
    return given


def early(events: DataFrame, before_us: int | None) -> DataFrame:
    """Events to fit on: those before the instant and those without a time, which count as old; null: all."""
    if before_us is None:
        return events
    return events.where(F.col("time").isNull() | (F.col("time") < before_us))


def pairs(events: DataFrame) -> DataFrame:
    """user_id, item_id, n: events of each pair. Shuffles the pairs, counted before on each side."""
    return events.groupBy("user_id", "item_id").agg(F.count(F.lit(1)).alias("n"))


def lone(events: DataFrame) -> DataFrame:
    """`pairs`, one row an event: for who reads them once."""
    return events.select("user_id", "item_id", F.lit(1).cast("bigint").alias("n"))


def rounds(conf: CoreConfig) -> int | None:
    """How many at most; null: until nothing changes. One side alone is done in one."""
    return conf.rounds if conf.items and conf.users else 1


def counted(of: str, pairs: DataFrame, mine: DataFrame | None, others: DataFrame | None) -> DataFrame:
    """id, events: the events of each user or item (of) with those that are kept on the other side, zero where none is.

    mine: ids of this side to count, null: all. others: kept ids of the other side, null: all.
    """
    key, other = (f"{of}_id", "item_id" if of == "user" else "user_id")
    rows = pairs if mine is None else pairs.join(mine.withColumnRenamed("id", key), on=key, how="left_semi")
    n = F.col("n")
    if others is not None:
        there = others.select(F.col("id").alias(other), F.lit(True).alias("_there"))
        rows = rows.join(there, on=other, how="left")
        n = F.when(F.col("_there"), n).otherwise(F.lit(0).cast("bigint"))
    return rows.groupBy(F.col(key).alias("id")).agg(F.sum(n).alias("events"))


def latest(kind: str, rounds: DataFrame, least: int) -> DataFrame:
    """CORE rows of a user's or item's (kind) counts of each round (id, events, round): the last count decides."""
    last = rounds.groupBy("id").agg(F.max(F.struct("round", "events")).getField("events").alias("events"))
    kept = F.col("events") >= least
    reason = F.when(~kept, F.lit(f"rare_{kind}"))
    return last.select(F.lit(kind).alias("kind"), "id", "events", kept.alias("kept"), reason.alias("reason"))


def inside(out: DataFrame) -> Callable[[DataFrame], DataFrame]:
    """The events that `refuse_outside` does not refuse."""

    def kept(frame: DataFrame) -> DataFrame:
        for kind in ("user", "item"):
            mine = out.where(F.col("kind") == kind).where(~F.col("kept")).select(F.col("id").alias(f"{kind}_id"))
            frame = frame.join(mine, on=f"{kind}_id", how="left_anti")
        return frame

    return kept


def refuse_outside(fitted: DataFrame) -> Callable[[DataFrame], DataFrame]:
    """Refuse accepted events of users and items that CORE does not keep; who is not in it stays. fitted: CORE, or
    those of its rows alone that are not kept: they are few, and Spark broadcasts them where they fit."""
    out = fitted.where(~F.col("kept"))

    def with_refusal(frame: DataFrame) -> DataFrame:
        for kind in ("user", "item"):
            mine = out.where(F.col("kind") == kind).select(
                F.col("id").alias(f"{kind}_id"),
                F.col("events").alias(f"_{kind}_n"),
                F.col("reason").alias(f"_{kind}_why"),
            )
            frame = frame.join(mine, on=f"{kind}_id", how="left")
        bot = F.col("_user_why") == "bot"
        for why, n, hit in (
            ("_user_why", "_user_n", bot),
            ("_item_why", "_item_n", None),
            ("_user_why", "_user_n", None),
        ):
            met = F.col(why).isNotNull() if hit is None else hit
            frame = frame.transform(refuse(F.col(why), met, F.col(n)))
        frame = frame.drop("_user_n", "_user_why", "_item_n", "_item_why")
        return frame.withColumn("_rejected", F.col("reject_reason").isNotNull())

    return with_refusal
