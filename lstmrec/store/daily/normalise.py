"""s3 of a day: nothing is fitted. Today's items and users as numbers, by what the bundle was fitted with."""

from __future__ import annotations

from dataclasses import replace

from pyspark.sql import SparkSession

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.ids import FIRST
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import applied, normalise
from lstmrec.frames.facts import Facts
from lstmrec.frames.scalers import Scaler
from lstmrec.frames.vectors import Vector
from lstmrec.store import collect
from lstmrec.store.commit import Ticket, commit
from lstmrec.store.daily import fitted, links
from lstmrec.store.daily.fitted import Fitted
from lstmrec.store.read import read, read_version
from lstmrec.store.work import desk


def sources(conf: Config) -> dict[str, str]:
    """What a day's numbers depend on besides its tables: what was fitted, and the catalogue whose places are kept."""
    pinned = fitted.of(conf.root)
    return {"catalogue": _base(conf, pinned).fingerprint, **{f"fitted:{k}": v for k, v in pinned.digests.items()}}


def made(spark: SparkSession, conf: Config, t: Ticket) -> Manifest:
    """Commits VOCABULARY and SCALERS (as they were fitted), ENCODED_USERS, ENCODED_ITEMS. Items keep their places from
    day to day; one that is new comes after them, and one that is gone stays, without content, until the next bundle."""
    pinned, c = fitted.of(conf.root), conf.normalise
    words, facts = pinned[tables.VOCABULARY], dict(pinned[tables.ENCODED_ITEMS].facts)
    links.again(spark, t, tables.VOCABULARY, words)
    links.again(spark, t, tables.SCALERS, pinned[tables.SCALERS])
    spoken = read_version(spark, conf.root, tables.VOCABULARY, words)
    people, static = read(spark, conf.root, tables.USERS), pinned[tables.ENCODED_USERS].facts
    commit(normalise.apply_users(people, spoken, static["static_names"], c), t, tables.ENCODED_USERS, keys=False,
           rows_in=versions.current(conf.root, tables.USERS).rows_out, facts=static)  # fmt: skip
    of = _facts(conf, spark, pinned)
    base, first = (
        _base(conf, pinned),
        read_version(spark, conf.root, tables.ENCODED_ITEMS, pinned[tables.ENCODED_ITEMS]),
    )
    old = read_version(spark, conf.root, tables.ENCODED_ITEMS, base)
    items = read(spark, conf.root, tables.ITEMS)
    with desk(t) as d:
        rows = applied.catalogue(items, old, first, conf.seed, FIRST + base.rows_out)
        rows = d.materialise(rows, "catalogue")
        encoded = applied.priced(normalise.apply_items(rows, spoken, of), first, [s.name for s in of.scalers])
        size, new = (n := collect.count(rows)), f"{n - _pinned(pinned).rows_out:,}"
        facts |= {"catalogue": FIRST + size, "gone": collect.count(rows.where("gone")), "drift": [], "warned": [],
                  "bundle": pinned.bundle.fingerprint,
                  "told": {"items": f"{size:,}", "new since the bundle": new}}  # fmt: skip
        return commit(encoded, t, tables.ENCODED_ITEMS, facts=facts)


def _pinned(pinned: Fitted) -> Manifest:
    return pinned[tables.ENCODED_ITEMS]


def _base(conf: Config, pinned: Fitted) -> Manifest:
    """The catalogue of the day before, under this bundle; on the first day the bundle's own."""
    found = links.before(conf.root, tables.ENCODED_ITEMS, conf.as_of_us,
                         lambda m: m.facts.get("bundle") == pinned.bundle.fingerprint)  # fmt: skip
    return found or _pinned(pinned)


def _facts(conf: Config, spark: SparkSession, pinned: Fitted) -> Facts:
    """What `apply_items` asks of: scalers, sizes of vocabularies, widths of vectors."""
    rows = collect.rows(read_version(spark, conf.root, tables.SCALERS, pinned[tables.SCALERS]))
    names = _pinned(pinned).facts["numeric_names"]
    by_name = {s.name: s for s in (_scaler(r.asDict()) for r in rows)}
    scalers = [by_name[n] for n in names[: len(names) // 2]]
    tags = {"tag": {"size": _pinned(pinned).facts["tags"], "n": 0}} if _pinned(pinned).facts["tags"] else {}
    vectors = [Vector(str(name), int(width)) for name, width in _pinned(pinned).facts.get("vectors", [])]
    return Facts(conf=conf.normalise, attributes=[], sizes=tags, catalogue={}, scalers=scalers, vectors=vectors)


def _scaler(row: dict[str, object]) -> Scaler:
    found = Scaler(**row)  # type: ignore[arg-type]  # the columns of SCALERS are its fields
    edges = found.edges
    return replace(found, edges=None if edges is None else tuple(edges), method=found.method or "zscore")
