"""A plan and a feed become batches: one per step, of the rows of this rank's shards."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lstmrec import files
from lstmrec.contracts.errors import DataError
from lstmrec.model.batch import Batch, batch_of
from lstmrec.training.feed import Columns, Feed, FileRead
from lstmrec.training.plan import Piece, Plan, shuffled

#: Columns of SEQUENCES that a net reads; the rest are ids for people and folders.
COLUMNS = (
    "user", "n", "items", "types", "times", "ends", "n_before", "before_items", "before_counts", "before_times",
    "before_decayed", "n_after", "after_items", "after_times", "after_ends", "cut", "static", "profile",
)  # fmt: skip


@dataclass
class Waits:
    """Seconds spent waiting for the feed: what a faster reader would win."""

    seconds: float = 0.0


@dataclass(frozen=True)
class Portion:
    """This rank's part of a step: segments (shard, rows) in the order of the batch's rows; batch None: no rows."""

    step: int
    segments: tuple[tuple[int, int], ...]
    batch: Batch | None


@dataclass
class _Open:
    """Files handed over by the feed and not used up yet."""

    columns: dict[int, Columns] = field(default_factory=dict)
    orders: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)  # rows to hand out

    def take(self, piece: Piece) -> Columns:
        """The rows of a piece; forgets the file with its last."""
        rows = self.orders[piece.file][piece.start : piece.stop]
        taken = {name: column[rows] for name, column in self.columns[piece.file].items()}
        self.left[piece.file] -= len(rows)
        if not self.left[piece.file]:
            del self.columns[piece.file], self.orders[piece.file], self.left[piece.file]
        return taken


def portions(
    plan: Plan, feed: Feed, place: str, shards: Sequence[int], *, rank: int, seed: int, epoch: int, start: int = 0,
    waits: Waits | None = None,
) -> Generator[Portion, None, None]:  # fmt: skip
    """Yield this rank's part of every step from `start` on; `place`: the table's data folder on this machine.

    DataError D632 naming the rank where the feed hands over other rows than the manifest lists: a reader that loses
    some would make the ranks' batches silently different ones.
    """
    waits = waits or Waits()
    needed = plan.reads(shards, start)
    asked = [FileRead(files.join(place, plan.files[i].path), plan.files[i].rows) for i in needed]
    stream = feed.read(asked, COLUMNS) if asked else iter(())
    coming = iter(needed)
    ready = _Open(left=dict(needed))
    handed, wanted = 0, sum(needed.values())
    try:
        for step in range(start, len(plan)):
            parts: list[Columns] = []
            segments = []
            for shard in shards:
                pieces = plan.pieces(step, shard)
                for piece in pieces:
                    while piece.file not in ready.columns:
                        before = time.monotonic()
                        item = next(stream, None)
                        waits.seconds += time.monotonic() - before
                        _accept(ready, plan, next(coming), item, rank, seed, epoch)
                    parts.append(ready.take(piece))
                if pieces:
                    segments.append((shard, sum(p.stop - p.start for p in pieces)))
            batch = batch_of(*parts) if parts else None
            handed += batch.rows if batch is not None else 0
            yield Portion(step, tuple(segments), batch)
        if handed != wanted or next(stream, None) is not None:
            raise _lost(f"{handed:,} rows of {wanted:,} planned", f"epoch {epoch}", rank)
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()


def _accept(ready: _Open, plan: Plan, index: int, item: Columns | None, rank: int, seed: int, epoch: int) -> None:
    file = plan.files[index]
    rows = -1 if item is None else len(item["n"])
    if item is None or rows != file.rows:
        raise _lost("no rows" if item is None else f"{rows:,} rows", f"{file.path} of {file.rows:,} rows", rank)
    ready.columns[index] = item
    ready.orders[index] = shuffled(item["n"], seed, epoch, index, plan.rows_a_shard)


def _lost(got: str, where: str, rank: int) -> DataError:
    return DataError("D632", f"the reader handed over {got}", f"rank {rank} · {where}",
                     "read with the other one: --set train.reader=arrow")  # fmt: skip
