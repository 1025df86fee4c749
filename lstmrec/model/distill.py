"""Distillation: trained nets show a student, place by place, what they would rank highest there and how surely.

Hinton, Vinyals and Dean 2015 (soft targets at a temperature, an ensemble as the geometric mean of its parts); Tang and
Wang 2018, Ranking Distillation (the top of the teacher's ranking alone).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from lstmrec.model.batch import Batch, Catalogue
from lstmrec.model.history import Own
from lstmrec.model.net import Net
from lstmrec.model.rank import scores_all


@dataclass(frozen=True)
class How:
    """weight: share of the loss that is the teachers'. temperature: scores are divided by it, on both sides. top: items
    of the teachers' list; 0: all."""

    weight: float
    temperature: float = 1.0
    top: int = 100


@dataclass(frozen=True)
class _Part:
    """What one teacher says at P places: query (P, dim); table: vectors (I, dim) of the items from 2 on, in a dtype;
    their bias (I,)."""

    query: Tensor
    table: Callable[[torch.dtype], Tensor]
    bias: Tensor
    own: Own | None


@dataclass(frozen=True)
class Soft:
    """The teachers' lists at the places of a batch, made chunk by chunk."""

    how: How
    parts: Sequence[_Part]

    def lists(self, low: int, high: int, out: Tensor, dtype: torch.dtype) -> tuple[Tensor | None, Tensor]:
        """(column (n, M) of the items, counted from 2, or None: all; shares (n, M), summing to 1) of the places
        [low, high): the softmax, at the temperature, over the M highest of the teachers' mean scores. out (n, I): what
        is not shown there. dtype: of the products."""
        mean = _scores(self.parts[0], low, high, dtype)
        for part in self.parts[1:]:
            mean += _scores(part, low, high, dtype)
        if len(self.parts) > 1:
            mean /= len(self.parts)
        mean.masked_fill_(out, -torch.inf)
        column: Tensor | None = None
        if 0 < self.how.top < mean.shape[1]:
            mean, column = mean.topk(self.how.top, dim=1)
        return column, (mean / self.how.temperature).softmax(1)


Teach = Callable[[Batch, Tensor, Tensor], Soft]
"""(batch, row (P,), at (P,)) -> what the teachers say at these places."""


class Teachers:
    """Frozen nets over one catalogue, on its device: nothing of them is random, nothing moves. Their item vectors are
    computed once: items x dim numbers a teacher."""

    def __init__(self, nets: Sequence[Net], catalogue: Catalogue) -> None:
        self.nets = [net.eval().requires_grad_(False) for net in nets]
        with torch.no_grad():
            self.tables = [net.item_vectors(catalogue) for net in self.nets]
        self._cast: dict[tuple[int, torch.dtype], Tensor] = {}

    @torch.no_grad()
    def scores(self, batch: Batch) -> list[Tensor]:
        """(B, N) serving scores, see `rank.scores_all`, of each teacher, and last their mean: who teaches."""
        each = [scores_all(net, batch, *table) for net, table in zip(self.nets, self.tables, strict=True)]
        return [*each, sum(each[1:], each[0]) / len(each)]

    @torch.no_grad()
    def soft(self, batch: Batch, row: Tensor, at: Tensor, how: How) -> Soft:
        """What they say at P places (row, at) of a batch, about the items [2, trained)."""
        parts = []
        for n, (net, (vectors, bias)) in enumerate(zip(self.nets, self.tables, strict=True)):
            hidden, own_input = net.hidden(batch, vectors)
            query, own = net.asked(batch, row, at, hidden, own_input, vectors, bias)
            parts.append(_Part(query, partial(self._table, n), bias[2 : net.spec.trained], own))
        return Soft(how, parts)

    def _table(self, n: int, dtype: torch.dtype) -> Tensor:
        """A teacher's vectors of the items [2, trained) in a dtype: cast once, not at each chunk."""
        if (n, dtype) not in self._cast:
            self._cast[n, dtype] = self.tables[n][0][2 : self.nets[n].spec.trained].to(dtype)
        return self._cast[n, dtype]


def _scores(part: _Part, low: int, high: int, dtype: torch.dtype) -> Tensor:
    """(n, I) of the places [low, high); own scores replace."""
    x = part.query[low:high].to(dtype)
    if dtype == part.bias.dtype:
        scores = torch.addmm(part.bias, x, part.table(dtype).T)
    else:
        scores = (x @ part.table(dtype).T).to(part.bias.dtype).add_(part.bias)
    if part.own is not None:
        cuts = torch.searchsorted(part.own.place, torch.tensor([low, high], device=x.device)).tolist()
        mine = slice(*cuts)
        scores[part.own.place[mine] - low, part.own.item[mine] - 2] = part.own.score[mine]
    return scores
