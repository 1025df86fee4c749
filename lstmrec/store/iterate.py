"""Loops that must act: the k-core, round after round until nothing changes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstmrec import files
from lstmrec.config.clean import CleanConfig, CoreConfig
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.frames import core, outliers
from lstmrec.store import collect
from lstmrec.store.work import Desk

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """Rows of CORE on the desk; out: those not kept, in files of their own, whose size tells Spark whether to
    broadcast them; rounds: ids left out in each, [items, users]; bounds: name -> value."""

    frame: DataFrame
    out: DataFrame
    rounds: list[list[int]] = field(default_factory=list)
    bounds: Mapping[str, int] = field(default_factory=dict)


def nobody(spark: SparkSession) -> Fitted:
    """What is fitted where nothing is asked for."""
    empty = spark.createDataFrame([], tables.CORE.ddl)
    return Fitted(empty, empty)


def fit(accepted: DataFrame, conf: CleanConfig, before_us: int | None, desk: Desk) -> Fitted:
    """Fit bots, then the core of whoever is none, on accepted events (that lie on the desk) before the instant.

    DataError D312 where the core is empty. Events are read once for their pairs, and once more for each bound of pace.
    """
    spark, events = accepted.sparkSession, core.early(accepted, before_us)
    paced = outliers.asked(conf.bots)
    # Counted pairs are fewer than events; worth writing down for whoever reads them more often than one round does.
    pairs = desk.materialise(core.pairs(events), "pairs") if paced or core.rounds(conf.core) != 1 else core.lone(events)
    parts, bounds = [], {}
    if conf.bots.user_quantile is not None:
        counts = {r["events"]: r["users"] for r in collect.rows(outliers.histogram(pairs))}
        bounds["user_quantile"] = outliers.quantile(counts, conf.bots.user_quantile)
    bots = outliers.bots(conf.bots, events, pairs, bounds.get("user_quantile"))
    if bots is not None:
        bots = desk.materialise(bots, "bots")
        pairs = desk.materialise(pairs.join(bots, on="user_id", how="left_anti"), "pairs_of_people")
        parts.append(bots.select(F.lit("user").alias("kind"), F.col("user_id").alias("id"), "events",
                                 F.lit(False).alias("kept"), F.lit("bot").alias("reason")))  # fmt: skip
    rounds, kept = k_core(pairs, conf.core, desk)
    rows = [("bound", name, value, True, None) for name, value in bounds.items()]
    frame = spark.createDataFrame(rows, tables.CORE.ddl)
    for part in [*parts, *kept]:
        frame = frame.unionByName(part)
    frame = desk.materialise(frame, "core")
    return Fitted(frame, desk.materialise(frame.where(~F.col("kept")), "out"), rounds, bounds)


def k_core(pairs: DataFrame, conf: CoreConfig, desk: Desk) -> tuple[list[list[int]], list[DataFrame]]:
    """Rounds, each items then users, and the CORE rows of every id that was counted. pairs: user_id, item_id, n."""
    sides = [(kind, least) for kind, least in (("item", conf.items), ("user", conf.users)) if least]
    if not sides:
        return [], []
    most = core.rounds(conf)
    kept: dict[str, DataFrame | None] = {"item": None, "user": None}
    rounds: list[list[int]] = []
    while most is None or len(rounds) < most:
        out = {"item": 0, "user": 0}
        for kind, least in sides:
            other = "user" if kind == "item" else "item"
            counts = core.counted(kind, pairs, kept[kind], kept[other]).where("id IS NOT NULL")
            counts = desk.materialise(counts, f"core_{kind}/round={len(rounds)}")
            stay = counts.where(F.col("events") >= least)
            there, left = collect.count(counts), collect.count(stay)
            kept[kind], out[kind] = stay.select("id"), there - left
            if left == 0:
                asked = ", ".join(f"clean.core.{k}s: {n}" for k, n in sides)
                raise DataError("D312", f"no {kind} of {there:,} has {least:,} events in round {len(rounds) + 1}: the "
                                "core is empty", asked, "ask for fewer, or for rounds: 1")  # fmt: skip
        rounds.append([out["item"], out["user"]])
        log.info("core round %d: %d items and %d users left out", len(rounds), out["item"], out["user"])
        if out[sides[-1][0]] == 0:
            break
    spark = pairs.sparkSession
    told = []
    for kind, least in sides:
        place = files.join(desk.folder, f"core_{kind}")
        every = spark.read.schema("id string, events bigint, round int").parquet(place)
        told.append(core.latest(kind, every, least))
    return rounds, told
