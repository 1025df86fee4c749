"""s5_sequence: integer sequences by length class, for train, validation, test and serve."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import sequences
from lstmrec.store import door
from lstmrec.store.collect import rows
from lstmrec.store.commit import commit
from lstmrec.store.read import read
from lstmrec.store.work import desk

NEEDS = (tables.WINDOWS, tables.SPLIT, tables.CUTS, tables.USERS, tables.VOCABULARY, tables.ENCODED_ITEMS,
         tables.ENCODED_USERS, tables.USER_PROFILES)  # fmt: skip
GIVES = (tables.SEQUENCES,)
SECTIONS = ("seed", "sequence", "profile", "clean.events.time")
VERSION = 3
SPARK = True


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits SEQUENCES. DataError D340 unless serve has exactly one row per user."""
    t = door.ticket(sys.modules[__name__], conf)
    windows, split, cuts, _, vocabulary, items, users, profiles = (read(spark, conf.root, x) for x in NEEDS)
    buckets = versions.current(conf.root, tables.SPLIT).buckets
    with desk(t) as d:
        histories = sequences.histories(split, items, vocabulary)
        if conf.sequence.history == "learn":  # read twice
            histories = d.materialise(histories, "histories", cluster=("user_id",), buckets=buckets)
        classes = d.materialise(sequences.classes(windows, histories, conf.sequence), "classes")
        made = sequences.sequences(windows, histories, users, profiles, cuts, conf.sequence, conf.seed,
                                   clock=conf.has_clock)  # fmt: skip
        facts = _facts(conf, rows(classes))
        everybody = versions.current(conf.root, tables.USERS).rows_out if "serve" in conf.sequence.roles else 0
        if facts["rows"]["serve"] != everybody:
            raise DataError("D340", f"{facts['rows']['serve']} serve sequences for {everybody} users", "job sequence",
                            "run s4_profile again: its windows are of other users")  # fmt: skip
        return commit(sequences.filed(made, classes, conf.sequence), t, tables.SEQUENCES, facts=facts,
                      rows_in=sum(facts["rows"].values()), one_file_per_partition=True,
                      finish=sequences.padded(len(conf.sequence.half_lives_days)))  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    return door.main(sys.modules[__name__], argv)


def _facts(conf: Config, classes: Sequence[Any]) -> dict[str, Any]:
    """What the torch side needs to know besides the rows; padding_share is of train window positions."""

    def fact(table: tables.Table, name: str) -> Any:
        return versions.current(conf.root, table).facts[name]

    count = Counter({role: 0 for role in tables.ROLES})
    for c in classes:
        count[c["role"]] += c["rows"]
    train = [c for c in classes if c["role"] == "train"]
    room = sum(c["rows"] * c["length"] for c in train)
    padding = 1 - sum(c["positions"] for c in train) / room if room else 0.0
    return {
        "types": fact(tables.VOCABULARY, "types"),
        "static": fact(tables.ENCODED_USERS, "static"),
        "left_out": fact(tables.WINDOWS, "left_out"),
        "profile": fact(tables.USER_PROFILES, "width"),
        "half_lives": len(conf.sequence.half_lives_days),
        "padding_share": round(padding, 6),
        "rows": dict(count),
        "told": {"train windows": f"{count['train']:,}", "classes": f"{len(classes):,}", "padding": f"{padding:.1%}"},
    }
