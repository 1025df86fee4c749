"""Sums of hashes: of the same rows, in whatever order and partitions, the same numbers."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F


def halves(hashed: Column) -> tuple[Column, Column]:
    """Sums of the upper and of the lower 32 bits of a 64-bit hash, which no table overflows: adding decimals costs as
    much as a pass over the rows."""
    return F.sum(F.shiftright(hashed, 32)), F.sum(hashed.bitwiseAND(F.lit((1 << 32) - 1)))
