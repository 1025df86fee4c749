"""Executor side of EASE: co-occurrence counts, the closed form, and a user's votes, by numpy. No pyspark here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from lstmrec.recommenders.ranker import Ints, Rows, Score, first

#: Largest weight either way, in 2^-20, that an int holds.
_MOST = 2**31 - 1
_COUNTS = pa.schema([("id", pa.int32()), ("counts", pa.list_(pa.int32()))])
_WEIGHTS = pa.schema([("id", pa.int32()), ("keys", pa.list_(pa.int32())), ("weights", pa.list_(pa.int32()))])
COUNTS_DDL = "id int, counts array<int>"
WEIGHTS_DDL = "id int, keys array<int>, weights array<int>"
_FLUSH = 4_000_000


def gram(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The body of a mapInArrow over rows (part, mine, basket), each part in one partition.

    basket: a user's items, distinct; mine: those of them that belong to the part. Out: for each item with a user its
    id and how many users have it together with the items 0, 1, ... up to the largest met.
    """
    who: dict[int, list[int]] = defaultdict(list)
    baskets: list[Ints] = []
    for batch in batches:
        column = {name: batch.column(i) for i, name in enumerate(batch.schema.names)}
        for i in range(batch.num_rows):
            for item in column["mine"][i].values.to_numpy(zero_copy_only=False).tolist():
                who[item].append(len(baskets))
            baskets.append(column["basket"][i].values.to_numpy(zero_copy_only=False).copy())  # no view: it may go
    ids: list[int] = []
    rows: list[Ints] = []
    for item in sorted(who):
        ids.append(item)
        rows.append(np.bincount(np.concatenate([baskets[u] for u in who[item]])).astype(np.int32))
        if sum(map(len, rows)) > _FLUSH:
            yield pa.RecordBatch.from_arrays([pa.array(ids, pa.int32()), _lists(rows)], schema=_COUNTS)
            ids, rows = [], []
    if ids:
        yield pa.RecordBatch.from_arrays([pa.array(ids, pa.int32()), _lists(rows)], schema=_COUNTS)


def solved(batches: Iterator[pa.RecordBatch], l2: float, neighbours: int | None, fixed: int
           ) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The body of a mapInArrow over all rows (id, counts) in one partition, by id from 0 without gaps.

    Out: id, keys, weights: what having item `id` says for the others, in 1 / fixed. keys: the `neighbours` of largest
    weight either way, ties by id; null where all are kept: weights then holds every item's.
    """
    rows: list[Ints] = []
    for batch in batches:
        rows += [x.values.to_numpy(zero_copy_only=False).copy() for x in batch.column(1)]
    weights = closed_form(rows, l2)
    np.multiply(weights, fixed, out=weights)
    weights += 0.5
    whole = np.clip(np.floor(weights, out=weights), -_MOST, _MOST).astype(np.int32)
    step = max(1, _FLUSH // max(1, len(rows)))
    for start in range(0, len(rows), step):
        some = list(whole[start : start + step])
        ids = pa.array(np.arange(start, start + len(some), dtype=np.int32))
        if neighbours is None:
            keys = pa.nulls(len(some), pa.list_(pa.int32()))
        else:
            kept = [np.sort(first(np.abs(row.astype(np.int64)), neighbours)).astype(np.int32) for row in some]
            some, keys = [row[k] for row, k in zip(some, kept, strict=True)], _lists(kept)
        yield pa.RecordBatch.from_arrays([ids, keys, _lists(some)], schema=_WEIGHTS)


def closed_form(counts: list[Ints], l2: float) -> Ints:
    """B = I - P / diag(P), P = (X'X + l2 I)^-1 (Steck 2019, equation 8), zero on the diagonal; float64. counts: rows
    of X'X, which may stop at their last item."""
    n = len(counts)
    gram = np.zeros((n, n), np.float64)
    for i, row in enumerate(counts):
        gram[i, : len(row)] = row
    gram.flat[:: n + 1] += l2
    inverse = np.linalg.inv(gram)
    inverse /= -np.diag(inverse).copy()
    np.fill_diagonal(inverse, 0.0)
    return inverse


def scorer(items: Rows, peers: Rows) -> Score:
    """Votes: the sum over a user's items of their weights."""
    n = len(items)
    if len(items.keys) == 0 and n and len(items.weights) == n * n:
        dense = items.weights.reshape(n, n)
        return lambda keys, weights, own: dense[keys].sum(axis=0, dtype=np.int64)

    def votes(keys: Ints, weights: Ints, own: int) -> Ints:
        found = np.zeros(n, np.int64)
        for item in keys:
            near, weight = items.row(item)
            found[near] += weight  # an item's keys are distinct
        return found

    return votes


def _lists(rows: list[Ints]) -> pa.ListArray:
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(np.concatenate([np.zeros(0, np.int32), *rows]).astype(np.int32)))
