"""s2_split: every event's role and place, where each role's history ends, and whom training has seen."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import SparkSession

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.config.split import told as instant
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import holdout, split
from lstmrec.store import collect, cuts, daily, door
from lstmrec.store.commit import commit, seal, stage
from lstmrec.store.read import read
from lstmrec.store.work import desk

NEEDS = (tables.EVENTS,)
GIVES = (tables.CUTS, tables.SEEN, tables.SPLIT)
SECTIONS = ("as_of", "seed", "split")
VERSION = 2
SPARK = True


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits CUTS, SEEN, then SPLIT (facts: tied, withheld). DataError D320 to D322 for a split that cannot be."""
    t = door.ticket(sys.modules[__name__], conf)
    c = conf.split
    if c.by == "nothing":
        with desk(t) as d:
            return daily.split.made(spark, conf, t, d)
    events = read(spark, conf.root, tables.EVENTS)
    at = cuts.find(events, c, conf.as_of_us)
    late = holdout.newcomers(events, c.items, at.test) if c.items and c.items.new_from and at.test else None
    source = versions.current(conf.root, tables.EVENTS)
    placed = events.transform(split.with_split(c, at, conf.seed, late))
    with desk(t):  # which removes what is staged and cannot be
        staged = stage(placed, t, tables.SPLIT, buckets=source.buckets, apart="_withheld")
        found = collect.rows(split.tally(staged.whole, holdout.held_user(c.users, conf.seed)))[0].asDict()
        _possible(conf, at, found)
        rules = split.rule(c, at)
        rows = [(r, at.end(r), rules[r], found[f"users_{r}"], found[f"events_{r}"], at.start(r)) for r in tables.ROLES]
        commit(spark.createDataFrame(rows, tables.CUTS.ddl).coalesce(1), t, tables.CUTS)
        labels = split.seen(staged.rows) if c.labels else spark.createDataFrame([], tables.SEEN.ddl)
        commit(labels, t, tables.SEEN)
        withheld = sum(found[f"withheld_{x}"] for x in split.CAUSES)
        return seal(staged, t, tables.SPLIT, rows_in=source.rows_out, rows_rejected=withheld, facts=_facts(found))


def _possible(conf: Config, at: split.Cuts, found: Mapping[str, Any]) -> None:
    """D321: an instant of the config outside the data. D320: an empty role. D322: a user held out in train."""
    if found["first"] is not None:
        known = f"the events are from {instant(found['first'])} to {instant(found['last'])}"
        for key, us in (("test_from", at.test), ("validation_from", at.validation)):
            if getattr(conf.split, key) and us is not None and not found["first"] < us <= found["last"]:
                raise DataError("D321", f"{instant(us)} is outside the data: {known}", f"split.{key}",
                                f"choose an instant between the two: --set split.{key}=...")  # fmt: skip
    for role in ("train", *split.HELD_OUT):
        if not found[f"events_{role}"]:
            range_ = "" if found["first"] is None else f"; {known}"
            raise DataError("D320", f"{role}: 0 users of {found['users_serve']:,}",
                            f"split.by: {conf.split.by} · {split.rule(conf.split, at)[role]}",
                            f"see as_of and split{range_}")  # fmt: skip
    if found["mixed"]:
        raise DataError("D322", f"{found['mixed']:,} users held out have train events", "split.users",
                        "a user hold-out must not leak: please report it")  # fmt: skip


def _facts(found: Mapping[str, Any]) -> dict[str, Any]:
    events = found["events_serve"]
    withheld = {cause: found[f"withheld_{cause}"] for cause in split.CAUSES if found[f"withheld_{cause}"]}
    told = {f"{role} users": f"{found[f'users_{role}']:,}" for role in ("train", *split.HELD_OUT)}
    told |= {f"withheld ({cause})": f"{n:,}" for cause, n in withheld.items()}
    return {"tied": found["tied"], "tied_share": round(found["tied"] / events, 6), "withheld": withheld,
            "context_users": found["users_context"],
            "told": told | {"tied": f"{found['tied'] / events:.1%}"}}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
