"""s4_profile: window boundaries, then point-in-time aggregates of users there and of items at the cuts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import astuple

from pyspark.sql import SparkSession

from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import item_profiles, profiles, windows
from lstmrec.store import door
from lstmrec.store.collect import rows
from lstmrec.store.commit import commit
from lstmrec.store.read import read
from lstmrec.store.work import desk

NEEDS = (tables.SPLIT, tables.CUTS, tables.USERS)
GIVES = (tables.WINDOWS, tables.ITEM_PROFILES, tables.USER_PROFILES)
SECTIONS = ("seed", "profile", "sequence.max_length", "sequence.min_length", "sequence.phases", "sequence.objective")
VERSION = 1
SPARK = True


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits WINDOWS (facts: left_out), ITEM_PROFILES, USER_PROFILES (facts: scalers [[name, center, scale], ...])."""
    t = door.ticket(sys.modules[__name__], conf)
    split, cuts, users = (read(spark, conf.root, table) for table in NEEDS)
    features = conf.profile.features
    with desk(t) as d:
        cut = d.materialise(windows.windows(split, users, conf.sequence, conf.seed), "windows")
        left_out = rows(cut.where("short").groupBy().count())[0]["count"]
        placed = cut.where("NOT short").drop("short")
        made = commit(placed, t, tables.WINDOWS, rows_rejected=left_out, facts={"left_out": left_out})
        commit(item_profiles.item_profiles(split, cuts), t, tables.ITEM_PROFILES)
        known = d.materialise(profiles.raw(split, placed, features), "raw")
        fitted = profiles.scalers(rows(profiles.moments(known, features))[0], features)
        told = {"windows": f"{made.rows_out:,}", "short windows left out": f"{left_out:,}"}
        return commit(profiles.encode(known, fitted), t, tables.USER_PROFILES,
                      facts={"scalers": [list(astuple(s)) for s in fitted], "told": told})  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    return door.main(sys.modules[__name__], argv)
