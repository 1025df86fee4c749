"""The best items of each row by fp32 scores: products block by block, and a look only at what beats a row's floor.

A full top-K of every block costs as much as the products themselves. Here a row keeps the best it has seen, and their
last is its floor: of a later block, the maxima of groups of items say which few groups hold anything above it.
"""

from __future__ import annotations

import torch
from torch import Tensor

_GROUP = 16  # items a maximum is taken of


def search(
    query: Tensor, vectors: Tensor, base: Tensor, out: tuple[Tensor, Tensor], width: int, block: int
) -> tuple[Tensor, Tensor]:
    """(items, scores), both (B, min(width, N)): the best of query (B, dim) . vectors (N, dim) + base (N,), best first.

    out: (row, item) pairs that do not count. Where a row has fewer items than that whose score is above -inf, the rest
    is item 0, score -inf. NaN is no score: such items are not found.
    """
    found, (row, item), cuts = _Best(query, min(width, len(vectors))), out, [0, len(out[1])]
    if len(vectors) > block:
        order = item.argsort()
        row, item = row[order], item[order]
        cuts = torch.searchsorted(item, torch.arange(0, len(vectors) + block, block, device=item.device)).tolist()
    every = query.new_empty((len(query), _grouped(min(block, len(vectors)))))  # of a block: fresh memory is slower
    for i, low in enumerate(range(0, len(vectors), block)):
        high, mine = min(low + block, len(vectors)), slice(cuts[i], cuts[i + 1])
        scores = every[:, : _grouped(high - low)]
        torch.addmm(base[low:high], query, vectors[low:high].T, out=scores[:, : high - low])
        scores[:, high - low :] = -torch.inf
        scores[row[mine], item[mine] - low] = -torch.inf
        found.offer(scores, low)
    found.settle()
    return found.items, found.scores


def _grouped(n: int) -> int:
    """n items in whole groups."""
    return n + -n % _GROUP


def aligned(row: Tensor, rows: int, item: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
    """Entries, sorted by row, as (items, scores) (rows, M): M is the longest row's number, the rest item 0, -inf."""
    sizes = torch.bincount(row, minlength=rows)
    nth = torch.arange(len(row), device=row.device) - (sizes.cumsum(0) - sizes)[row]
    items = item.new_zeros((rows, int(sizes.max()) if rows else 0))
    scores = score.new_full(items.shape, -torch.inf)
    items[row, nth], scores[row, nth] = item, score
    return items, scores


class _Best:
    """The `width` best of each row so far. floor (B,): what is not above it is not among them."""

    def __init__(self, query: Tensor, width: int) -> None:
        self.items = torch.zeros((len(query), width), dtype=torch.int64, device=query.device)
        self.scores = query.new_full((len(query), width), -torch.inf)
        self.floor = query.new_full((len(query),), -torch.inf)
        self._new: list[tuple[Tensor, Tensor, Tensor]] = []  # (row, item, score), each sorted by row
        self._waiting = 0

    def offer(self, scores: Tensor, low: int) -> None:
        """Scores (B, n) of items low, low + 1 ...; n is a multiple of _GROUP."""
        rows, width = self.items.shape
        groups = scores.view(rows, _GROUP, -1)  # item = place in the group x groups + group: maxima of whole lines
        peaks = groups.amax(1)
        if low == 0 and peaks.shape[1] >= width > 0:  # so many items are at least as high as so many peaks
            least = peaks.topk(width, dim=1).values[:, -1]
            self.floor = torch.nextafter(least, torch.full_like(least, -torch.inf))
        row, group = (peaks > self.floor[:, None]).nonzero(as_tuple=True)
        if not len(row):
            return
        members = groups[row, :, group]
        which, place = (members > self.floor[row][:, None]).nonzero(as_tuple=True)
        self._new.append((row[which], low + place * peaks.shape[1] + group[which], members[which, place]))
        self._waiting += len(which)
        if self._waiting > rows * width:
            self.settle()

    def settle(self) -> None:
        """Put what waits in its place; the floors rise."""
        if not self._new or not self.items.numel():
            return
        more = [aligned(row, len(self.items), item, score) for row, item, score in self._new]
        items = torch.cat([self.items, *(m[0] for m in more)], 1)
        self.scores, at = torch.cat([self.scores, *(m[1] for m in more)], 1).topk(self.items.shape[1], dim=1)
        self.items, self.floor = items.gather(1, at), self.scores[:, -1]
        self._new, self._waiting = [], 0
