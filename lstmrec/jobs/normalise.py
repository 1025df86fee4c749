"""s3_normalise: ids and scalers fitted on train rows, and the catalogue and everybody as numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.ids import FIRST
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import catalogue, drift, normalise, scalers, tally, vocabulary
from lstmrec.frames.catalogue import PRICE
from lstmrec.frames.facts import Facts
from lstmrec.store import collect, daily, door, numbers
from lstmrec.store.commit import commit
from lstmrec.store.read import read
from lstmrec.store.work import desk

NEEDS = (tables.SPLIT, tables.ITEMS, tables.USERS)
GIVES = (tables.VOCABULARY, tables.SCALERS, tables.ENCODED_USERS, tables.ENCODED_ITEMS)
SECTIONS = ("seed", "normalise", "clean.items", "clean.users")
VERSION = 3
SPARK = True
rows = collect.dicts


def sources(conf: Config) -> dict[str, str]:
    """What identifies the run whose ids are kept, if any; of a day what was fitted."""
    if conf.flow == "daily":
        return daily.normalise.sources(conf)
    root, grown = conf.normalise.grow_from, (tables.VOCABULARY, tables.ENCODED_ITEMS)
    return {f"grown:{t.name}": versions.current(root, t).fingerprint for t in grown} if root else {}


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits VOCABULARY, SCALERS, ENCODED_USERS, ENCODED_ITEMS. ConfigError C331 for a rule of no feature, C332 where
    the ids of another shape of vocabulary are to grow."""
    t, c = door.ticket(sys.modules[__name__], conf), conf.normalise
    if conf.flow == "daily":
        return daily.normalise.made(spark, conf, t)
    split, items, users = (read(spark, conf.root, table) for table in NEEDS)
    old_words, old_items, first = None, None, FIRST
    if c.grow_from is not None:
        old_words, old_items = (read(spark, c.grow_from, x) for x in (tables.VOCABULARY, tables.ENCODED_ITEMS))
        base = versions.current(c.grow_from, tables.ENCODED_ITEMS)
        vocabulary.growable(c, base.config["normalise"])
        first = int(base.facts["catalogue"])
    attributes = conf.clean.users.attributes if conf.clean.users else []
    numeric = [*(conf.clean.items.numeric if conf.clean.items else {}), *([PRICE] if c.price else [])]
    with desk(t) as d:
        seen = d.materialise(tally.tally(split, c), "tally")
        known = d.materialise(catalogue.gather(items, tally.by_item(seen), old_items), "known")
        made = d.materialise(catalogue.fit_catalogue(known, items, c, conf.seed, first=first), "catalogue")
        counted = _counted(conf, split, users, seen, made)
        counted = d.materialise(counted, "counted") if c.drift or old_words is not None else counted
        words = d.materialise(vocabulary.fit_vocabulary(counted, c, old_words), "vocabulary")
        fitted = numbers.fit(made, numeric, c, d)
        facts = Facts(
            conf=c, attributes=attributes, grown_from=sources(conf),
            sizes={r["feature"]: r for r in rows(vocabulary.sizes(words))}, catalogue=rows(catalogue.sizes(made))[0],
            vectors=numbers.widths(made, conf.clean.items.vectors if conf.clean.items else ()),
            scalers=fitted.scalers, dropped=fitted.dropped, warned=fitted.warned,
            drift=drift.indices(fitted.bins + rows(drift.of_values(counted))) if c.drift else [],
        )  # fmt: skip
        commit(words, t, tables.VOCABULARY, facts=facts.of_words())
        commit(scalers.table(spark.range(1).coalesce(1), facts.scalers), t, tables.SCALERS)
        # keys=False: as many rows as USERS, each one's row with its ids, so that the key of USERS is one here too
        commit(normalise.apply_users(users, words, facts.static, c), t, tables.ENCODED_USERS, keys=False,
               rows_in=versions.current(conf.root, tables.USERS).rows_out, facts=facts.of_users())  # fmt: skip
        return commit(normalise.apply_items(made, words, facts), t, tables.ENCODED_ITEMS, facts=facts.of_items())


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)


def _counted(conf: Config, split: DataFrame, users: DataFrame, seen: DataFrame, made: DataFrame) -> DataFrame:
    """How often each value is there; only demographics read events again (who was active)."""
    found = vocabulary.type_counts(seen)
    attributes = conf.clean.users.attributes if conf.clean.users else []
    if conf.clean.items and conf.clean.items.tags:
        found = found.unionByName(vocabulary.tag_counts(made))
    if attributes:
        found = found.unionByName(vocabulary.user_counts(users, tally.active(split, conf.normalise), attributes))
    return found
