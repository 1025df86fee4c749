"""Executor side of session kNN, by numpy. No pyspark here."""

from __future__ import annotations

import numpy as np

from lstmrec.recommenders.ranker import Ints, Rows, Score, first


def scorer(items: Rows, peers: Rows, sample: int, neighbours: int) -> Score:
    """Votes (2^-40): of the `sample` first peers that share an item, the `neighbours` whose shared items weigh most,
    ties by place; each gives that sum times its largest shared weight to each of its items."""
    owner, order = peers.owners(), np.argsort(peers.keys, kind="stable")
    who, at = owner[order], np.searchsorted(peers.keys[order], np.arange(len(items) + 1))

    def votes(keys: Ints, weights: Ints, own: int) -> Ints:
        total, newest = np.zeros(len(peers), np.int64), np.zeros(len(peers), np.int64)
        for item, weight in zip(keys.tolist(), weights.tolist(), strict=True):
            some = who[at[item] : at[item + 1]]  # a session has an item once
            total[some] += weight
            newest[some] = np.maximum(newest[some], weight)
        if own >= 0:
            total[own] = 0
        met = np.flatnonzero(total)[:sample]
        found = np.zeros(len(items), np.int64)
        for peer in met[first(total[met], neighbours)].tolist():
            found[peers.row(peer)[0]] += total[peer] * newest[peer]
        return found

    return votes
