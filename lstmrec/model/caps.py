"""At most n items of one tag in a list: a greedy walk down a ranking that is asked for as deep as it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

#: (rows or None for all, width) -> (items, scores) of those rows' `width` best, in order; item 0 where there is none.
Ranked = Callable[[Tensor | None, int], tuple[Tensor, Tensor]]
_MORE = 32


@dataclass(frozen=True)
class Caps:
    """tags (N, T) int64: the capped tags of each item, from 1, 0-padded. most (C + 1,): how many items of each tag a
    list may hold; used (C + 1,): how many of them are taken before the walk begins (by pinned items)."""

    tags: Tensor
    most: Tensor
    used: Tensor

    def walk(self, ranked: Ranked, k: int, size: int) -> tuple[Tensor, Tensor]:
        """(items, scores), both (rows, k): down each ranking, every item whose tags all have room; a row whose list is
        not full is ranked deeper, until it is or the catalogue (of `size`) ends."""
        width = min(k + _MORE, size)
        items, scores = ranked(None, width)
        found, values, open_ = self._taken(items, scores, k)
        while len(open_) and width < size:
            width = min(4 * width, size)
            items, scores = ranked(open_, width)
            found[open_], values[open_], still = self._taken(items, scores, k)
            open_ = open_[still]
        return found, values

    def _taken(self, items: Tensor, scores: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """(items, scores) of the walk, and the rows that are not full though their ranking may go on."""
        rows = len(items)
        found, values = items.new_zeros((rows, k)), scores.new_full((rows, k), -torch.inf)
        room = (self.most - self.used).repeat(rows, 1)
        room[:, 0] = size = items.shape[1] + 1  # tag 0 is no tag
        many, row = items.new_zeros(rows), torch.arange(rows, device=items.device)
        for j in range(size - 1):
            tags = self.tags[items[:, j]]
            fits = (items[:, j] > 0) & (many < k) & (room.gather(1, tags) > 0).all(1)
            at = row[fits]
            found[at, many[at]], values[at, many[at]] = items[at, j], scores[at, j]
            room.scatter_add_(1, tags, -fits[:, None].to(room.dtype).expand_as(tags))
            room[:, 0] = size
            many += fits
            if bool((many == k).all()):
                break
        last = items[:, -1] > 0 if size > 1 else many < 0
        return found, values, ((many < k) & last).nonzero()[:, 0]
