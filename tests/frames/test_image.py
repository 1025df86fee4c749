"""Unit norm, one length; whatever is no vector is missing."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pyspark.sql import functions as F

from lstmrec.frames import image

GOOD = [3.0, 4.0, 0.0]
BAD = [[3.0, 4.0], [], None, [0.0, 0.0, 0.0], [math.nan, 1.0, 0.0], [math.inf, 1.0, 0.0], [None, 1.0, 0.0],
       [1.0, 2.0, 3.0, 4.0]]  # fmt: skip


def test_unit_vectors(spark: Any) -> None:
    frame = spark.createDataFrame([(v,) for v in [GOOD, *BAD]], "image array<float>").coalesce(1)
    found = [r[0] for r in frame.select(image.unit(F.col("image"), 3)).collect()]
    assert found[0] == pytest.approx([0.6, 0.8, 0.0]) and found[1:] == [None] * len(BAD)
