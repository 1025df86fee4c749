"""Executor side of content and profile: sparse vectors of items against a user's, by numpy. No pyspark here."""

from __future__ import annotations

from math import fsum, sqrt

import numpy as np

from lstmrec.contracts.units import FIXED
from lstmrec.recommenders.ranker import Ints, Rows, Score


def scorer(items: Rows, peers: Rows) -> Score:
    """Votes: the cosine (in 2^-40) of items' vectors to the weighted sum of the user's items; its length is rounded to
    2^-20 in each feature. A user's keys are items, weights theirs."""
    features, places = np.unique(items.keys, return_inverse=True)
    order = np.argsort(places, kind="stable")
    who, weight = items.owners()[order], items.weights[order].astype(np.float64)
    at = np.searchsorted(places[order], np.arange(len(features) + 1))

    def votes(keys: Ints, weights: Ints, own: int) -> Ints:
        mean = np.zeros(len(features), np.float64)
        for item, w in zip(keys.tolist(), weights.tolist(), strict=True):
            some = slice(items.at[item], items.at[item + 1])
            mean[places[some]] += items.weights[some].astype(np.float64) * w  # whole numbers below 2^53
        there = np.flatnonzero(mean)
        norm = sqrt(fsum(x * x for x in mean[there].tolist()))
        found = np.zeros(len(items), np.float64)
        for feature in there.tolist():
            some = slice(at[feature], at[feature + 1])
            found[who[some]] += weight[some] * np.floor(mean[feature] / norm * FIXED + 0.5)
        return found.astype(np.int64)

    return votes


def over(at: Ints, keys: Ints, weights: Ints) -> Score:
    """`scorer` of a catalogue that is at hand: row r has keys[at[r]:at[r + 1]], and as many weights."""
    return scorer(Rows(at, keys, at, weights), Rows(at[:1], keys[:0], at[:1], weights[:0]))


def shares(items: Rows, peers: Rows) -> Score:
    """Votes: the sum over the user's groups (keys) of the share of their users that have the item, shrunk: of each
    item's share among all (the weight of the item), and of what the group's own say beside it.

    A peer's first weight is what counts of the share among all; the others are of its keys.
    """
    all_ = items.weights.astype(np.int64)

    def votes(keys: Ints, weights: Ints, own: int) -> Ints:
        found = np.zeros(len(items), np.int64)
        for group in keys.tolist():
            near, weight = peers.row(group)
            found += all_ * int(weight[0])
            found[near] += weight[1:].astype(np.int64) * FIXED
        return found

    return votes
