"""s1_clean: raw events, items and users -> the tables of the road, and every refused row with its reason."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import clean, conform, dedup, outliers
from lstmrec.frames.names import kept
from lstmrec.store import door, quarantine
from lstmrec.store.commit import commit
from lstmrec.store.quarantine import Judged, judged
from lstmrec.store.source import fingerprints, read_source
from lstmrec.store.work import Desk, desk

NEEDS = ()
GIVES = (tables.REJECTS, tables.ITEMS, tables.USERS, tables.EVENTS)
SECTIONS = ("as_of", "clean")
VERSION = 1
SPARK = True


def sources(conf: Config) -> dict[str, str]:
    """What identifies the inputs."""
    return fingerprints(conf)


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits REJECTS, ITEMS, USERS, EVENTS. DataError D310 where too much is refused, D311 where nothing is left."""
    t = door.ticket(sys.modules[__name__], conf)
    only_known = conf.clean.users is not None and conf.clean.unknown_users == "reject"
    with desk(t) as d:
        items, users = _items(spark, conf, d), _users(spark, conf, d)
        events = _events(spark, conf, d, items, users)
        quarantine.bearable(events, conf.clean.max_reject_share)
        everybody = clean.everybody(clean.accepted(users.frame, tables.USERS), events.frame, only_known)
        refused = clean.rejects(events.frame).union(clean.rejects(items.frame)).union(clean.rejects(users.frame))
        commit(refused, t, tables.REJECTS, rows_in=events.lost + items.lost + users.lost)
        commit(clean.accepted(items.frame, tables.ITEMS), t, tables.ITEMS, rows_in=items.rows,
               rows_rejected=items.lost, facts={"rejected": items.refused})  # fmt: skip
        people = commit(everybody, t, tables.USERS, facts={"source": users.rows, "rejected": users.refused})
        facts = {"rejected": events.refused, "told": quarantine.told(events, people.rows_out)}
        return commit(clean.accepted(events.frame, tables.EVENTS), t, tables.EVENTS, rows_in=events.rows,
                      rows_rejected=events.lost, facts=facts)  # fmt: skip


def _items(spark: SparkSession, conf: Config, d: Desk) -> Judged:
    source = conf.clean.items
    if source is None:
        return quarantine.nothing(spark, tables.ITEMS)
    rows = kept(read_source(spark, source, "clean.items"), source.where, "clean.items")
    ids = conform.conform_items(rows, source).transform(clean.judge_ids("item", conf.clean))
    return judged(rows, clean.verdict(ids.transform(dedup.refuse_repeated("item")), "items"), d, "items")


def _users(spark: SparkSession, conf: Config, d: Desk) -> Judged:
    source = conf.clean.users
    if source is None:
        return quarantine.nothing(spark, tables.USERS)
    rows = kept(read_source(spark, source, "clean.users"), source.where, "clean.users")
    ids = conform.conform_users(rows, source).transform(clean.judge_ids("user", conf.clean))
    return judged(rows, clean.verdict(ids.transform(dedup.refuse_repeated("user")), "users"), d, "users")


def _events(spark: SparkSession, conf: Config, d: Desk, items: Judged, users: Judged) -> Judged:
    c = conf.clean
    rows = kept(read_source(spark, c.events, "clean.events"), c.events.where, "clean.events")
    frame: DataFrame = conform.conform_events(rows, c.events).transform(clean.judge_events(c, conf.as_of_us))
    if c.unknown_items == "reject":
        frame = frame.transform(clean.refuse_unknown("item", clean.accepted(items.frame, tables.ITEMS)))
    if c.unknown_users == "reject":
        frame = frame.transform(clean.refuse_unknown("user", clean.accepted(users.frame, tables.USERS)))
    frame = frame.transform(dedup.refuse_duplicates(c.duplicates))
    if c.min_item_events:
        frame = d.materialise(frame, "deduplicated").transform(outliers.refuse_rare_items(c.min_item_events))
    frame = frame.transform(outliers.refuse_by_user_count(c.min_user_events, c.max_user_events))
    return judged(rows, clean.verdict(frame, "events"), d, "events")


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
