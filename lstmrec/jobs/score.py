"""s7_score: item vectors, then a list for every user by every recommender, with a reason a row."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest, digest
from lstmrec.recommenders.registry import KINDS
from lstmrec.scoring import roles, udf
from lstmrec.scoring.options import Options
from lstmrec.store import collect, door
from lstmrec.store.commit import Ticket, commit
from lstmrec.store.read import read
from lstmrec.store.work import Desk, desk

NEEDS = (tables.SPLIT, tables.CUTS, tables.USERS, tables.ENCODED_ITEMS, tables.SEQUENCES, tables.BUNDLE)
GIVES = (tables.ITEM_VECTORS, tables.RECOMMENDATIONS)
SECTIONS = ("seed", "as_of", "score", "sequence.history")
VERSION = 1
SPARK = True


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits ITEM_VECTORS, then RECOMMENDATIONS. DataError D710 where users in are not rows out."""
    t = door.ticket(sys.modules[__name__], conf)
    split, everybody = read(spark, conf.root, tables.SPLIT), read(spark, conf.root, tables.USERS)
    bundle = versions.current(conf.root, tables.BUNDLE)
    vectors = item_vectors(spark, conf, t, bundle)
    s, names = conf.score, [e.name for e in conf.score.recommenders]
    options = Options(conf.root, bundle.version, vectors.version, s.k, s.batch, s.block)
    cuts = {r["role"]: r["time"] for r in collect.rows(read(spark, conf.root, tables.CUTS))}
    hide, now = conf.sequence.history == "filter", conf.as_of_us if conf.has_clock else None
    with desk(t) as d:
        users = d.materialise(roles.users(split, everybody, s.roles), "users")
        parts = []
        for entry in s.recommenders:
            fitted, mark = fitted_by(entry, split, d), digest([entry.model_dump(mode="json"), t.parents["split"]])
            for role in s.roles:
                who = users.where(users["role"] == role)
                if entry.kind == "model":
                    scored = udf.recommend(read(spark, conf.root, tables.SEQUENCES, where={"role": role}), options)
                    made, mark = roles.ladder(scored, who, s.short_history), bundle.fingerprint
                else:
                    cut, past = cuts.get(role) or now, roles.history(split, role)
                    made = KINDS[entry.kind].score(who, past, fitted, entry, cut, s.k, hide)
                made = roles.rows(made, who, entry.name, role, mark, conf.as_of_us)
                parts.append(d.materialise(made, f"{entry.name}-{role}"))
        lists = roles.together(parts)
        due, got = proven(users, lists, names)
        facts = {"users": due, "scored": got, "told": {"users": f"{max(due.values()):,}", "recommenders": len(names)}}
        return commit(lists, t, tables.RECOMMENDATIONS, rows_in=sum(due.values()) * len(names), facts=facts)


def item_vectors(spark: SparkSession, conf: Config, t: Ticket, bundle: Manifest) -> Manifest:
    """Commits ITEM_VECTORS; its facts hold the train events of the catalogue, which the bias is a share of."""
    encoded = read(spark, conf.root, tables.ENCODED_ITEMS)
    events = int(collect.rows(encoded.selectExpr("coalesce(sum(count), 0) as n"))[0]["n"])
    frame = udf.item_vectors(encoded, Options(conf.root, bundle.version), events)
    return commit(frame, t, tables.ITEM_VECTORS, facts={"events": events},
                  rows_in=versions.current(conf.root, tables.ENCODED_ITEMS).rows_out)  # fmt: skip


def fitted_by(entry: Any, split: DataFrame, d: Desk) -> dict[str, DataFrame]:
    """What a recommender learnt from train rows, written once: every role reads it."""
    found = KINDS[entry.kind].fit(split.where("role = 'train'"), entry).items() if entry.kind in KINDS else ()
    return {name: d.materialise(frame, f"{entry.name}-fitted-{name}") for name, frame in found}


def proven(users: DataFrame, lists: DataFrame, names: Sequence[str]) -> tuple[dict[str, int], roles.Scored]:
    """(role -> users due, recommender -> role -> lists) from what was written; D710 where they differ."""
    due = collect.counts(users, "role")
    got, wrong = roles.compared(due, collect.rows(roles.tally(lists)), names)
    for name, role in wrong:
        some = [r["user_id"] for r in collect.rows(roles.differing(lists, users, name, role))]
        raise DataError("D710", f"{due[role]:,} users in, {got[name][role]:,} lists out", f"{name} · {role}",
                        f"users whose lists are not exactly one: {some}")  # fmt: skip
    return due, got


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
