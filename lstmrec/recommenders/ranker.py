"""Executor side of recommenders that score a whole catalogue for each user: votes in, the best k that may be shown out.
No pyspark here.

Votes are integers (products of weights in 2^-20), whose sums are the same in whatever order they are taken, and ties
fall to the lower item: items are numbered in the order of ties.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

ITEM, PEER, USER = 0, 1, 2
#: Rows of a part, sorted by (part, kind, id): the catalogue (id from 0 without gaps, item_id, everybody, segments),
#: peers (id) if there are any, then the users to score (user_id, segment, seen: items not to be shown, id: which
#: peer that is, if one). All have keys
#: and weights, what they mean is the scorer's.
DDL = ("part int, kind int, id int, item_id string, everybody boolean, segments array<string>, user_id string, segment "
       "string, seen array<int>, keys array<int>, weights array<int>")  # fmt: skip
OUT = "user_id string, own array<struct<item_id:string,score:float>>"
SCHEMA = pa.schema([
    ("user_id", pa.string()),
    ("own", pa.list_(pa.struct([("item_id", pa.string()), ("score", pa.float32())]))),
])  # fmt: skip
Ints = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Rows:
    """keys and weights of rows, one after the other; row r has keys[at[r]:at[r + 1]], weights[of[r]:of[r + 1]]."""

    at: Ints
    keys: Ints
    of: Ints
    weights: Ints

    def __len__(self) -> int:
        return len(self.at) - 1

    def row(self, r: int) -> tuple[Ints, Ints]:
        return self.keys[self.at[r] : self.at[r + 1]], self.weights[self.of[r] : self.of[r + 1]]

    def owners(self) -> Ints:
        """The row of each key."""
        return np.repeat(np.arange(len(self)), np.diff(self.at))

    @staticmethod
    def of_batches(batches: list[pa.RecordBatch]) -> Rows:
        at, keys = _flat([b.column("keys") for b in batches])
        of, weights = _flat([b.column("weights") for b in batches])
        return Rows(at, keys, of, weights)


#: A user's (keys, weights, id as a peer or -1) -> an integer an item of the catalogue, an array of its own.
Score = Callable[[Ints, Ints, int], Ints]
#: (catalogue, peers) -> what scores a user.
Scorer = Callable[[Rows, Rows], Score]


@dataclass
class World:
    """What all users of a part are scored against."""

    batches: tuple[list[pa.RecordBatch], list[pa.RecordBatch]] = field(default_factory=lambda: ([], []))
    _made: tuple[Score, Ints, Ints, list[frozenset[str]]] | None = None
    _open: dict[str | None, Ints] = field(default_factory=dict)

    def made(self, scorer: Scorer) -> tuple[Score, Ints]:
        """(what scores a user, the ids of the catalogue), made with the first user of the part."""
        if self._made is None:
            items, peers = self.batches
            rows = pa.Table.from_batches(items) if items else None
            names = np.array([] if rows is None else rows["item_id"].to_pylist(), object)
            open_ = np.asarray([] if rows is None else rows["everybody"].to_numpy(), bool)
            whom = [] if rows is None else [frozenset(x or ()) for x in rows["segments"].to_pylist()]
            self._made = scorer(Rows.of_batches(items), Rows.of_batches(peers)), names, open_, whom
            self.batches = ([], [])
        return self._made[0], self._made[1]

    def shut(self, segment: str | None) -> Ints:
        """The items that users of a segment are never shown."""
        assert self._made is not None
        if segment not in self._open:
            _, _, everybody, whom = self._made
            self._open[segment] = np.flatnonzero(~everybody & ~np.array([segment in w for w in whom], bool))
        return self._open[segment]


def best(batches: Iterator[pa.RecordBatch], scorer: Scorer, k: int | None, unit: float) -> Iterator[pa.RecordBatch]:
    """The body of a mapInArrow over rows of DDL: for each user the k items (all, without k) of most votes above 0 that
    may be shown; score = votes / unit."""
    part, world = None, World()
    for batch in batches:
        marks = batch.column("part").to_numpy(), batch.column("kind").to_numpy()
        ends = np.flatnonzero((np.diff(marks[0]) != 0) | (np.diff(marks[1]) != 0)) + 1
        for start, end in zip([0, *ends], [*ends, batch.num_rows], strict=True):
            if start == end:
                continue
            if marks[0][start] != part:
                part, world = marks[0][start], World()
            some, kind = batch.slice(int(start), int(end - start)), int(marks[1][start])
            if kind == USER:
                yield _scored(some, world, scorer, k, unit)
            else:
                world.batches[kind].append(some)


def _scored(users: pa.RecordBatch, world: World, scorer: Scorer, k: int | None, unit: float) -> pa.RecordBatch:
    (score, names), rows = world.made(scorer), Rows.of_batches([users])
    at, seen = _flat([users.column("seen")])
    segments, ids = users.column("segment").to_pylist(), users.column("id").to_pylist()
    places: list[Ints] = []
    votes: list[Ints] = []
    for u in range(len(rows)):
        mine = score(*rows.row(u), -1 if ids[u] is None else ids[u])
        mine[seen[at[u] : at[u + 1]]] = 0
        mine[world.shut(segments[u])] = 0
        places.append(first(mine, k))
        votes.append(mine[places[-1]])
    offsets = np.cumsum([0, *map(len, places)]).astype(np.int32)
    items = pa.array(names[_joined(places)].tolist(), pa.string())
    scores = pa.array((_joined(votes) / unit).astype(np.float32))
    own = pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays([items, scores], names=["item_id", "score"]))
    return pa.RecordBatch.from_arrays([users.column("user_id"), own], schema=SCHEMA)


def first(votes: Ints, k: int | None) -> Ints:
    """Places of the k largest positive votes (of all, without k), falling, ties by place."""
    places = np.flatnonzero(votes > 0)
    if k is not None and len(places) > k:
        least = -np.partition(-votes[places], k - 1)[k - 1]
        places = places[votes[places] >= least]
    return places[np.argsort(-votes[places], kind="stable")][:k]


def _flat(lists: list[pa.Array]) -> tuple[Ints, Ints]:
    """(where each list begins, and the end; all values): null lists are empty. Copies: a batch may go."""
    sizes = [np.diff(x.offsets.to_numpy()) for x in lists]
    values = [x.flatten().to_numpy(zero_copy_only=False) for x in lists]
    ends = np.concatenate([[0], *sizes]).cumsum().astype(np.int64)
    return ends, np.concatenate([np.zeros(0, np.int32), *values])


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *parts])
