"""Named vectors: the length that most train items have; unit norm in a row of numbers, zeros where there is none."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pyspark.sql import functions as F

from lstmrec.frames import vectors
from lstmrec.frames.vectors import Vector

GOOD = [3.0, 4.0, 0.0]
BAD = [[3.0, 4.0], [], None, [0.0, 0.0, 0.0], [math.nan, 1.0, 0.0], [math.inf, 1.0, 0.0], [None, 1.0, 0.0],
       [1.0, 2.0, 3.0, 4.0]]  # fmt: skip


def test_unit_vectors(spark: Any) -> None:
    frame = spark.createDataFrame([(v,) for v in [GOOD, *BAD]], "v array<float>").coalesce(1)
    found = [r[0] for r in frame.select(vectors.unit(F.col("v"), 3)).collect()]
    assert found[0] == pytest.approx([0.6, 0.8, 0.0]) and found[1:] == [None] * len(BAD)


def test_the_length_is_that_of_most_train_items(spark: Any) -> None:
    rows = [(n % 2, {"image": [1.0] * (5 if n < 6 else 3)}) for n in range(20)]  # train: 3 of 5 numbers, 7 of 3
    rows += [(0, {"image": [1.0] * 9, "late": [1.0]})] * 50 + [(1, {"even": [1.0] * n}) for n in (2, 4)] + [(1, None)]
    frame = spark.createDataFrame(rows, "count bigint, vectors map<string,array<float>>")
    found = [r.asDict() for r in vectors.lengths(frame).collect()]
    assert vectors.fit(["late", "image", "even"], found) == [
        Vector("late"), Vector("image", 3, 7, 3), Vector("even", 4, 1, 1)
    ]  # fmt: skip


def test_a_flag_and_the_numbers_or_zeros(spark: Any) -> None:
    rows = [(1, {"a": [3.0, 4.0], "b": [2.0], "other": [1.0]}), (2, {"a": [1.0], "b": [-7.0]}), (3, {}), (4, None)]
    frame = spark.createDataFrame(rows, "n int, vectors map<string,array<float>>").coalesce(1)

    def encoded(*fitted: Vector) -> list[Any]:
        made = frame.select(vectors.encoded(fitted).alias("v"))
        assert made.schema["v"].dataType.simpleString() == "array<float>"
        return [r["v"] for r in made.collect()]

    found = encoded(Vector("b", 1, 9), Vector("lacking"), Vector("a", 2, 9))
    assert found[0] == pytest.approx([1, 1, 1, 0.6, 0.8]) and found[1:] == [[1, -1, 0, 0, 0], [0] * 5, [0] * 5]
    assert encoded() == [[]] * 4
