"""Length classes: few padding lengths, so that a file holds rows of ONE shape and a batch wastes little.

Each rule stands once, as the rising tuple of sizes a number may be padded to; `padded` is the rule in Python, `size_of`
the same as a Spark expression.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

_MOST = 1 << 30


def window_sizes(classes: Sequence[int], max_length: int) -> tuple[int, ...]:
    """Sizes of window arrays: the classes below max_length, then max_length itself. A window of 0 takes the first."""
    return (*sorted({c for c in classes if 0 < c < max_length}), max_length)


def before_sizes() -> tuple[int, ...]:
    """Sizes of the arrays about items before the window: 0, 64, 256, 1024 ... Coarse, so that files are few."""
    return (0, *(4**k for k in range(3, (_MOST.bit_length() + 1) // 2)))


def after_sizes() -> tuple[int, ...]:
    """Sizes of the arrays about events after the window: 0, 1 (the next item), 32, 256, 2048 ..."""
    return (0, 1, *(4 * 8**k for k in range(1, _MOST.bit_length() // 3)))


def padded(n: int, sizes: Sequence[int]) -> int:
    """The smallest size that holds n; ValueError where none does."""
    at = bisect_left(sizes, n)
    if at == len(sizes):
        raise ValueError(f"{n} is longer than the largest size {sizes[-1]}")
    return sizes[at]


def size_of(n: Column, sizes: Sequence[int]) -> Column:
    """`padded` as an int expression; null where none holds n."""
    first, *rest = sizes
    chain = reduce(lambda case, size: case.when(n <= size, F.lit(size)), rest, F.when(n <= first, F.lit(first)))
    return chain.cast("int")


def pad(array: Column, size: Column, kind: str) -> Column:
    """An array with zeros of `kind` (a Spark element type) at its end, up to `size`."""
    return F.concat(array, F.array_repeat(F.lit(0).cast(kind), size - F.size(array)))
