"""ITEM_VECTORS: made by the item tower, committed once a run."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import carried
from lstmrec.store import chain, collect
from lstmrec.store.commit import Ticket, commit
from lstmrec.store.daily import links
from lstmrec.store.read import read, read_version

_NUMBERS = ("vector", "input")
Tower = Callable[[DataFrame, int], DataFrame]
Write = Callable[[DataFrame, str], DataFrame]


def committed(spark: SparkSession, conf: Config, t: Ticket, tower: Tower, rules: DataFrame | None, materialise: Write,
              again: bool) -> Manifest:  # fmt: skip
    """Commits ITEM_VECTORS, unless a run that was stopped did (and this one is not to do it `again`).

    tower(ENCODED_ITEMS, their train events, which the bias is a share of) -> item, item_id, vector, bias. rules: rows
    of `frames.filters.rules`. Facts: those events, the bundle, and `frozen`: 1 where items may be fed to states as an
    earlier run with this bundle fed them. In carry modes items that the tower would see as that run's tower saw them
    keep their rows, and where none has left, a version holds the others alone (`placed`: how many of these are in
    another place than before). Keys are not checked: whoever maps the vectors finds items 2, 3, 4 ... once each, or
    D701.
    """
    found = versions.find(conf.root, tables.ITEM_VECTORS, t.skip_key)
    if found is not None and not again:
        versions.append(conf.root, tables.ITEM_VECTORS.name, found.version)
        return found
    encoded, carry = read(spark, conf.root, tables.ENCODED_ITEMS), conf.score.mode != "windows"
    rules = rules if carry else None
    events = int(collect.rows(encoded.selectExpr("coalesce(sum(count), 0) as n"))[0]["n"])
    bundle = versions.current(conf.root, tables.BUNDLE).fingerprint
    last = chain.newest(conf.root, tables.ITEM_VECTORS, {"bundle": bundle}) if carry else None
    before = None if last is None else read_version(spark, conf.root, tables.ITEM_VECTORS, last)
    old = None if last is None or last.facts["events"] != events else _catalogue(spark, conf.root, last)
    facts = {"events": events, "bundle": bundle, "frozen": int(last is not None)}
    many = versions.current(conf.root, tables.ENCODED_ITEMS).rows_out

    def whole(rows: DataFrame) -> Manifest:
        return commit(carried.audience(rows, rules), t, tables.ITEM_VECTORS, keys=False, rows_in=many, facts=facts,
                      different=_NUMBERS)  # fmt: skip

    if last is None or before is None or old is None:
        return whole(carried.inputs(tower(encoded, events), before))
    seen = materialise(carried.moved(carried.unchanged(encoded, old), before, rules), "items-moved")
    here = seen.where("NOT gone")
    new = here.where("NOT same")
    other = encoded.join(new.select("item"), "item", "left_semi")
    theirs = before.join(new.select("item_id"), "item_id", "left_semi")
    made = carried.inputs(tower(other, events), theirs)
    told = {"gone": "gone", "placed": "placed", "were": "old AND NOT stood AND NOT gone"}
    (n,) = collect.rows(seen.agg(*(F.count_if(F.expr(sql)).alias(name) for name, sql in told.items())))
    if n["gone"] or last.minor != tables.ITEM_VECTORS.minor:  # no row says that, nor has an older one all columns
        return whole(carried.kept(before, here).unionByName(made))
    moved = here.where("NOT stood")
    rows = carried.audience(carried.kept(before, moved).unionByName(made), rules)
    were = spark.createDataFrame([], tables.ITEM_VECTORS.ddl)
    if n["were"]:
        were = before.join(moved.where("old").select("item_id"), "item_id", "left_semi")
    return links.extend(spark, t, tables.ITEM_VECTORS, last, moved.select("item_id"), rows, conf.score.compact,
                        were=were, facts=facts | {"placed": int(n["placed"])}, rows_in=many, different=_NUMBERS,
                        keys=False, total=many)  # fmt: skip


def _catalogue(spark: SparkSession, root: str, made: Manifest) -> DataFrame | None:
    """The ENCODED_ITEMS that a version of ITEM_VECTORS was made from; None where it is gone."""
    for found in versions.newest(root, tables.ENCODED_ITEMS):
        if found.fingerprint == made.parents.get(tables.ENCODED_ITEMS.name):
            return read_version(spark, root, tables.ENCODED_ITEMS, found)
    return None
