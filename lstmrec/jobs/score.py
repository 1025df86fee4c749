"""s7_score: item vectors, then a list for every user by every recommender, with a reason a row."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from pyspark.sql import SparkSession

from lstmrec import files, versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.recommenders import fallback
from lstmrec.recommenders.lists import Shown
from lstmrec.recommenders.registry import KINDS
from lstmrec.scoring import reasons, roles, states, udf
from lstmrec.scoring.fill import Fill, Hands
from lstmrec.scoring.options import Options
from lstmrec.scoring.states import States
from lstmrec.store import asked, buckets, bundled, chain, collect, door, lent, outputs
from lstmrec.store import vectors as vectors_of
from lstmrec.store.commit import Ticket, seal, stage
from lstmrec.store.read import read
from lstmrec.store.work import Desk, desk

NEEDS = (tables.SPLIT, tables.ENCODED_ITEMS, tables.SEQUENCES, tables.CUTS, tables.USERS, tables.ITEMS,
         tables.VOCABULARY, tables.ENCODED_USERS, tables.USER_PROFILES, tables.BUNDLE)  # fmt: skip
GIVES = (tables.ITEM_VECTORS, tables.RECOMMENDATIONS)
KEEPS = (tables.USER_STATES,)  # in carry modes, for its own next run
SECTIONS = ("seed", "as_of", "score.k", "score.roles", "score.recommenders", "score.filters", "score.ladder",
            "score.because", "score.batch", "score.block", "score.mode", "score.margin", "sequence.history",
            "clean.unicode", "variants")  # fmt: skip
VERSION = 6
SPARK = True
sources, owed = lent.sources, outputs.owed


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits ITEM_VECTORS, in carry modes USER_STATES, then RECOMMENDATIONS, and copies it. DataError D710."""
    t, names = door.ticket(sys.modules[__name__], conf), [e.name for e in conf.score.recommenders]
    made = versions.find(conf.root, tables.RECOMMENDATIONS, t.skip_key)
    if made is None or not outputs.owed(conf, made):
        with desk(t) as d:
            fill = filled(spark, conf, t, d, again=made is not None)
            staged = stage(roles.together(list(fill.parts())), t, tables.RECOMMENDATIONS)
            rows, facts = roles.proven(fill.users, staged.rows, names, collect.rows, conf.variants)
            facts |= {"filters": dict(fill.asked.facts), "because": reasons.cost(fill.reasoned, collect.rows),
                      "fitted": dict(fill.hands.told), "seconds": fill.seconds}  # fmt: skip
            facts["told"] |= reasons.told(facts["because"])
            made = seal(staged, t, tables.RECOMMENDATIONS, rows_in=rows, facts=facts, keys=False)  # proven just now
        files.remove(buckets.folder(t))
    outputs.write(spark, conf, made)
    return made


def filled(spark: SparkSession, conf: Config, t: Ticket, d: Desk, again: bool) -> Fill:
    """Everything that the lists are made of."""
    s, bundle = conf.score, bundled.bundle(conf.root)
    split, encoded, sequences, cuts, people, items, words, static, profiles = (
        read(spark, conf.root, x) for x in NEEDS[:-1]
    )
    rules = asked.settled(spark, conf, encoded, items, people, d)
    tower = partial(udf.item_vectors, options=Options(conf.root, bundle.version))
    vectors = vectors_of.committed(spark, conf, t, tower, rules.rules, d.materialise, again)
    options = Options(conf.root, bundle.version, vectors.version, s.k, s.batch, s.block, rules.place, rules.most,
                      because=(s.because.events, s.because.within) if s.because else (0, 0))  # fmt: skip
    kept, hides = partial(buckets.kept, spark, buckets.folder(t), s.buckets), s.filters.hides(conf.sequence.history)
    like = dict(bundle=bundle.fingerprint, reading=udf.reading(options, vectors.rows_out), hides=hides == "history")
    carry = None if s.mode == "windows" else chain.states(spark, t, conf, words, vectors, d.materialise, **like)
    if carry is None:
        users, known = d.materialise(roles.users(split, people, s.roles), "users"), None
    else:
        looks = bool(udf.switches(options)["use_static"])
        all_ = d.materialise(states.due(split, people, s.roles, static, rules.whom, looks, carry), "users")
        users = all_.where("role IS NOT NULL")
        known = States(all_, encoded, words, static, profiles, rules.whom, looks, hides == "history",
                       states.of(options, s.k, s.margin), vectors.rows_out, carry, d.materialise, kept,
                       collect.rows)  # fmt: skip
    rows = roles.laid(versions.current(conf.root, tables.SEQUENCES))
    hands = Hands(d.materialise, kept, collect.empty, KINDS, Shown, fallback.score, *lent.hands(spark, conf, d))
    ends = {r["role"]: r["time"] for r in collect.rows(cuts)}
    return Fill(conf, split, encoded, sequences, people, users, ends, rows, rules, options, bundle.fingerprint,
                t.parents["split"], hands, known)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
