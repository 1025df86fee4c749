"""Histories cut short or dirtied, as users of their own: what robustness is measured on.

A probe is one way to disturb a history. Each sampled user becomes one user per probe, so that one walk through s4's and
s5's frames makes the sequences of all. What is to be guessed, the events of the role test, stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.config.evaluate import ProbesConfig
from lstmrec.contracts import tables
from lstmrec.contracts.ids import FIRST

BASE, LONG, WHOLE = "as it is", "long histories, last window", "long histories, fed whole"
_MARK = "\x1f"  # between a probe and the user: no cleaned id has a control character
_PARTS = 1_000_000


@dataclass(frozen=True)
class Probe:
    """A name, what is done (keep, first, drop, inject, double, long), and how much of it."""

    name: str
    kind: str
    amount: float = 0.0


def probes(conf: ProbesConfig) -> list[Probe]:
    """What a config asks for, the undisturbed history first."""
    out = [Probe(BASE, "keep"), *(Probe(f"first {n}", "first", n) for n in conf.first)]
    out += [Probe(f"{share:.0%} dropped", "drop", share) for share in conf.drop]
    out += [Probe(f"{share:.0%} random added", "inject", share) for share in conf.inject]
    out += [Probe("every event twice", "double")] if conf.double else []
    return out + ([Probe(LONG, "long"), Probe(WHOLE, "long")] if conf.whole else [])


def sample(split: DataFrame, users: int, seed: int) -> DataFrame:
    """user_id: so many of the users with an event of the role test, by hash."""
    everybody = split.where(F.col("role") == "test").select("user_id").distinct()
    return everybody.orderBy(F.xxhash64(F.lit(seed).cast("bigint"), F.lit("probe"), "user_id"), "user_id").limit(users)


def split(of: DataFrame, items: DataFrame, size: int, chosen: Sequence[Probe], longer_than: int, seed: int
          ) -> DataFrame:  # fmt: skip
    """SPLIT rows of the disturbed users. of: SPLIT rows of the sampled users; items: ENCODED_ITEMS, `size` rows.

    Long histories are those with more than `longer_than` events before the test's.
    """
    parts = [_one(of, items, size, probe, longer_than, seed) for probe in chosen]
    rows = reduce(DataFrame.unionByName, parts)
    place = Window.partitionBy("user_id").orderBy("index", "_nth")
    return rows.withColumn("index", (F.row_number().over(place) - 1).cast("int")).select(*of.columns)


def users(of: DataFrame, chosen: Sequence[Probe]) -> DataFrame:
    """Rows with a user_id, once for every probe."""
    names = F.explode(F.array(*[F.lit(probe.name) for probe in chosen]))
    return of.withColumn("_probe", names).withColumn("user_id", _named(F.col("_probe"))).drop("_probe")


def told(rows: DataFrame) -> DataFrame:
    """Adds `probe`, and gives user_id back its own name."""
    return rows.withColumns({"probe": probe_of("user_id"), "user_id": F.split("user_id", _MARK)[1]})


def probe_of(user: str) -> Column:
    """The probe's name in the user_id of a disturbed user."""
    return F.split(user, _MARK)[0]


def _named(probe: Column) -> Column:
    return F.concat(probe, F.lit(_MARK), F.col("user_id"))


def _one(of: DataFrame, items: DataFrame, size: int, probe: Probe, longer_than: int, seed: int) -> DataFrame:
    past = F.col("role").isin(*tables.HISTORY["test"])
    lot = F.pmod(F.xxhash64(F.lit(seed).cast("bigint"), F.lit(probe.kind), "user_id", "index"), F.lit(_PARTS))
    picked = past & (lot < round(probe.amount * _PARTS))
    rows = of
    if probe.kind == "first":
        rows = of.where(~past | (F.col("index") < int(probe.amount)))
    elif probe.kind == "drop":
        rows = of.where(~picked)
    elif probe.kind == "long":
        many = of.where(past).groupBy("user_id").agg(F.count(F.lit(1)).alias("n")).where(F.col("n") > longer_than)
        rows = of.join(many.select("user_id"), "user_id", "left_semi")
    rows = rows.withColumn("_nth", F.lit(0))
    if probe.kind in ("inject", "double"):
        more = of.where(past if probe.kind == "double" else picked).withColumn("_nth", F.lit(1))
        if probe.kind == "inject":
            drawn = F.pmod(F.xxhash64(F.lit(seed).cast("bigint"), "user_id", "index"), F.lit(size)) + FIRST
            names = F.broadcast(items.select(F.col("item").alias("_item"), F.col("item_id").alias("_id")))
            more = more.withColumn("_item", drawn.cast("int")).join(names, "_item", "inner")
            more = more.withColumn("item_id", F.col("_id")).drop("_item", "_id")
        rows = rows.unionByName(more.select(*rows.columns))
    return rows.withColumn("user_id", _named(F.lit(probe.name)))
