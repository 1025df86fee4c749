"""Executor side of blends: what each item is worth in the lists of a user, together and under many weights. No pyspark.

An item is worth so much in a list, in 2^-30; weights are whole numbers, so that sums are exact in any order of the
parts. Items of equal score share their places: neither order nor vocabulary decides among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.compute import take

from lstmrec.recommenders.ranker import SCHEMA, Ints

FIGURES = "place int, ndcg bigint, users bigint"
_FIGURES = pa.schema([("place", pa.int32()), ("ndcg", pa.int64()), ("users", pa.int64())])
#: A worth of 1, and a sum of weights of 1 in lists.
UNIT, WEIGHTS = 1 << 30, 1 << 20


def worth(lists: Ints, scores: Ints, by: str, offset: int) -> Ints:
    """What each item is worth in its list (`lists` says which, rising), in 2^-30; scores fall within a list.

    reciprocal_rank: 1 / (offset + rank), the rank of items of equal score being the mean of theirs. score: 1 at the
    largest, 1 / n at the smallest of n scores, in between in proportion; 1 where all are equal.
    """
    n, at = len(lists), np.arange(len(lists))
    starts = np.ones(n, bool)
    starts[1:] = lists[1:] != lists[:-1]
    first = np.maximum.accumulate(np.where(starts, at, 0))
    size = np.bincount(np.cumsum(starts) - 1, minlength=int(starts.sum()))[np.cumsum(starts) - 1]
    if by == "score":
        high, low = scores[first].astype(np.float64), scores[first + size - 1].astype(np.float64)
        share = np.where(high > low, (scores - low) / np.where(high > low, high - low, 1.0), 1.0)
        return _whole((share + (1 - share) / size) * UNIT)
    begins = starts.copy()
    begins[1:] |= scores[1:] != scores[:-1]
    block = np.cumsum(begins) - 1
    rank = (np.bincount(block, at - first + 1.0) / np.bincount(block))[block]
    return _whole(UNIT / (offset + rank))


def _whole(values: Ints) -> Ints:
    return np.asarray(np.floor(values + 0.5), np.int64)


@dataclass(frozen=True)
class Items:
    """The items of a batch's lists, one after the other: user, part, weight and place (from 0) of each, what it is
    worth, tie, code (rising with the id); names: code -> id."""

    user: Ints
    part: Ints
    weight: Ints
    place: Ints
    worth: Ints
    tie: Ints
    code: Ints
    names: pa.Array

    @staticmethod
    def of(column: pa.Array, by: str, offset: int) -> Items:
        """Of parts: a list of (part, weight, items) a user, items a list of (item_id, score, tie)."""
        ends, rows = _inside(column)
        lists = rows.field("items")
        at, items = _inside(lists)
        sizes, whose = np.diff(at), np.repeat(np.arange(len(column)), np.diff(ends))
        row = np.repeat(np.arange(len(sizes)), sizes)
        coded = items.field("item_id").dictionary_encode()
        order = pc.array_sort_indices(coded.dictionary)
        place_of = np.empty(len(order), np.int64)
        place_of[order.to_numpy()] = np.arange(len(order))
        scores = items.field("score").to_numpy(zero_copy_only=False)
        part, weight = (rows.field(name).to_numpy(zero_copy_only=False)[row] for name in ("part", "weight"))
        return Items(
            whose[row], part, weight.astype(np.int64), np.arange(len(row)) - at[row], worth(row, scores, by, offset),
            items.field("tie").to_numpy(zero_copy_only=False), place_of[coded.indices.to_numpy(zero_copy_only=False)],
            take(coded.dictionary, order),
        )  # fmt: skip

    def distinct(self) -> tuple[Ints, Ints]:
        """(where each distinct item of each user first stands, which of these each row is)."""
        _, first, which = np.unique(self.user * max(len(self.names), 1) + self.code, return_index=True,
                                    return_inverse=True)  # fmt: skip
        return first, which


def best(batches: Iterator[pa.RecordBatch], by: str, offset: int, k: int | None) -> Iterator[pa.RecordBatch]:
    """The body of a mapInArrow over rows user_id, parts: for each user the k items (all, without k) of most votes above
    0; score = the weighted sum of what they are worth; ties by the best place in a list, then the usual ones."""
    for batch in batches:
        items = Items.of(batch.column("parts"), by, offset)
        first, which = items.distinct()
        votes, place = np.zeros(len(first), np.int64), np.full(len(first), np.iinfo(np.int64).max)
        np.add.at(votes, which, items.weight * items.worth)
        np.minimum.at(place, which[items.weight > 0], items.place[items.weight > 0])
        user = items.user[first]
        order = np.lexsort((items.code[first], items.tie[first], place, -votes, user))
        order = order[votes[order] > 0]
        user = user[order]
        if k is not None:
            among = np.arange(len(user)) - np.searchsorted(user, user)
            order, user = order[among < k], user[among < k]
        ends = np.searchsorted(user, np.arange(batch.num_rows + 1)).astype(np.int32)
        names = take(items.names, pa.array(items.code[first][order]))
        scores = pa.array((votes[order] / float(UNIT * WEIGHTS)).astype(np.float32))
        pairs = pa.StructArray.from_arrays([names.cast(pa.string()), scores], names=["item_id", "score"])
        yield pa.RecordBatch.from_arrays([batch.column("user_id"), pa.ListArray.from_arrays(ends, pairs)],
                                         schema=SCHEMA)  # fmt: skip


def figures(batches: Iterator[pa.RecordBatch], grid: Sequence[Sequence[int]], by: str, offset: int, k: int
            ) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The body of a mapInArrow over rows parts, targets (distinct ids): for each place of the grid the sum over users
    of NDCG at k, expected over the orders of equal votes (as `frames.expected` has it), in 2^-30, and how many."""
    weights = np.array(grid, np.float64).T  # whole numbers: products and sums stay below 2^53
    sums, users = np.zeros(len(grid), np.int64), 0
    gain = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(k) + 2.0))])
    for batch in batches:
        items, wanted = Items.of(batch.column("parts"), by, offset), batch.column("targets").to_pylist()
        first, which = items.distinct()
        table = np.zeros((len(first), len(weights)))
        np.add.at(table, (which, items.part), items.worth)
        ends = np.searchsorted(items.user[first], np.arange(batch.num_rows + 1))
        names = take(items.names, pa.array(items.code[first])).to_pylist()
        users += batch.num_rows
        for u, mine in enumerate(wanted):
            asked = set(mine)
            hits = [i for i in range(ends[u], ends[u + 1]) if names[i] in asked]
            if hits:
                found = _ndcg(table[ends[u] : ends[u + 1]] @ weights, np.array(hits) - ends[u], gain)
                sums += _whole(found / gain[min(k, len(mine))] * UNIT)
    yield pa.RecordBatch.from_arrays(
        [pa.array(np.arange(len(grid), dtype=np.int32)), pa.array(sums),
         pa.array(np.full(len(grid), users, np.int64))], schema=_FIGURES,
    )  # fmt: skip


def _ndcg(votes: Ints, hits: Ints, gain: Ints) -> Ints:
    """DCG of each column of votes (items, columns): gain[r] is that of hits at all of the first r places."""
    total, k = np.zeros(votes.shape[1]), len(gain) - 1
    for hit in hits:
        mine = votes[hit]
        above, same = (votes > mine).sum(axis=0), (votes == mine).sum(axis=0)
        share = (gain[np.minimum(above + same, k)] - gain[np.minimum(above, k)]) / same
        total += np.where(mine > 0, share, 0.0)
    return total


def _inside(lists: pa.Array) -> tuple[Ints, pa.Array]:
    """(where each list begins, and the end; what they hold): null lists are empty."""
    return np.concatenate([[0], np.diff(lists.offsets.to_numpy())]).cumsum().astype(np.int64), lists.flatten()
