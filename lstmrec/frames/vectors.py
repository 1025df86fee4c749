"""Named vectors of items, such as embeddings of images or of texts: how long they are, and at unit length in a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Vector:
    """A name, how many numbers its vectors have (0: no train item has one), how many train items have one of that
    length, and how many one of another, which counts as missing."""

    name: str
    width: int = 0
    items: int = 0
    others: int = 0


def lengths(catalogue: DataFrame) -> DataFrame:
    """name, width, items, others: a row for each vector that items of train events have. The length of most of them is
    the width, the larger of two as frequent."""
    trained = catalogue.where("count > 0")
    sizes = trained.select(F.explode(F.transform_values("vectors", lambda _, v: F.size(v))).alias("name", "width"))
    counted = sizes.groupBy("name", "width").agg(F.count(F.lit(1)).alias("n"))
    best = counted.groupBy("name").agg(F.max(F.struct("n", "width")).alias("best"), F.sum("n").alias("every"))
    return best.selectExpr("name", "best.width", "best.n AS items", "every - best.n AS others")


def fit(names: Iterable[str], found: Iterable[Mapping[str, Any]]) -> list[Vector]:
    """The named vectors, from rows of `lengths`."""
    by_name = {r["name"]: Vector(r["name"], int(r["width"]), int(r["items"]), int(r["others"])) for r in found}
    return [by_name.get(name, Vector(name)) for name in names]


def unit(vector: Column, width: int) -> Column:
    """The vector divided by its Euclidean norm (summed in the vector's order); null for another length, NaN, infinity,
    null inside, and all zeros."""
    squares = F.aggregate(vector, F.lit(0.0), lambda total, x: total + x.cast("double") * x.cast("double"))
    # What is not finite makes the sum so. Named by a lambda of its own, or it would be summed again for each number.
    found = F.array(F.when(F.size(vector) == width, squares))
    made = F.transform(found, lambda s: F.when((s > 0) & (s < float("inf")), _scaled(vector, F.sqrt(s))))
    return made[0]


def _scaled(vector: Column, norm: Column) -> Column:
    return F.transform(vector, lambda x: (x.cast("double") / norm).cast("float"))


def encoded(fitted: Sequence[Vector]) -> Column:
    """For each vector 1 and its numbers at unit length, or as many zeros where a catalogue row has none: what is not
    there adds nothing to a linear layer without bias, as for the unknown item."""
    one, zero = F.lit(1.0).cast("float"), F.lit(0.0).cast("float")
    parts = [F.array().cast("array<float>")]
    for v in fitted:
        if v.width:
            there = F.concat(F.array(one), unit(F.col("vectors")[v.name], v.width))
            parts.append(F.coalesce(there, F.array_repeat(zero, 1 + v.width)))
    return F.concat(*parts)
