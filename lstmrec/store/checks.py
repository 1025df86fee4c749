"""What must hold before a version is committed: one aggregate pass over the written files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts.errors import DataError
from lstmrec.contracts.tables import Table
from lstmrec.frames.fingerprints import halves
from lstmrec.frames.people import unnamed
from lstmrec.store.collect import empty

_FLOATING = ("double", "float")


@dataclass(frozen=True)
class Checked:
    """rows per data file (absolute URI as Spark names it) and the fingerprint of all rows."""

    rows: dict[str, int]
    fingerprint: str


def canonical(contract: Table) -> list[Column]:
    """What a fingerprint hashes: each column after its null flag (xxhash64 skips nulls); -0.0 and 0.0 are one."""
    out: list[Column] = []
    for c in contract.columns:
        value = F.col(c.name)
        if c.kind in _FLOATING:
            value = value + F.lit(0.0)
        if c.kind.startswith("map"):  # maps cannot be hashed, and their order means nothing
            value = F.array_sort(F.map_entries(value))
        out += [value.isNull(), value]
    return out


def check(frame: DataFrame, contract: Table, *, keys: bool = True) -> Checked:
    """Count, fingerprint and test the invariants in one pass, and the key's uniqueness in another.

    frame must be read from files (its rows are counted per file). DataError D110 (null where none may be), D111
    (invariant), D112 (repeated key), each with an example.
    """
    nulls = [(c.name, F.col(f"`{c.name}`").isNull()) for c in contract.columns if not c.nullable]
    broken = [(name, ~F.coalesce(F.expr(sql), F.lit(False))) for name, sql in contract.invariants]
    per_file = (
        frame.groupBy(F.input_file_name().alias("__file"))
        .agg(
            *_sums(contract),
            *[F.count_if(condition).alias(f"null:{name}") for name, condition in nulls],
            *[F.count_if(condition).alias(f"law:{name}") for name, condition in broken],
        )
        .collect()
    )
    for code, kind, conditions in (("D110", "null", nulls), ("D111", "law", broken)):
        for name, condition in conditions:
            count = sum(row[f"{kind}:{name}"] for row in per_file)
            if count:
                example = _example(frame.where(condition))
                what = f"null in {name}" if kind == "null" else f"invariant {name} does not hold"
                raise DataError(code, f"{what} for {count} rows", f"table {contract.name}",
                                f"first: {example}")  # fmt: skip
    if keys and contract.key:
        repeated = _repeated(frame, contract)
        if repeated:
            raise DataError("D112", f"key {contract.key} repeats", f"table {contract.name}", f"first: {repeated}")
    rows = {row["__file"]: int(row["__rows"]) for row in per_file}
    return Checked(rows, _told(per_file))


def fingerprint(frame: DataFrame, contract: Table) -> str:
    """That of rows which need no check."""
    return _told(frame.agg(*_sums(contract)).collect())


def moved(was: str, gone: str, came: str) -> str:
    """The fingerprint of rows of which some have gone and others come: sums can be added up."""
    rows, total = 0, 0
    for print_, sign in ((was, 1), (gone, -1), (came, 1)):
        many, _, summed = print_.partition(":")
        rows, total = rows + sign * int(many), total + sign * int(summed, 16)
    return f"{rows}:{total % (1 << 128):032x}"


def _sums(contract: Table) -> list[Column]:
    """`__rows`, `__high` and `__low` of rows."""
    high, low = halves(F.xxhash64(*canonical(contract)))
    return [F.count(F.lit(1)).alias("__rows"), high.alias("__high"), low.alias("__low")]


def _told(found: Sequence[Any]) -> str:
    total = sum((int(row["__high"]) << 32) + int(row["__low"]) for row in found if row["__rows"])
    return f"{sum(int(row['__rows']) for row in found)}:{total % (1 << 128):032x}"


def _repeated(frame: DataFrame, contract: Table) -> str:
    """A key that two rows have, empty where there is none.

    Rows that lie in order by a part of the key need no table of all keys: neighbours are compared (Spark aggregates
    what is sorted as it comes by), and only where that part repeats the whole key is looked at.
    """

    def twice(columns: Sequence[str]) -> DataFrame:
        return frame.groupBy(*columns).count().where("count > 1")

    in_order = [*contract.cluster, *contract.order] if contract.cluster else []
    if in_order and set(in_order) <= set(contract.key) and empty(twice(in_order)):
        return ""
    return _example(twice(contract.key))


def _example(frame: DataFrame) -> str:
    """The first row as JSON, its user unnamed, cut to a readable length; empty where there is none."""
    row = unnamed(frame).select(F.to_json(F.struct("*")).alias("row")).first()
    return "" if row is None else str(row["row"])[:400]
