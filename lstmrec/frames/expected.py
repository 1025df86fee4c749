"""Ranking metrics of lists with ties, and their sums over bootstrap resamples: numpy and Arrow, run by executors.

Items of a list that share a score stand in no order: every metric is its expectation over all orders of each block
of equal scores (McSherry and Najork 2008, "Computing information retrieval performance measures efficiently in the
presence of tied scores"). A block that the list's end cuts off cannot be seen beyond it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

METRICS = ("recall", "hr", "precision", "ndcg", "mrr", "map")
#: Values are summed as integers of 2^-30: the same sums under any partitioning.
FIXED = 1 << 30
SHORT, LONG = 20, 100

Floats = NDArray[np.float64]


def expected(hits: NDArray[np.bool_], scores: Floats, targets: NDArray[np.int64], k: int) -> Floats:
    """Values (n, 6) of `METRICS` at k, one row a list.

    hits (n, K): whether the item at a position is a target, False after the list's end. scores (n, K): best first,
    NaN after the end. targets (n,): how many targets the user has, at least 1. Recall and MAP divide by
    min(k, targets), and so does the ideal of NDCG.
    """
    n, width = hits.shape
    if width == 0:
        return np.zeros((n, len(METRICS)))
    starts = np.ones((n, width), bool)
    starts[:, 1:] = scores[:, 1:] != scores[:, :-1]  # NaN is no tie
    position = np.arange(width)
    block = np.cumsum(starts, axis=1) - 1 + np.arange(n)[:, None] * width
    size = np.bincount(block.ravel(), minlength=n * width)[block].astype(float)
    inside = np.bincount(block.ravel(), hits.ravel().astype(float), n * width)[block]
    first = np.maximum.accumulate(np.where(starts, position, 0), axis=1)
    earlier = np.take_along_axis(np.cumsum(hits, axis=1) - hits, first, axis=1).astype(float)
    place = position - first  # 0-based place inside the block

    cut = min(k, width)
    rank = (position + 1.0)[:cut]
    share, inside, size = (inside / size)[:, :cut], inside[:, :cut], size[:, :cut]
    earlier, place = earlier[:, :cut], place[:, :cut]
    found = share.sum(axis=1)
    dcg = (share / np.log2(rank + 1)).sum(axis=1)
    precision_sum = (share * (earlier + 1 + place * (inside - 1) / np.maximum(size - 1, 1)) / rank).sum(axis=1)
    # The first hit lies in the first block that has one; inside it the chance at each place is hypergeometric.
    chance = np.where(earlier == 0, np.minimum(inside / (size - place), 1.0), 0.0)
    missed = np.cumprod(1 - chance, axis=1)
    at = chance * np.concatenate([np.ones((n, 1)), missed[:, :-1]], axis=1)

    best = np.minimum(targets, k)
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(k) + 2.0))])[best]
    columns = (found / best, at.sum(axis=1), found / k, dcg / ideal, (at / rank).sum(axis=1), precision_sum / best)
    return np.stack(columns, axis=1)


def weights(keys: NDArray[np.int64], resamples: int) -> Floats:
    """Poisson(1) weights (n, 1 + resamples) of the bootstrap, by the user's key alone; column 0 is all ones.

    The same user weighs the same for every recommender, so that differences are paired (Hanley and MacGibbon 2006).
    """
    step = np.arange(1, resamples + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = keys.astype(np.int64).view(np.uint64)[:, None] + step[None, :]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)  # splitmix64
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    uniform = ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
    terms = np.cumprod(np.concatenate([[np.exp(-1.0)], 1 / np.arange(1.0, 18.0)]))
    drawn = np.searchsorted(np.cumsum(terms), uniform, side="right").astype(float)
    return np.concatenate([np.ones((len(keys), 1)), drawn], axis=1)


def columns(ks: Sequence[int]) -> list[str]:
    """`recall_10` and so on: metrics for each k."""
    return [f"{metric}_{k}" for k in ks for metric in METRICS]


def sums(batches: Iterator[Any], ks: Sequence[int], resamples: int, repeats: bool) -> Iterator[Any]:
    """Per (recommender, role, slice, resample): the weight of users and the weighted sums of their values x 2^30.

    In: recommender, role, key, history, scores, hits, again (hits the user had before), targets, targets_again.
    """
    totals: dict[tuple[str, str, str], NDArray[np.int64]] = {}
    for batch in batches:
        column = {name: batch.column(name) for name in batch.schema.names}
        names = list(zip(column["recommender"].to_pylist(), column["role"].to_pylist(), strict=True))
        weight = weights(column["key"].to_numpy(), resamples)
        for name, member, values in _slices(column, ks, repeats):
            for group in sorted(set(names)):
                rows = member & np.fromiter((g == group for g in names), bool, len(names))
                if rows.any():
                    # Exact in float64: below 2^30 * weight * rows of a batch.
                    part = weight[rows].T @ np.concatenate([np.ones((rows.sum(), 1)), values[rows]], axis=1)
                    key = (*group, name)
                    totals[key] = totals.get(key, 0) + part.astype(np.int64)
    for (recommender, role, name), total in sorted(totals.items()):
        count = len(total)
        arrays = [pa.array([text] * count) for text in (recommender, role, name)]
        arrays += [pa.array(np.arange(count, dtype=np.int32)), *(pa.array(total[:, i]) for i in range(total.shape[1]))]
        header = ["recommender", "role", "slice", "resample", "users", *columns(ks)]
        yield pa.RecordBatch.from_arrays(arrays, names=header)


def _slices(
    column: dict[str, Any], ks: Sequence[int], repeats: bool
) -> Iterator[tuple[str, NDArray[np.bool_], Floats]]:
    """Slices: name, which rows belong, values (rows, metrics) as whole numbers of 2^-30."""
    scores = _padded(column["scores"], np.nan)
    hits, again = _padded(column["hits"], 0.0) > 0, _padded(column["again"], 0.0) > 0
    targets, had = column["targets"].to_numpy().astype(np.int64), column["targets_again"].to_numpy().astype(np.int64)

    def values(which: NDArray[np.bool_], count: NDArray[np.int64]) -> Floats:
        parts = [expected(which, scores, np.maximum(count, 1), k) for k in ks]
        return np.rint(np.concatenate(parts, axis=1) * FIXED)

    history = column["history"].to_numpy()
    whole = values(hits, targets)
    yield "all", targets > 0, whole
    yield "history:short", (targets > 0) & (history < SHORT), whole
    yield "history:medium", (targets > 0) & (history >= SHORT) & (history < LONG), whole
    yield "history:long", (targets > 0) & (history >= LONG), whole
    if repeats:
        yield "repeat", had > 0, values(again, had)
        yield "explore", targets > had, values(hits & ~again, targets - had)


def _padded(lists: Any, fill: float) -> Floats:
    """An Arrow list column as a matrix."""
    size = lists.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    width = int(size.max(initial=0))
    out = np.full((len(size), width), fill)
    out[np.arange(width)[None, :] < size[:, None]] = lists.flatten().to_numpy(zero_copy_only=False).astype(float)
    return out
