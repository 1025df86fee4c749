"""ITEM_VECTORS: made by the item tower, committed once a run."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame, SparkSession

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import carried
from lstmrec.store import chain, collect
from lstmrec.store.commit import Ticket, commit
from lstmrec.store.read import read, read_version


def committed(spark: SparkSession, conf: Config, t: Ticket, tower: Callable[[DataFrame, int], DataFrame],
              rules: DataFrame | None, again: bool) -> Manifest:  # fmt: skip
    """Commits ITEM_VECTORS, unless a run that was stopped did (and this one is not to do it `again`).

    tower(ENCODED_ITEMS, their train events, which the bias is a share of) -> item, item_id, vector, bias. rules: rows
    of `frames.filters.rules`. Facts: those events, the bundle, and `frozen`: 1 where items may be fed to states as an
    earlier run with this bundle fed them.
    """
    found = versions.find(conf.root, tables.ITEM_VECTORS, t.skip_key)
    if found is not None and not again:
        return found
    encoded, carry = read(spark, conf.root, tables.ENCODED_ITEMS), conf.score.mode != "windows"
    events = int(collect.rows(encoded.selectExpr("coalesce(sum(count), 0) as n"))[0]["n"])
    bundle = versions.current(conf.root, tables.BUNDLE).fingerprint
    last = chain.newest(conf.root, tables.ITEM_VECTORS, {"bundle": bundle}) if carry else None
    before = None if last is None else read_version(spark, conf.root, tables.ITEM_VECTORS, last)
    made = carried.inputs(tower(encoded, events), before, rules if carry else None)
    return commit(made, t, tables.ITEM_VECTORS, rows_in=versions.current(conf.root, tables.ENCODED_ITEMS).rows_out,
                  facts={"events": events, "bundle": bundle, "frozen": int(last is not None)})  # fmt: skip
