"""Beside the road, by `lstmrec label`: for each event of a history the rank and the surprise that the model gave it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import SparkSession

from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.scoring import labels
from lstmrec.scoring.options import Options
from lstmrec.store import bundled, collect, door
from lstmrec.store.commit import seal, stage
from lstmrec.store.read import read
from lstmrec.store.work import desk

NEEDS = (tables.SPLIT, tables.WINDOWS, tables.SEQUENCES, tables.BUNDLE, tables.ITEM_VECTORS)
GIVES = (tables.LABELS,)
SECTIONS = ("seed", "as_of", "score.batch")
VERSION = 1
SPARK = True


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits LABELS; facts: figures by role. DataError D730 where no sequences of role serve are there, D731 where
    events of their windows are not all labelled."""
    t = door.ticket(sys.modules[__name__], conf)
    bundle = bundled.bundle(conf.root)
    vectors = bundled.vectors(conf.root, bundle)
    split, windows = read(spark, conf.root, tables.SPLIT), read(spark, conf.root, tables.WINDOWS)
    sequences = read(spark, conf.root, tables.SEQUENCES, where={"role": "serve"})
    if collect.empty(sequences):
        raise DataError("D730", "no sequences of role serve", "table sequences", "add serve to sequence.roles")
    options = Options(conf.root, bundle.version, vectors.version, rows=conf.score.batch)
    with desk(t) as d:
        told = d.materialise(labels.labelled(sequences, options), "told")
        staged = stage(labels.rows(told, windows.where("role = 'serve'"), split), t, tables.LABELS)
        found = [r.asDict() for r in collect.rows(labels.figures(staged.rows))]
        due, events, labelled = collect.count(told), *(sum(r[x] for r in found) for x in ("events", "labelled"))
        if due != events:
            raise DataError("D731", f"{due:,} events in windows, {events:,} found", "tables sequences, windows, split",
                            "they are of different runs: lstmrec run")  # fmt: skip
        facts = {"roles": found, "told": {"labelled": f"{labelled:,} of {events:,}"}}
        return seal(staged, t, tables.LABELS, rows_in=due, facts=facts)


def main(argv: Sequence[str] | None = None) -> int:
    return door.main(sys.modules[__name__], argv)
