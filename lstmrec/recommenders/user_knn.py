"""Executor side of user-kNN over weighted items: votes of the nearest users, by numpy. No pyspark here."""

from __future__ import annotations

import numpy as np

from lstmrec.contracts.units import FIXED
from lstmrec.recommenders.ranker import Ints, Rows, Score, first


class Peers:
    """Sparse vectors of users, also by item."""

    def __init__(self, items: Rows, peers: Rows) -> None:
        self.rows, self.n = peers, len(items)
        self.weights = peers.weights.astype(np.float64)  # whole numbers, whose products and sums stay below 2^53
        owner, order = peers.owners(), np.argsort(peers.keys, kind="stable")
        self._who, self._weight = owner[order], self.weights[order]
        self._at = np.searchsorted(peers.keys[order], np.arange(self.n + 1))
        self.squares = np.bincount(owner, self.weights**2, minlength=len(peers))

    def dots(self, keys: Ints, weights: Ints) -> Ints:
        """The inner product of a user's vector with everybody's, exact."""
        found = np.zeros(len(self.rows), np.float64)
        for item, weight in zip(keys.tolist(), weights.tolist(), strict=True):
            some = slice(self._at[item], self._at[item + 1])
            found[self._who[some]] += self._weight[some] * weight  # a peer has an item once
        return found

    def summed(self, peers: Ints, shares: Ints) -> Ints:
        """The sum of the vectors of some peers, each times its share."""
        found = np.zeros(self.n, np.int64)
        for peer, share in zip(peers.tolist(), shares.tolist(), strict=True):
            keys, weights = self.rows.row(peer)
            found[keys] += weights.astype(np.int64) * share
        return found


def up_cf(items: Rows, peers: Rows, neighbours: int, alpha: float, locality: float) -> Score:
    """Votes: the user's own weights, plus those of the nearest users times similarity^locality; similarity: asymmetric
    cosine xy / (xx^alpha yy^(1 - alpha))."""
    all_ = Peers(items, peers)
    # Powers by Python's own float: numpy's may differ in the last bit with the place in the array.
    norms = np.array([x ** (1 - alpha) for x in all_.squares.tolist()])

    def votes(keys: Ints, weights: Ints, own: int) -> Ints:
        found = np.zeros(all_.n, np.int64)
        found[keys] = weights.astype(np.int64) * FIXED
        square = float((weights.astype(np.float64) ** 2).sum())
        near = np.floor(all_.dots(keys, weights) / (square**alpha * norms) * FIXED + 0.5).astype(np.int64)
        if own >= 0:
            near[own] = 0
        nearest = first(near, neighbours)
        shares = [int((x / FIXED) ** locality * FIXED + 0.5) for x in near[nearest].tolist()]
        return found + all_.summed(nearest, np.array(shares, np.int64))

    return votes


def tifu(items: Rows, peers: Rows, neighbours: int, alpha: float) -> Score:
    """Votes: alpha times the user's own weights, plus (1 - alpha) times the mean of those of the users at the smallest
    Euclidean distance, ties by place."""
    all_ = Peers(items, peers)

    def votes(keys: Ints, weights: Ints, own: int) -> Ints:
        found = np.zeros(all_.n, np.int64)
        found[keys] = weights.astype(np.int64) * round(alpha * FIXED)
        # The user's own square is the same for all.
        far = (all_.squares - 2 * all_.dots(keys, weights)).astype(np.int64)
        others = np.delete(np.arange(len(far)), own) if own >= 0 else np.arange(len(far))
        near = far.max(initial=0) + 1 - far[others]
        nearest = others[first(near, neighbours)]
        if len(nearest) == 0:
            return found
        share = round((1 - alpha) / len(nearest) * FIXED)
        return found + all_.summed(nearest, np.full(len(nearest), share))

    return votes
