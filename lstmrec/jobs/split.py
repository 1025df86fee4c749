"""s2_split: events -> the same events with their role, and where each role's history ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import SparkSession

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import split
from lstmrec.store import collect, door
from lstmrec.store.commit import commit
from lstmrec.store.read import read
from lstmrec.store.work import desk

NEEDS = (tables.EVENTS,)
GIVES = (tables.CUTS, tables.SPLIT)
SECTIONS = ("as_of", "split")
VERSION = 1
SPARK = True


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits CUTS, then SPLIT. DataError D320 where a role that is learnt from or judged has no event."""
    t = door.ticket(sys.modules[__name__], conf)
    events = read(spark, conf.root, tables.EVENTS)
    rows_in = versions.current(conf.root, tables.EVENTS).rows_out
    with desk(t) as d:
        roles = d.materialise(events.transform(split.with_split(conf.split, conf.as_of_us)), "split")
        found = {r["role"]: r for r in collect.rows(split.tally(roles))}
        rules, cuts = split.rule(conf.split), split.cuts_us(conf.split, conf.as_of_us)
        everybody = found["serve"]["users"] if "serve" in found else 0
        for role in ("train", *split.HELD_OUT):
            if role not in found:
                raise DataError("D320", f"{role}: 0 users of {everybody:,}",
                                f"split.by: {conf.split.by} · {rules[role]}", "see as_of and split")  # fmt: skip
        rows = [(role, cuts[role], rules[role], found[role]["users"], found[role]["events"]) for role in tables.ROLES]
        commit(spark.createDataFrame(rows, tables.CUTS.ddl).coalesce(1), t, tables.CUTS)
        facts = {
            "tied": int(collect.rows(split.ties(roles))[0]["tied"]),
            "told": {f"{role} users": f"{found[role]['users']:,}" for role in ("train", *split.HELD_OUT)},
        }
        return commit(roles, t, tables.SPLIT, rows_in=rows_in, facts=facts)


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
