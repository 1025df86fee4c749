"""s1_clean: raw events, items and users -> the tables of the road, and every refused row with its reason."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import SparkSession

from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import core, in_order, verdicts
from lstmrec.store import daily, door, erased, quarantine, sourced
from lstmrec.store.commit import commit, seal
from lstmrec.store.source import fingerprints, opened, readable
from lstmrec.store.work import desk

NEEDS = ()
GIVES = (tables.REJECTS, tables.CORE, tables.ITEMS, tables.USERS, tables.EVENTS)
SECTIONS = ("as_of", "clean")
VERSION = 4
SPARK = True


def sources(conf: Config) -> dict[str, str]:
    """What identifies the inputs, and the instant that what is fitted here lies before."""
    known = fingerprints(conf) | erased.sources(conf)
    if conf.flow == "daily":
        return known | daily.clean.sources(conf)
    return known | {"fit_before": str(core.fit_before_us(conf.clean, conf.split, conf.as_of_us))}


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits REJECTS, CORE, ITEMS, USERS, EVENTS, without users to be forgotten (facts.erased: rows left out of the
    source); a day goes on from the one before. DataError D310 where too much is refused, D311 where nothing is left."""
    t, c = door.ticket(sys.modules[__name__], conf), conf.clean
    pinned = daily.fitted.of(conf.root) if conf.flow == "daily" else None
    with desk(t) as d:
        gone = erased.asked(spark, conf, d)
        if pinned and (last := daily.clean.yesterday(conf, pinned)):
            return daily.clean.extend(spark, conf, t, d, last, pinned, gone)
        items, users = sourced.register(spark, conf, d, "items"), sourced.register(spark, conf, d, "users", gone)
        source = opened(spark, c.events, "clean.events")
        raw = sourced.events(source, conf, t, items, users, gone)
        known = daily.clean.known(spark, conf, pinned, gone) if pinned else None
        events, fitted = quarantine.settled(raw, conf, d, known)
        quarantine.bearable(events, c, conf.as_of_us)
        only_known = c.users is not None and c.unknown_users == "reject"
        everybody = verdicts.everybody(verdicts.accepted(users.frame, tables.USERS), raw.frame, only_known)
        refused = quarantine.rejects(events, (items, users), d)
        staged = quarantine.staged(raw, events, t)
        with readable(c.events, "clean.events"):  # once more, for the rows of late rejects
            commit(refused, t, tables.REJECTS, rows_in=events.lost + items.lost + users.lost, facts=gone.facts)
        commit(fitted.frame, t, tables.CORE, facts={"rounds": fitted.rounds, "bounds": fitted.bounds})
        commit(verdicts.accepted(items.frame, tables.ITEMS), t, tables.ITEMS, rows_in=items.rows,
               rows_rejected=items.lost, facts={"rejected": items.refused, **quarantine.cut(items)})  # fmt: skip
        told = {"source": users.rows, "rejected": users.refused} | gone.left_out(users.erased)
        people = commit(everybody, t, tables.USERS, facts=told)
        facts = {"rejected": events.refused, "rules": in_order.ledger(c, events.rows, events.refused),
                 "conflicts": events.refused.get("conflicting_event_id", 0),
                 "corrupt_files": list(source.corrupt_files),
                 "told": quarantine.told(events, people.rows_out)}  # fmt: skip
        facts |= gone.left_out(raw.erased) | (daily.clean.facts(spark, conf, pinned) if pinned else {})
        return seal(staged, t, tables.EVENTS, rows_in=events.rows, rows_rejected=events.lost, facts=facts)


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
