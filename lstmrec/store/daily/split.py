"""s2 without a hold-out: every event is history. Of a day, users whose events moved are placed anew, nobody else."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import split
from lstmrec.store import collect
from lstmrec.store.commit import Ticket, commit
from lstmrec.store.daily import links
from lstmrec.store.read import read
from lstmrec.store.work import Desk


def made(spark: SparkSession, conf: Config, t: Ticket, d: Desk) -> Manifest:
    """Commits CUTS (of train and serve), SEEN (empty), SPLIT (facts: events, the version of EVENTS; users). DataError
    D353 where there is no event."""
    events = versions.current(conf.root, tables.EVENTS)
    at = split.cuts(conf.split, conf.as_of_us)
    last = yesterday(conf, events)
    since = None if last is None else links.since(spark, conf.root, tables.EVENTS, events, last.facts["events"])
    if not events.rows_out:
        raise DataError("D353", "there is no event", "table events", "see what s1 has refused: table rejects")
    placed = split.with_split(conf.split, at, conf.seed)
    if last is None or since is None:
        every = read(spark, conf.root, tables.EVENTS)
        users = collect.count(every.select("user_id").distinct())
        _beside(spark, conf, t, at, users, events.rows_out)
        return commit(split.kept(every.transform(placed)), t, tables.SPLIT, buckets=events.buckets,
                      facts=_facts(events, users, users))  # fmt: skip
    moved = d.materialise(since.select("user_id").distinct(), "moved")
    were = d.materialise(links.had(spark, conf.root, tables.SPLIT, last, moved), "were")
    n = collect.count(moved)
    users = last.facts["users"] + n - collect.count(were.where("index = 0"))
    _beside(spark, conf, t, at, users, events.rows_out)
    return links.extend(spark, t, tables.SPLIT, last, moved, split.kept(since.transform(placed)), conf.daily.compact,
                        facts=_facts(events, users, n), were=were)  # fmt: skip


def yesterday(conf: Config, events: Manifest) -> Manifest | None:
    """The SPLIT to go on from: of a version of EVENTS that today's goes on from."""
    chain = events.facts.get("chain", ())
    if conf.flow != "daily" or conf.daily.whole or not chain:
        return None
    return links.before(conf.root, tables.SPLIT, conf.as_of_us, lambda m: m.facts.get("events") in chain)


def _beside(spark: SparkSession, conf: Config, t: Ticket, at: split.Cuts, users: int, events: int) -> None:
    rules = split.rule(conf.split, at)
    rows = [(role, at.end(role) if conf.has_clock else None, rules[role], users, events, None)
            for role in ("train", "serve")]  # fmt: skip
    commit(spark.createDataFrame(rows, tables.CUTS.ddl).coalesce(1), t, tables.CUTS)
    nothing: DataFrame = spark.createDataFrame([], tables.SEEN.ddl)
    commit(nothing, t, tables.SEEN)


def _facts(events: Manifest, users: int, moved: int) -> dict[str, Any]:
    told = {"users": f"{users:,}", "users placed": f"{moved:,}"}
    return {"events": events.version, "users": users, "moved": moved, "told": told}
