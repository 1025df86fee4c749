"""Executor side of ALS: a user's vector from the items' factors, and what it says of every item. No pyspark here."""

from __future__ import annotations

import numpy as np

from lstmrec.contracts.units import FIXED
from lstmrec.recommenders.ranker import Ints, Rows, Score

#: Votes are sums of doubles that hold whole numbers, exact in any order below this.
_MOST = float(1 << 52)


def folded(factors: Ints, square: Ints, keys: Ints, counts: Ints, reg: float, alpha: float) -> Ints:
    """The user's vector x (float64) that minimises, with Y fixed, the objective that MLlib's ALS minimises:

        sum over all items i of c_i (p_i - x y_i)^2 + reg * n * x x

    p_i = 1 and c_i = 1 + alpha * counts_i for the n items `keys`, p_i = 0 and c_i = 1 for all others. factors: Y
    (items, rank); square: Y'Y.
    """
    mine, more = factors[keys], alpha * counts.astype(np.float64)
    left = square + (mine.T * more) @ mine
    left.flat[:: len(left) + 1] += reg * len(keys)
    return np.linalg.solve(left, mine.T @ (1 + more))


def scorer(items: Rows, peers: Rows, reg: float, alpha: float) -> Score:
    """Votes in 2^-40: the user's vector, to 2^-20, times each item's."""
    n = len(items)
    whole = items.weights.reshape(n, -1).astype(np.float64) if n else np.zeros((0, 1))
    factors = whole / FIXED
    square = factors.T @ factors

    def votes(keys: Ints, weights: Ints, own: int) -> Ints:
        if len(keys) == 0:
            return np.zeros(n, np.int64)
        mine = np.floor(folded(factors, square, keys, weights, reg, alpha) * FIXED + 0.5)
        return np.clip(whole @ mine, -_MOST, _MOST).astype(np.int64)

    return votes
