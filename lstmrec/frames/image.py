"""Image vectors of items at unit norm; what is no such vector counts as missing."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F


def unit(image: Column, length: int) -> Column:
    """The vector divided by its Euclidean norm (summed in the vector's order); null for another length, NaN, infinity,
    null inside, and all zeros."""
    fine = F.forall(image, lambda x: F.coalesce(F.abs(x) < float("inf"), F.lit(False)))
    squares = F.aggregate(image, F.lit(0.0), lambda total, x: total + x.cast("double") * x.cast("double"))
    norm = F.when(fine, F.sqrt(squares)).otherwise(0.0)
    made = F.transform(image, lambda x: (x.cast("double") / norm).cast("float"))
    return F.when((F.size(image) == length) & (norm > 0), made).cast("array<float>")
