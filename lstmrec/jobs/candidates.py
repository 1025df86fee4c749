"""Beside the road, by `lstmrec candidates`: what a re-ranker learns from and ranks, one wide table."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import SparkSession

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import candidates
from lstmrec.store import collect, door
from lstmrec.store.commit import seal, stage
from lstmrec.store.read import read
from lstmrec.store.work import desk

NEEDS = (tables.SPLIT, tables.CUTS, tables.ENCODED_ITEMS, tables.ENCODED_USERS, tables.ITEM_PROFILES,
         tables.RECOMMENDATIONS, tables.USER_PROFILES)  # fmt: skip
GIVES = (tables.CANDIDATES,)
SECTIONS = ("as_of", "score.roles", "score.recommenders", "profile", "candidates")
VERSION = 1
SPARK = True


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits CANDIDATES; facts: recommenders, user and item name the numbers of the arrays, roles has the figures."""
    t, c = door.ticket(sys.modules[__name__], conf), conf.candidates
    split, cuts, encoded, static, items, lists = (read(spark, conf.root, table) for table in NEEDS[:-1])
    names = c.recommenders or [r.name for r in conf.score.recommenders]
    ends: dict[str, int | None] = {r["role"]: r["time"] for r in collect.rows(cuts)}
    ends["serve"] = conf.as_of_us if conf.has_clock else None
    user = [s[0] for s in versions.current(conf.root, tables.USER_PROFILES).facts["scalers"]]
    with desk(t) as d:
        rows = d.materialise(candidates.nominated(lists, names, conf.score.roles, c.per), "nominated")
        tags = sum(name.startswith("tag:") for name in user)
        users = candidates.profiled(rows, split, encoded, conf.profile, tags)
        rows = candidates.had(candidates.labelled(rows, split), split, conf.score.roles, ends)
        staged = stage(candidates.featured(rows, users, static, items), t, tables.CANDIDATES)
        found = [r.asDict() for r in collect.rows(candidates.figures(staged.rows, split))]
        told = {r["role"]: f"{r['positives']:,} of {r['targets']:,} targets" for r in found if r["role"] != "serve"}
        facts = {"recommenders": names, "user": user, "item": list(candidates.ITEM), "roles": found,
                 "told": told}  # fmt: skip
        return seal(staged, t, tables.CANDIDATES, facts=facts)


def main(argv: Sequence[str] | None = None) -> int:
    return door.main(sys.modules[__name__], argv)
