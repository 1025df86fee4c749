"""Ranking metrics of lists with ties, and the bootstrap's weights: numpy alone, run by executors.

Denominators, of a user with t targets (distinct items of the role, those that no list can hold included), at k:

    hr         1 if the first k hold a target, else 0
    recall     hits / min(k, t): 1 is within reach whatever t is (plain recall, over t, is this times min(k, t) / t)
    precision  hits / k, also where the list is shorter than k
    ndcg       sum of 1 / log2(rank + 1) of the hits / the same sum of the ranks 1 .. min(k, t)
    mrr        1 / rank of the first hit, 0 where there is none among the first k
    map        sum over hits of (hits so far / rank) / min(k, t) (trec_eval's map_cut divides by t)

With one target (leave-one-out) recall is hr, ndcg is 1 / log2(rank + 1), map is mrr. Means are over all users with a
target; a user without a list counts as 0.

Items of a list that share a score stand in no order: every metric is its expectation over all orders of each block
of equal scores (McSherry and Najork 2008, "Computing information retrieval performance measures efficiently in the
presence of tied scores"). A block that the list's end cuts off cannot be seen beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

METRICS = ("recall", "hr", "precision", "ndcg", "mrr", "map")
#: Values are summed as integers of 2^-30: the same sums under any partitioning.
FIXED = 1 << 30

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def expected(hits: NDArray[np.bool_], scores: Floats, targets: Ints, ks: Sequence[int]) -> Floats:
    """Values (n, len(ks), 6) of `METRICS` at each k, one row a list.

    hits (n, K): whether the item at a position is a target, False after the list's end. scores (n, K): best first,
    NaN after the end. targets (n,): how many targets the user has, at least 1.
    """
    n, width = hits.shape
    if width == 0:
        return np.zeros((n, len(ks), len(METRICS)))
    block, first = _blocks(scores)
    size = np.bincount(block.ravel(), minlength=n * width)[block].astype(float)
    inside = np.bincount(block.ravel(), hits.ravel().astype(float), n * width)[block]
    earlier = np.take_along_axis(np.cumsum(hits, axis=1) - hits, first, axis=1).astype(float)
    place = np.arange(width) - first  # 0-based place inside the block
    rank = np.arange(width) + 1.0

    share = inside / size
    precision = share * (earlier + 1 + place * (inside - 1) / np.maximum(size - 1, 1)) / rank
    # The first hit lies in the first block that has one; inside it the chance at each place is hypergeometric.
    chance = np.where(earlier == 0, np.minimum(inside / (size - place), 1.0), 0.0)
    missed = np.cumprod(1 - chance, axis=1)
    at = chance * np.concatenate([np.ones((n, 1)), missed[:, :-1]], axis=1)
    found = (share, at, share / np.log2(rank + 1), at / rank, precision)
    # Running sums, one after the other: how far a batch's lists are padded changes no bit.
    return _divided([np.cumsum(x, axis=1)[:, [min(k, width) - 1 for k in ks]] for x in found], targets, ks)


def of_hits(row: Ints, place: Ints, n: int, targets: Ints, ks: Sequence[int]) -> Floats:
    """`expected` where no hit shares its score: row and 0-based place of each hit, by row, then place."""
    order = np.arange(len(row)) - np.searchsorted(row, row)  # earlier hits of the same list
    rank = place + 1.0
    terms = (np.ones(len(row)), (order == 0) * 1.0, 1 / np.log2(rank + 1), (order == 0) / rank, (order + 1) / rank)
    out = np.zeros((len(terms), n, len(ks)))
    for i, k in enumerate(ks):
        inside = place < k
        for total, term in zip(out, terms, strict=True):
            total[:, i] = np.bincount(row[inside], term[inside], n)
    return _divided(out, targets, ks)


def ideal(best: Ints) -> Floats:
    """DCG of so many hits at the top."""
    return np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(best.max(initial=1)) + 2.0))])[best]


def spread(gains: Floats, scores: Floats) -> Floats:
    """Expected gain (n, K) at each position of a list: the mean over its block of equal scores."""
    n, width = gains.shape
    if width == 0:
        return gains
    block, _ = _blocks(scores)
    size = np.bincount(block.ravel(), minlength=n * width)[block]
    return np.bincount(block.ravel(), gains.ravel(), n * width)[block] / size


def _divided(found: Sequence[Floats] | Floats, targets: Ints, ks: Sequence[int]) -> Floats:
    """Sums over the first k of hits, of the first hit, of DCG, of 1 / rank of the first and of precision (each n,
    len(ks)) by their denominators: (n, len(ks), 6)."""
    hits, first, dcg, mrr, precision = found
    k = np.array(ks)
    best = np.minimum(targets[:, None], k)
    return np.stack([hits / best, first, hits / k, dcg / ideal(best), mrr, precision / best], axis=2)


def _blocks(scores: Floats) -> tuple[Ints, Ints]:
    """(n, K) number of each position's block of equal scores, and the position where the block begins."""
    n, width = scores.shape
    starts = np.ones((n, width), bool)
    starts[:, 1:] = scores[:, 1:] != scores[:, :-1]  # NaN is no tie
    block = np.cumsum(starts, axis=1) - 1 + np.arange(n)[:, None] * width
    return block, np.maximum.accumulate(np.where(starts, np.arange(width), 0), axis=1)


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
