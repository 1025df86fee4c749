"""The few rows a driver needs: the only `collect` outside checks."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from lstmrec.contracts.errors import ResourceError

_MOST = 1_000_000


def rows(frame: DataFrame, most: int = _MOST) -> list[Row]:
    """All rows of a small frame; ResourceError R110 where there are more than `most`."""
    found = frame.limit(most + 1).collect()
    if len(found) > most:
        raise ResourceError("R110", f"more than {most:,} rows asked for on the driver")
    return list(found)


def dicts(frame: DataFrame) -> list[dict[str, Any]]:
    """`rows` as dicts."""
    return [r.asDict() for r in rows(frame)]


def count(frame: DataFrame) -> int:
    """How many rows."""
    return int(frame.count())


def empty(frame: DataFrame) -> bool:
    """Whether there is no row."""
    return frame.isEmpty()


def counts(frame: DataFrame, column: str) -> dict[str, int]:
    """value -> rows that hold it, nulls left out, by falling count, then value."""
    found = rows(frame.where(F.col(column).isNotNull()).groupBy(F.col(column).alias("value")).count())
    return {str(r["value"]): int(r["count"]) for r in sorted(found, key=lambda r: (-int(r["count"]), str(r["value"])))}
