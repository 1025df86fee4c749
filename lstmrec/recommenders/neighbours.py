"""Executor side of item-kNN: co-occurrence counts of one part of the catalogue, by numpy. No pyspark here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

SCHEMA = pa.schema([("item", pa.int32()), ("other", pa.int32()), ("weight", pa.int64())])
_FLUSH = 500_000
Ints = np.ndarray[Any, Any]


def nearest(n: int, shrink: float, fixed: int) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The body of a mapInArrow over rows (part, mine, basket), sorted by part and, within, null `mine` first.

    basket: a user's item ids, distinct; mine: those of them that belong to the part. The row with null `mine` holds
    in `basket` the users of every item of the catalogue. Out: for each item of the part its n nearest others by
    cosine co / (sqrt(users * users) + shrink), as integers of 1 / fixed, falling, ties by id; zeros left out.
    """

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        part: int | None = None
        users: Ints = np.zeros(0, np.int64)
        baskets: list[Ints] = []
        who: dict[int, list[int]] = defaultdict(list)
        for batch in batches:
            column = {name: batch.column(i) for i, name in enumerate(batch.schema.names)}
            for i in range(batch.num_rows):
                if (here := column["part"][i].as_py()) != part:
                    yield from _part(who, baskets, users, n, shrink, fixed)
                    part, baskets, who = here, [], defaultdict(list)
                basket = column["basket"][i].values.to_numpy(zero_copy_only=False)
                if not column["mine"][i].is_valid:
                    users = basket.astype(np.int64)
                    continue
                for item in column["mine"][i].values.to_numpy(zero_copy_only=False).tolist():
                    who[item].append(len(baskets))
                baskets.append(basket.copy())  # not a view: the batch may go
        yield from _part(who, baskets, users, n, shrink, fixed)

    return run


def _part(who: dict[int, list[int]], baskets: list[Ints], users: Ints, n: int, shrink: float, fixed: int
          ) -> Iterator[pa.RecordBatch]:  # fmt: skip
    rows: list[tuple[Ints, Ints, Ints]] = []
    held = 0
    for item in sorted(who):
        others, co = _count(np.concatenate([baskets[u] for u in who[item]]), len(users))
        cosine = co / (np.sqrt(users[item] * users[others].astype(np.float64)) + shrink)
        weight = np.floor(cosine * fixed + 0.5).astype(np.int64)
        weight[others == item] = 0
        first = _first(weight, n)
        rows.append((np.full(len(first), item, np.int32), others[first].astype(np.int32), weight[first]))
        held += len(first)
        if held > _FLUSH:
            yield _batch(rows)
            rows, held = [], 0
    if rows:
        yield _batch(rows)


def _count(items: Ints, size: int) -> tuple[Ints, Ints]:
    """Distinct values, ascending, and how often each is there; by whichever way touches less memory."""
    if len(items) < size // 4:
        return np.unique(items, return_counts=True)
    count = np.bincount(items, minlength=size)
    present = np.flatnonzero(count)
    return present, count[present]


def _first(weight: Ints, n: int) -> Ints:
    """Places of the n largest positive weights, falling, ties by place."""
    places = np.flatnonzero(weight > 0)
    if len(places) > n:
        least = -np.partition(-weight[places], n - 1)[n - 1]
        places = places[weight[places] >= least]
    return places[np.argsort(-weight[places], kind="stable")][:n]


def _batch(rows: list[tuple[Ints, Ints, Ints]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(np.concatenate(c)) for c in zip(*rows, strict=True)], schema=SCHEMA)
