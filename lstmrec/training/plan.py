"""Which rows, which rank, which step: a pure function of (manifest, seed, epoch, shards). No torch, no I/O, no clock.

An epoch reads the files of one phase. They are dealt to V *virtual shards*, anew each epoch; a step takes batch / V
rows of one length class from every shard, so the global batch is the same for every number of ranks that divides V. All
ranks have the same steps, known before the first batch; a shard that has run out of a class sends no rows.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.contracts.manifest import DataFile

# Deals tried a class: the one with the fewest steps wins, so that file sizes that differ waste little.
_DEALS = 8


@dataclass(frozen=True)
class PlanFile:
    """A file of the epoch: path below the table's data folder, rows, padded length of its windows."""

    path: str
    rows: int
    length: int


@dataclass(frozen=True)
class Piece:
    """Rows start..stop of a file, counted in the file's shuffled order; file: place in `Plan.files`."""

    file: int
    start: int
    stop: int


@dataclass(frozen=True)
class _Stream:
    """The files of one class that one shard reads, in order; ends: rows up to and with each."""

    files: tuple[int, ...]
    ends: tuple[int, ...]

    @property
    def rows(self) -> int:
        return self.ends[-1] if self.ends else 0

    def pieces(self, start: int, stop: int) -> Iterator[Piece]:
        stop = min(stop, self.rows)
        while start < stop:
            at = bisect_right(self.ends, start)
            begin = self.ends[at - 1] if at else 0
            end = min(stop, self.ends[at])
            yield Piece(self.files[at], start - begin, end - begin)
            start = end


@dataclass(frozen=True)
class Plan:
    """One epoch. classes: the length classes; order: class of each step; streams[class][shard]."""

    files: tuple[PlanFile, ...]
    shards: int
    rows_a_shard: int
    classes: tuple[int, ...]
    order: npt.NDArray[np.int32]
    streams: tuple[tuple[_Stream, ...], ...]

    def __len__(self) -> int:
        """Steps of the epoch, the same on every rank."""
        return len(self.order)

    @cached_property
    def _turn(self) -> npt.NDArray[np.int64]:
        """For each step, how many steps of its class came before it."""
        turns = np.zeros(len(self.order), np.int64)
        for index in range(len(self.classes)):
            where = np.flatnonzero(self.order == index)
            turns[where] = np.arange(len(where))
        return turns

    def pieces(self, step: int, shard: int) -> list[Piece]:
        """The rows of a shard in a step; empty where the shard has run out of the step's class."""
        start = int(self._turn[step]) * self.rows_a_shard
        return list(self.streams[int(self.order[step])][shard].pieces(start, start + self.rows_a_shard))

    def reads(self, shards: Sequence[int], start: int = 0) -> list[int]:
        """Files (places in `files`) that these shards need from step `start` on, in the order of first need."""
        seen: dict[int, None] = {}
        for step in range(start, len(self)):
            for shard in shards:
                for piece in self.pieces(step, shard):
                    seen.setdefault(piece.file)
        return list(seen)

    def rows(self, shards: Sequence[int], start: int = 0) -> int:
        """Rows that these shards hand over from step `start` on."""
        return sum(p.stop - p.start for t in range(start, len(self)) for s in shards for p in self.pieces(t, s))


def shards_of(rank: int, world: int, shards: int) -> tuple[int, ...]:
    """The virtual shards of a rank; ConfigError C601 naming the worlds that fit."""
    if shards % world:
        fits = [n for n in range(1, shards + 1) if shards % n == 0]
        raise ConfigError("C601", f"{world} ranks do not divide {shards} virtual shards", "train.ranks",
                          f"use one of {fits}, or change train.shards (a change of results)")  # fmt: skip
    # Ranks: shard v belongs to rank v % world.
    return tuple(range(rank, shards, world))


def role_files(files: Iterable[DataFile], role: str) -> list[DataFile]:
    """Files of a role that hold rows, in an order that does not depend on the names Spark made up."""
    return sorted((f for f in files if f.rows and f.partition["role"] == role), key=_place)


def make_plan(files: Iterable[DataFile], *, seed: int, epoch: int, shards: int, batch: int) -> Plan:
    """The plan of an epoch over the train files of a SEQUENCES manifest.

    batch: sequences a step over all shards, a multiple of `shards` (ConfigError C602). DataError D631 where there are
    no train rows.
    """
    if batch % shards:
        raise ConfigError("C602", f"train.batch {batch} is no multiple of train.shards {shards}")
    train = role_files(files, "train")
    phases = sorted({int(f.partition["phase"]) for f in train})
    if not phases:
        raise DataError("D631", "there are no rows to train on", "table sequences",
                        "the split or sequence.min_length leaves no train window")  # fmt: skip
    phase = phases[epoch % len(phases)]
    chosen = tuple(
        PlanFile(f.path, f.rows, int(f.partition["length"])) for f in train if int(f.partition["phase"]) == phase
    )
    rng = np.random.default_rng([seed, epoch, 0])
    classes = tuple(sorted({f.length for f in chosen}))
    rows_a_shard = batch // shards
    streams = tuple(_deal(chosen, c, shards, rows_a_shard, rng) for c in classes)
    steps = [max(-(-s.rows // rows_a_shard) for s in streams[i]) for i in range(len(classes))]
    order = rng.permutation(np.repeat(np.arange(len(classes), dtype=np.int32), steps))
    return Plan(chosen, shards, rows_a_shard, classes, order, streams)


def shuffled(seed: int, epoch: int, file: int, rows: int) -> npt.NDArray[np.int64]:
    """The order in which the rows of a file are handed out in an epoch."""
    return np.random.default_rng([seed, epoch, 1, file]).permutation(rows)


def _deal(
    files: Sequence[PlanFile], length: int, shards: int, rows: int, rng: np.random.Generator
) -> tuple[_Stream, ...]:
    """Deal the files of a class: shuffled, each to the shard that has least; the best of a few such deals."""
    mine = [i for i, f in enumerate(files) if f.length == length]
    best: list[list[int]] = []
    fewest = -1
    for _ in range(_DEALS if len(mine) > shards else 1):
        hands: list[list[int]] = [[] for _ in range(shards)]
        # Whose turn it is among equals is drawn too: with few files, shard 0 would read the first for ever.
        heap = [(0, int(turn), shard) for shard, turn in enumerate(rng.permutation(shards))]
        heapq.heapify(heap)
        for i in rng.permutation(mine):
            load, turn, shard = heapq.heappop(heap)
            hands[shard].append(int(i))
            heapq.heappush(heap, (load + files[i].rows, turn, shard))
        steps = -(-max(load for load, _, _ in heap) // rows)
        if fewest < 0 or steps < fewest:
            best, fewest = hands, steps
    return tuple(_Stream(tuple(h), tuple(accumulate(files[i].rows for i in h))) for h in best)


def _place(file: DataFile) -> tuple[Any, ...]:
    part = file.partition
    return (*(int(part[k]) for k in ("phase", "length", "before", "after", "file")), file.path)
