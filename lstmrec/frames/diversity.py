"""Lists and the catalogue -> how unlike the items of a list are (frames pure; sums in numpy, run by executors)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts.ids import UNKNOWN
from lstmrec.frames.expected import FIXED, Floats
from lstmrec.frames.exposure import rows

METRICS = ("diversity", "vector_diversity")
_KEYS = ("recommender", "role")


def sample(wanted: DataFrame, role: str, users: int, seed: int) -> DataFrame:
    """role, user_id: so many users with targets in a role, by hash."""
    key = F.xxhash64(F.lit(seed).cast("bigint"), F.lit("diversity"), "user_id")
    return wanted.where(F.col("role") == role).orderBy(key, "user_id").limit(users).select("role", "user_id")


def within(recommendations: DataFrame, chosen: DataFrame, catalogue: DataFrame, widths: Sequence[int],
           ks: Sequence[int]) -> DataFrame:  # fmt: skip
    """METRICS rows (without protocol) of slice all over the lists of `chosen` (role, user_id): means over lists of the
    mean over pairs of a list's first k of (Ziegler et al. 2005, Castells, Vargas and Wang 2011)

    diversity         1 - Jaccard index of the two items' known tags
    vector_diversity  1 - cosine of their named vectors (`widths`: the numbers of each), a mean over the names that both
                      have

    A pair of which an item has none of it is left out, and so is a list without a pair.
    """
    most = max(ks)
    lists = recommendations.join(F.broadcast(chosen), ["role", "user_id"], "left_semi")
    shown = lists.select(*_KEYS, "user_id", F.inline("items")).where(F.col("rank") <= most)
    tags = F.filter("tags", lambda t: t > UNKNOWN).alias("tags")
    vectors = F.coalesce("vectors", F.array().cast("array<float>")) if widths else F.array().cast("array<float>")
    known = shown.join(catalogue.select("item_id", tags, vectors.alias("vectors")), "item_id", "inner")
    placed = F.sort_array(F.collect_list(F.struct("rank", "tags", "vectors"))).alias("items")
    grouped = known.groupBy(*_KEYS, "user_id").agg(placed)
    schema = "recommender string, role string, metric string, k int, users bigint, total bigint"
    parts = grouped.mapInArrow(partial(sums, widths=tuple(widths), ks=tuple(ks)), schema)
    added = parts.groupBy(*_KEYS, "metric", "k").agg(F.sum("users").alias("users"), F.sum("total").alias("total"))
    value = F.try_divide("total", F.col("users") * F.lit(float(FIXED)))
    return rows(added.select(*_KEYS, "metric", "k", "users", value.alias("value")))


def sums(batches: Iterator[Any], widths: Sequence[int], ks: Sequence[int]) -> Iterator[Any]:
    """Per recommender, role, metric and k: the lists with a pair (users), and the sum of their means x 2^30."""
    total: dict[tuple[str, str, str, int], list[int]] = {}
    for batch in batches:
        for row in batch.to_pylist():
            place = np.array([i["rank"] for i in row["items"]])
            found = [("diversity", *jaccard([i["tags"] for i in row["items"]]))]
            if widths:
                found.append(("vector_diversity", *cosine([i["vectors"] for i in row["items"]], widths)))
            for metric, unlike, known in found:
                for k in ks:
                    inside = known & np.triu(np.outer(place <= k, place <= k), 1)
                    if inside.any():
                        entry = total.setdefault((row["recommender"], row["role"], metric, k), [0, 0])
                        entry[0] += 1
                        entry[1] += round(float(unlike[inside].mean()) * FIXED)
    if total:
        columns = [list(c) for c in zip(*[(*key, *entry) for key, entry in sorted(total.items())], strict=True)]
        names = ["recommender", "role", "metric", "k", "users", "total"]
        types = [pa.string(), pa.string(), pa.string(), pa.int32(), pa.int64(), pa.int64()]
        arrays = [pa.array(c, t) for c, t in zip(columns, types, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, names=names)


def jaccard(tags: Sequence[Sequence[int]]) -> tuple[Floats, Any]:
    """1 - Jaccard index of each pair of sets (n, n), and whether both have a member."""
    place = {t: i for i, t in enumerate(sorted({t for mine in tags for t in mine}))}
    there = np.zeros((len(tags), len(place)))
    for i, mine in enumerate(tags):
        there[i, [place[t] for t in mine]] = 1
    size, both = there.sum(axis=1), there @ there.T
    known = (size[:, None] > 0) & (size[None, :] > 0)
    return 1 - both / np.maximum(size[:, None] + size[None, :] - both, 1), known


def cosine(vectors: Sequence[Sequence[float]], widths: Sequence[int]) -> tuple[Floats, Any]:
    """1 - mean cosine of each pair (n, n) over the names that both have, and whether there is one.

    vectors: for each name 1 and its numbers at unit length, or as many zeros; or nothing.
    """
    n, wide = len(vectors), sum(widths) + len(widths)
    rows_ = np.array([v if len(v) == wide else np.zeros(wide) for v in vectors], float).reshape(n, wide)
    near, shared, start = np.zeros((n, n)), np.zeros((n, n)), 0
    for width in widths:
        flag, part = rows_[:, start], rows_[:, start + 1 : start + 1 + width]
        near, shared, start = near + part @ part.T, shared + np.outer(flag, flag), start + 1 + width
    return 1 - near / np.maximum(shared, 1), shared > 0
