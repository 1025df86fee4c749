"""s1_clean: raw events, items and users -> the tables of the road, and every refused row with its reason."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import SparkSession

from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import clean, conform, core, dedup, in_order, registers, verdicts
from lstmrec.frames.names import kept
from lstmrec.store import door, quarantine
from lstmrec.store.commit import Ticket, commit, seal
from lstmrec.store.quarantine import Judged, judged, judged_events
from lstmrec.store.source import Opened, fingerprints, opened, readable
from lstmrec.store.work import Desk, desk

NEEDS = ()
GIVES = (tables.REJECTS, tables.CORE, tables.ITEMS, tables.USERS, tables.EVENTS)
SECTIONS = ("as_of", "clean")
VERSION = 3
SPARK = True


def sources(conf: Config) -> dict[str, str]:
    """What identifies the inputs, and the instant that what is fitted here lies before."""
    return fingerprints(conf) | {"fit_before": str(core.fit_before_us(conf.clean, conf.split, conf.as_of_us))}


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits REJECTS, CORE, ITEMS, USERS, EVENTS. DataError D310 where too much is refused, D311 where nothing is
    left."""
    t, c = door.ticket(sys.modules[__name__], conf), conf.clean
    with desk(t) as d:
        items, users = _register(spark, conf, d, "items"), _register(spark, conf, d, "users")
        source = opened(spark, c.events, "clean.events")
        raw = _events(source, conf, t, items, users)
        events, fitted = quarantine.settled(raw, conf, d)
        quarantine.bearable(events, c, conf.as_of_us)
        only_known = c.users is not None and c.unknown_users == "reject"
        everybody = verdicts.everybody(verdicts.accepted(users.frame, tables.USERS), raw.frame, only_known)
        refused = quarantine.rejects(events, (items, users), d)
        staged = quarantine.staged(raw, events, t)
        with readable(c.events, "clean.events"):  # once more, for the rows of late rejects
            commit(refused, t, tables.REJECTS, rows_in=events.lost + items.lost + users.lost)
        commit(fitted.frame, t, tables.CORE, facts={"rounds": fitted.rounds, "bounds": fitted.bounds})
        commit(verdicts.accepted(items.frame, tables.ITEMS), t, tables.ITEMS, rows_in=items.rows,
               rows_rejected=items.lost, facts={"rejected": items.refused, **quarantine.cut(items)})  # fmt: skip
        people = commit(everybody, t, tables.USERS, facts={"source": users.rows, "rejected": users.refused})
        facts = {"rejected": events.refused, "rules": in_order.ledger(c, events.rows, events.refused),
                 "conflicts": events.refused.get("conflicting_event_id", 0),
                 "corrupt_files": list(source.corrupt_files),
                 "told": quarantine.told(events, people.rows_out)}  # fmt: skip
        return seal(staged, t, tables.EVENTS, rows_in=events.rows, rows_rejected=events.lost, facts=facts)


def _register(spark: SparkSession, conf: Config, d: Desk, name: str) -> Judged:
    """The items or the users: one row an id."""
    kind, contract = ("item", tables.ITEMS) if name == "items" else ("user", tables.USERS)
    source = getattr(conf.clean, name)
    if source is None:
        return quarantine.nothing(spark, contract)
    key, form = f"clean.{name}", registers.conform_items if name == "items" else registers.conform_users
    rows = kept(opened(spark, source, key).frame, source.where, key)
    ids = form(rows, source, conf.clean.unicode).transform(clean.judge_ids(kind, conf.clean))
    ids = ids.transform(dedup.refuse_repeated(kind)).transform(verdicts.told)
    return judged(source, key, rows, verdicts.verdict(ids, name), d)


def _events(source: Opened, conf: Config, t: Ticket, items: Judged, users: Judged) -> Judged:
    c = conf.clean
    rows = kept(source.frame, c.events.where, "clean.events")
    frame = conform.conform_events(rows, c.events, c.anonymous == "session")
    frame = frame.transform(clean.judge_events(c, conf.as_of_us))
    for kind, rule, known, table in (("item", c.unknown_items, items, tables.ITEMS),
                                     ("user", c.unknown_users, users, tables.USERS)):  # fmt: skip
        if rule == "reject":
            frame = frame.transform(clean.refuse_unknown(kind, verdicts.accepted(known.frame, table)))
    frame, whole = frame.transform(verdicts.told), bool(core.asks(c))
    return judged_events(c.events, "clean.events", rows, lambda many: verdicts.verdict(
        frame.transform(in_order.over_users(c, many)), "events", whole), t)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
