"""Which rows, which rank, which step: a pure function of (manifest, seed, epoch, shards). No torch, no I/O, no clock.

An epoch reads the files of one phase. Their rows are dealt evenly to V *virtual shards*, anew each epoch; a step takes
batch / V rows of one length class from every shard, so the global batch is the same for every number of ranks that
divides V. All ranks have the same steps, known before the first batch; a shard that has run out of a class sends no
rows.
"""

from __future__ import annotations

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
    """The rows of one class that one shard reads, in order; ends: rows up to and with each part."""

    parts: tuple[Piece, ...]
    ends: tuple[int, ...]

    @property
    def rows(self) -> int:
        return self.ends[-1] if self.ends else 0

    def pieces(self, start: int, stop: int) -> Iterator[Piece]:
        stop = min(stop, self.rows)
        while start < stop:
            at = bisect_right(self.ends, start)
            part, end = self.parts[at], min(stop, self.ends[at])
            first = part.stop - (self.ends[at] - start)
            yield Piece(part.file, first, first + end - start)
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

    def reads(self, shards: Sequence[int], start: int = 0) -> dict[int, int]:
        """Files (places in `files`) that these shards need from step `start` on, in the order of first need, and how
        many rows of each."""
        rows: dict[int, int] = {}
        for step in range(start, len(self)):
            for shard in shards:
                for piece in self.pieces(step, shard):
                    rows[piece.file] = rows.get(piece.file, 0) + piece.stop - piece.start
        return rows


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
    streams = tuple(_deal(chosen, c, shards, rng) for c in classes)
    steps = [max(-(-s.rows // rows_a_shard) for s in streams[i]) for i in range(len(classes))]
    order = rng.permutation(np.repeat(np.arange(len(classes), dtype=np.int32), steps))
    return Plan(chosen, shards, rows_a_shard, classes, order, streams)


def shuffled(n: npt.NDArray[np.integer[Any]], seed: int, epoch: int, file: int, together: int) -> npt.NDArray[np.int64]:
    """The order in which the rows of a file are handed out in an epoch; n: real positions of each row.

    A stratified shuffle: rows by n are cut into as many strata as rows go `together` into a shard's step, and each run
    of so many rows takes one, drawn at random, from every stratum. Steps are as random as in a plain shuffle, but short
    and long windows are spread over them, so that no rank waits for one with longer ones.
    """
    rng = np.random.default_rng([seed, epoch, 1, file])
    rows = len(n)
    drawn = rng.permutation(rows)
    ranked = drawn[np.argsort(n[drawn], kind="stable")]
    strata = np.arange(rows) * min(together, rows) // max(rows, 1)
    # within its stratum a row has a random turn; all runs go through the strata in the same order, so that a run that
    # begins elsewhere, where a file was cut, has each stratum once too
    by_turn = np.lexsort((rng.random(rows), strata))
    turn = np.arange(rows) - np.searchsorted(strata, strata)
    order = rng.permutation(together)[strata]
    return ranked[by_turn][np.lexsort((order, turn))].astype(np.int64)


def _deal(files: Sequence[PlanFile], length: int, shards: int, rng: np.random.Generator) -> tuple[_Stream, ...]:
    """Lay the files of a class end to end, in a random order, and cut the row of rows into equal shares.

    A file that lies across a cut is read for both shares: at most shards - 1 files of a class. Every other share runs
    backwards, so that who meets at a cut is there at the same time and the file need not be kept.
    """
    line = [int(i) for i in rng.permutation([i for i, f in enumerate(files) if f.length == length])]
    total = sum(files[i].rows for i in line)
    cuts = [total * shard // shards for shard in range(1, shards + 1)]
    shares: list[list[Piece]] = [[] for _ in cuts]
    at = shard = 0
    for i in line:
        begin, end = at, at + files[i].rows
        while at < end:
            while cuts[shard] <= at:
                shard += 1
            stop = min(end, cuts[shard])
            shares[shard].append(Piece(i, at - begin, stop - begin))
            at = stop
    ordered = [tuple(share[:: -1 if shard % 2 else 1]) for shard, share in enumerate(shares)]
    return tuple(_Stream(parts, tuple(accumulate(p.stop - p.start for p in parts))) for parts in ordered)


def _place(file: DataFile) -> tuple[Any, ...]:
    part = file.partition
    return (*(int(part[k]) for k in ("phase", "length", "before", "after", "file")), file.path)
