"""s7_score: item vectors, then a list for every user by every recommender, with a reason a row."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from pyspark.sql import SparkSession

from lstmrec import files, versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.recommenders import fallback
from lstmrec.recommenders.lists import Shown
from lstmrec.recommenders.registry import KINDS
from lstmrec.scoring import roles, udf
from lstmrec.scoring.fill import Fill, Hands
from lstmrec.scoring.options import Options
from lstmrec.store import asked, buckets, collect, door, outputs
from lstmrec.store.commit import Ticket, commit, seal, stage
from lstmrec.store.read import read
from lstmrec.store.work import Desk, desk

NEEDS = (tables.SPLIT, tables.ENCODED_ITEMS, tables.SEQUENCES, tables.CUTS, tables.USERS, tables.ITEMS, tables.BUNDLE)
GIVES = (tables.ITEM_VECTORS, tables.RECOMMENDATIONS)
SECTIONS = ("seed", "as_of", "score.k", "score.roles", "score.recommenders", "score.filters", "score.ladder",
            "score.batch", "score.block", "sequence.history", "clean.unicode")  # fmt: skip
VERSION = 2
SPARK = True
sources, owed = asked.sources, outputs.owed


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits ITEM_VECTORS, then RECOMMENDATIONS, and copies it. DataError D710 where users in are not rows out."""
    t, names = door.ticket(sys.modules[__name__], conf), [e.name for e in conf.score.recommenders]
    made = versions.find(conf.root, tables.RECOMMENDATIONS, t.skip_key)
    if made is None or not outputs.owed(conf, made):
        vectors = item_vectors(spark, conf, t, again=made is not None)
        with desk(t) as d:
            fill = filled(spark, conf, t, vectors, d)
            staged = stage(roles.together(list(fill.parts())), t, tables.RECOMMENDATIONS)
            rows, facts = roles.proven(fill.users, staged.rows, names, collect.rows)
            facts["filters"] = dict(fill.asked.facts)
            made = seal(staged, t, tables.RECOMMENDATIONS, rows_in=rows, facts=facts)
        files.remove(buckets.folder(t))
    outputs.write(spark, conf, made)
    return made


def item_vectors(spark: SparkSession, conf: Config, t: Ticket, again: bool) -> Manifest:
    """Commits ITEM_VECTORS, unless a run that was stopped did (and this one is not to do it again); its facts hold the
    train events of the catalogue, which the bias is a share of."""
    found = None if again else versions.find(conf.root, tables.ITEM_VECTORS, t.skip_key)
    if found is not None:
        return found
    encoded = read(spark, conf.root, tables.ENCODED_ITEMS)
    events = int(collect.rows(encoded.selectExpr("coalesce(sum(count), 0) as n"))[0]["n"])
    frame = udf.item_vectors(encoded, Options(conf.root, versions.current(conf.root, tables.BUNDLE).version), events)
    return commit(frame, t, tables.ITEM_VECTORS, facts={"events": events},
                  rows_in=versions.current(conf.root, tables.ENCODED_ITEMS).rows_out)  # fmt: skip


def filled(spark: SparkSession, conf: Config, t: Ticket, vectors: Manifest, d: Desk) -> Fill:
    """Everything that the lists are made of."""
    s, bundle = conf.score, versions.current(conf.root, tables.BUNDLE)
    split, encoded, sequences, cuts, people, items = (read(spark, conf.root, x) for x in NEEDS[:-1])
    options = Options(conf.root, bundle.version, vectors.version, s.k, s.batch, s.block)
    rules = asked.settled(spark, conf, encoded, items, people, d)
    rows = Counter[str]()
    for f in versions.current(conf.root, tables.SEQUENCES).files:
        rows[f.partition["role"]] += f.rows
    users = d.materialise(roles.users(split, people, s.roles), "users")
    hands = Hands(d.materialise, partial(buckets.kept, spark, buckets.folder(t), s.buckets), collect.empty, KINDS,
                  Shown, fallback.score)  # fmt: skip
    return Fill(conf, split, encoded, sequences, users, {r["role"]: r["time"] for r in collect.rows(cuts)}, rows, rules,
                replace(options, rules=rules.place, most=rules.most), bundle.fingerprint, t.parents["split"],
                hands)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
