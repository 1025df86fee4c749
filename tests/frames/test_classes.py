"""Length classes: the Spark expression says what the Python rule says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from lstmrec.frames.classes import after_sizes, before_sizes, pad, padded, size_of, window_sizes


def test_sizes() -> None:
    assert window_sizes([16, 8, 300], 200) == (8, 16, 200)
    assert window_sizes([], 5) == (5,)
    assert before_sizes()[:4] == (0, 64, 256, 1024)
    assert after_sizes()[:5] == (0, 1, 32, 256, 2048)
    assert min(before_sizes()[-1], after_sizes()[-1]) > 100_000_000, "more than a row may hold"


@given(st.integers(0, 1 << 29))
@settings(max_examples=100, deadline=None)
def test_padded_is_the_smallest_that_holds(n: int) -> None:
    for sizes in (before_sizes(), after_sizes()):
        assert padded(n, sizes) == min(s for s in sizes if s >= n)


def test_padded_refuses_what_is_longer() -> None:
    with pytest.raises(ValueError, match="longer"):
        padded(6, (5,))


def test_size_of_is_padded(spark: Any) -> None:
    numbers = sorted({0, 1, 2, 1 << 29} | {max(0, (1 << k) + d) for k in range(29) for d in (-1, 0, 1)})
    frame = spark.createDataFrame([(n,) for n in numbers], "n int")
    for sizes in (before_sizes(), after_sizes()):
        got = [(r.n, r.s) for r in frame.select("n", size_of(F.col("n"), sizes).alias("s")).collect()]
        assert sorted(got) == [(n, padded(n, sizes)) for n in numbers]
    small = frame.where("n <= 4").select("n", size_of(F.col("n"), (1, 3)).alias("s")).collect()
    assert {r.n: r.s for r in small} == {0: 1, 1: 1, 2: 3, 3: 3, 4: None}


def test_pad(spark: Any) -> None:
    frame = spark.createDataFrame([([1, 2], 4), ([], 0), ([7], 1)], "a array<int>, n int")
    got = [r.p for r in frame.select(pad(F.col("a"), F.col("n"), "int").alias("p")).collect()]
    assert got == [[1, 2, 0, 0], [], [7]]
