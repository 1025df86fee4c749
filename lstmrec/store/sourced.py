"""The sources of s1 as judged rows: the registers of items and users, and the event log."""

from __future__ import annotations

from dataclasses import replace

from pyspark.sql import DataFrame, SparkSession

from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.frames import clean, conform, core, dedup, in_order, registers, verdicts
from lstmrec.frames.names import kept
from lstmrec.store import quarantine
from lstmrec.store.commit import Ticket
from lstmrec.store.erased import Gone
from lstmrec.store.quarantine import Judged, judged, judged_events
from lstmrec.store.source import Opened, opened, readable
from lstmrec.store.work import Desk

NOBODY = Gone()


def register(spark: SparkSession, conf: Config, d: Desk, name: str, gone: Gone = NOBODY) -> Judged:
    """The items or the users: one row an id, none of users to be forgotten."""
    kind, contract = ("item", tables.ITEMS) if name == "items" else ("user", tables.USERS)
    source = getattr(conf.clean, name)
    if source is None:
        return quarantine.nothing(spark, contract)
    key, form = f"clean.{name}", registers.conform_items if name == "items" else registers.conform_users
    rows = kept(opened(spark, source, key).frame, source.where, key)
    formed = form(rows, source, conf.clean.unicode)
    with readable(source, key):
        left_out = gone.met(formed)
    ids = gone.without(formed).transform(clean.judge_ids(kind, conf.clean))
    ids = ids.transform(dedup.refuse_repeated(kind)).transform(verdicts.told)
    found = judged(source, key, rows, verdicts.verdict(ids, name), d)
    return replace(found, rows=found.rows - left_out, erased=left_out)


def conformed(source: Opened, conf: Config, after_us: int | None = None) -> tuple[DataFrame, DataFrame]:
    """(rows of the source that `where` keeps, the same as `conform.conform_events` makes them). after_us: those later
    than that or without a time, and of others what cannot be told apart as it lies."""
    c = conf.clean
    rows = kept(source.frame, c.events.where, "clean.events")
    if after_us is not None and c.events.format not in ("csv", "json"):  # there `_corrupt_record` wants whole lines
        rows = conform.lately(rows, c.events, after_us)
    frame = conform.conform_events(rows, c.events, c.anonymous == "session")
    return rows, frame


def happened(frame: DataFrame, conf: Config) -> DataFrame:
    """Conformed events without those of later days: when a day is made that is past, they are there already."""
    latest = clean.latest_us(conf.clean, conf.as_of_us)
    return frame.where(f"time IS NULL OR time <= {latest}")


def alone(frame: DataFrame, conf: Config, items: Judged, users: Judged) -> DataFrame:
    """Conformed events -> judged by every rule that looks at one row alone."""
    c = conf.clean
    frame = frame.transform(clean.judge_events(c, conf.as_of_us))
    for kind, rule, known, table in (("item", c.unknown_items, items, tables.ITEMS),
                                     ("user", c.unknown_users, users, tables.USERS)):  # fmt: skip
        if rule == "reject":
            frame = frame.transform(clean.refuse_unknown(kind, verdicts.accepted(known.frame, table)))
    return frame.transform(verdicts.told)


def events(source: Opened, conf: Config, t: Ticket, items: Judged, users: Judged, gone: Gone = NOBODY) -> Judged:
    """The whole log but for users to be forgotten, judged by every rule but those that are fitted, staged as EVENTS."""
    c = conf.clean
    rows, frame = conformed(source, conf)
    counted = frame = happened(frame, conf) if conf.flow == "daily" else frame
    with readable(c.events, "clean.events"):
        left_out = gone.met(frame)
    frame = alone(gone.without(frame), conf, items, users)
    whole = bool(core.asks(c)) or conf.flow == "daily"
    found = judged_events(c.events, "clean.events", rows, lambda many: verdicts.verdict(
        frame.transform(in_order.over_users(c, many)), "events", whole), t, counted)  # fmt: skip
    return replace(found, rows=found.rows - left_out, erased=left_out)
