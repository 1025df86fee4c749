"""s4_profile: window boundaries, then point-in-time aggregates of users there and of items at the cuts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import astuple

from pyspark.sql import DataFrame, SparkSession

from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import affinity, item_profiles, own_features, profiles, windows
from lstmrec.store import daily, door
from lstmrec.store.collect import rows
from lstmrec.store.commit import commit
from lstmrec.store.read import read
from lstmrec.store.work import desk

NEEDS = (tables.SPLIT, tables.CUTS, tables.USERS, tables.VOCABULARY, tables.ENCODED_ITEMS)
GIVES = (tables.WINDOWS, tables.ITEM_PROFILES, tables.USER_PROFILES)
SECTIONS = ("seed", "profile", "sequence.max_length", "sequence.min_length", "sequence.phases", "sequence.roles",
            "sequence.objective", "sequence.train_windows")  # fmt: skip
VERSION = 2
SPARK = True


def sources(conf: Config) -> dict[str, str]:
    """Of a day: whose scalers are applied."""
    return daily.profile.sources(conf) if conf.flow == "daily" else {}


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits WINDOWS (facts: left_out), ITEM_PROFILES, USER_PROFILES (facts: width, the numbers a boundary; scalers
    [[name, center, scale], ...], one a number)."""
    t = door.ticket(sys.modules[__name__], conf)
    split, cuts, users, vocabulary, items = (read(spark, conf.root, table) for table in NEEDS)
    tags = _tags(vocabulary, conf)
    if conf.flow == "daily":
        with desk(t) as d:
            return daily.profile.made(spark, conf, t, d, tags)
    masks = affinity.masks(items, list(tags)) if tags else None
    names = profiles.names(conf.profile, list(tags.values()))
    own_features.columns(split, conf.profile.own)  # says at once what is wrong with them
    with desk(t) as d:
        cut = d.materialise(windows.windows(split, users, conf.sequence, conf.seed), "windows")
        placed = cut.where("NOT short").drop("short")
        left_out = rows(cut.where("short").groupBy().count())[0]["count"]
        made = commit(placed, t, tables.WINDOWS, rows_rejected=left_out, facts={"left_out": left_out})
        of_items = item_profiles.item_profiles(split, cuts)
        commit(of_items if conf.profile.items else of_items.limit(0), t, tables.ITEM_PROFILES)
        known = d.materialise(profiles.raw(split, placed, conf.profile, masks, len(tags)), "raw")
        fitted = profiles.scalers(rows(profiles.moments(known, names))[0], names) if names else []
        told = {"windows": f"{made.rows_out:,}", "short windows left out": f"{left_out:,}"}
        facts = {"width": len(names), "scalers": [list(astuple(s)) for s in fitted], "told": told}
        return commit(profiles.encode(known, fitted), t, tables.USER_PROFILES, facts=facts)


def main(argv: Sequence[str] | None = None) -> int:
    return door.main(sys.modules[__name__], argv)


def _tags(vocabulary: DataFrame, conf: Config) -> dict[int, str]:
    """id -> tag of the most frequent tags of train, as many as the config asks for."""
    asked = conf.profile.affinities
    if asked is None:
        return {}
    found = rows(vocabulary.where("feature = 'tag'").orderBy("id").limit(asked.tags))
    return {int(r["id"]): str(r["value"]) for r in found}
