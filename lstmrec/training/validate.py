"""Validation over the whole catalogue: every user once over all ranks, ties in expectation, sums reduced once."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lstmrec import files
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import DataFile
from lstmrec.model.batch import Batch, Catalogue, batch_of
from lstmrec.model.metric import distinct_targets, metrics
from lstmrec.model.net import Net
from lstmrec.model.rank import scores_all
from lstmrec.training.batches import COLUMNS
from lstmrec.training.comm import Comm, sum_floats
from lstmrec.training.feed import Feed, FileRead
from lstmrec.training.plan import role_files

_SCORES = 1 << 23  # scores held at once: rows a batch = this / catalogue
_ODD = np.uint64(0x9E3779B97F4A7C15)  # spreads `user`, whose low bits choose the file, anew


@dataclass(frozen=True)
class Judged:
    """NDCG@k and HR@k, means over `users` (those of them with targets)."""

    ndcg: float
    hr: float
    users: int


class Validation:
    """The validation users of a SEQUENCES table, dealt to the ranks.

    place: the table's data folder here. users: how many validate, those of smallest hash; 0: all.
    """

    def __init__(self, listed: Sequence[DataFile], feed: Feed, place: str, comm: Comm, users: int = 0) -> None:
        self.feed, self.comm = feed, comm
        chosen = role_files(listed, "validation")
        every = [FileRead(files.join(place, f.path), f.rows) for f in chosen]
        self.users = sum(f.rows for f in every)
        self.limit: int | None = None
        if 0 < users < self.users:
            # Every rank reads the hashes of all, so that all agree without a word.
            hashes = np.concatenate([_hash(item["user"]) for item in feed.read(every, ["user"])])
            self.users, self.limit = users, int(np.partition(hashes, users - 1)[users - 1])
        self.mine = _dealt(every, comm.size)[comm.rank]

    def judge(self, net: Net, catalogue: Catalogue, k: int = 10, beat: Callable[[], None] = lambda: None) -> Judged:
        """Judge a net. beat is called for every batch. DataError D635 where another number of users was seen."""
        net.eval()
        with torch.no_grad():
            vectors, bias = net.item_vectors(catalogue)
            return self.measure(lambda batch: [scores_all(net, batch, vectors, bias)], 1, catalogue, k, beat)[0]

    def measure(self, scorer: Callable[[Batch], Sequence[Tensor]], many: int, catalogue: Catalogue, k: int = 10,
                beat: Callable[[], None] = lambda: None) -> list[Judged]:  # fmt: skip
        """Judge `many` scorers in one pass. scorer: a batch -> (B, N) scores of each, -inf where an item is out."""
        sums = [[0.0, 0.0, 0.0] for _ in range(many)]
        seen, device = 0.0, catalogue.ids.device
        rows = min(256, max(2, _SCORES // len(catalogue)))
        for item in self.feed.read(self.mine, COLUMNS) if self.mine else ():
            keep = np.flatnonzero(_hash(item["user"]) <= self.limit) if self.limit is not None else None
            size = len(item["n"]) if keep is None else len(keep)
            for start in range(0, size, rows):
                at = slice(start, start + rows) if keep is None else keep[start : start + rows]
                batch = batch_of({name: column[at] for name, column in item.items()}).to(device)
                targets = distinct_targets(batch.after_items)
                for total, scores in zip(sums, scorer(batch), strict=True):
                    found = metrics(scores, targets, k)
                    total[0] += float(found["ndcg"].nansum())
                    total[1] += float(found["hit"].nansum())
                    total[2] += float((~found["ndcg"].isnan()).sum())
                seen += batch.rows
                beat()
        *flat, seen = sum_floats(self.comm, [*(n for total in sums for n in total), seen])
        if seen != self.users:
            raise DataError("D635", f"{int(seen):,} users validated of {self.users:,}", "table sequences, validation",
                            "a reader lost rows, or a user stands in the table twice")  # fmt: skip
        # 12 digits: how ranks group a sum must not decide which epoch was best.
        return [Judged(round(ndcg / max(counted, 1.0), 12), round(hr / max(counted, 1.0), 12), self.users)
                for ndcg, hr, counted in zip(flat[::3], flat[1::3], flat[2::3], strict=True)]  # fmt: skip


def _hash(user: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(user).view(np.uint64) * _ODD


def _dealt(every: Sequence[FileRead], ranks: int) -> list[list[FileRead]]:
    """Files of each rank: the largest first, each to the rank with the fewest rows."""
    hands: list[list[FileRead]] = [[] for _ in range(ranks)]
    heap = [(0, rank) for rank in range(ranks)]
    for read in sorted(every, key=lambda f: -f.rows):
        load, rank = heapq.heappop(heap)
        hands[rank].append(read)
        heapq.heappush(heap, (load + read.rows, rank))
    return hands
