"""The history term: what the user already had is out (`filter`), or has a score of its own (`learn`)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lstmrec.contracts.units import DAY_S
from lstmrec.model.batch import Batch
from lstmrec.model.linear import linear
from lstmrec.model.spec import NetSpec

TINY = 2.0**-20  # the grain of decayed counts
_HIDDEN = 16


class Seen:
    """`filter`: the items a user had at each of P places (row, at), sorted by place. Repeats may occur."""

    def __init__(self, batch: Batch, row: Tensor, at: Tensor) -> None:
        self.row, self.at = row, at.to(torch.int32)
        self.items = torch.cat([batch.before_items, batch.items], 1)
        step = torch.arange(batch.length, device=row.device, dtype=torch.int32) + 1
        self.since = torch.cat([step.new_zeros(batch.before_items.shape[1]), step])
        self._never = batch.length + 1

    def entries(self, low: int, high: int) -> tuple[Tensor, Tensor]:
        """(place - low, item) of the places [low, high)."""
        place, column = self._had(self.items >= 2, low, high).nonzero(as_tuple=True)
        return place, self.items[self.row[low:high][place], column]

    def flat(self, low: int, high: int, count: int) -> Tensor:
        """Where they lie in a matrix of the places [low, high) by the `count` items from 2 on, row by row; items beyond
        are left out."""
        known = (self.items >= 2) & (self.items < count + 2)
        place = torch.arange(high - low, device=self.row.device)[:, None] * count
        return torch.masked_select((self.items - 2)[self.row[low:high]].add_(place), self._had(known, low, high))

    def _had(self, known: Tensor, low: int, high: int) -> Tensor:
        """(high - low, S): whether each entry of a place's row is `known` and had by then."""
        since = torch.where(known, self.since, self._never)
        return since[self.row[low:high]] <= self.at[low:high, None]


@dataclass(frozen=True)
class Own:
    """`learn`: E scores of history items, each (place, item) once, sorted by place."""

    place: Tensor
    item: Tensor
    score: Tensor


class HistoryTerm(nn.Module):
    """g(log count, log decayed counts, log days since, base score, user): the score of an item of the history.

    A line plus a small MLP that starts at 0. The line starts where a hand-set rule is already good on groceries:
    log count + 2 log (longest-lived decayed count) + 1/2 log (each other) - 0.1 log(days since + 1).
    """

    def __init__(self, spec: NetSpec) -> None:
        super().__init__()
        lives = spec.half_lives
        self.half_lives = tuple(life * DAY_S for life in lives)  # seconds
        line = [1.0] + [2.0 if life == max(lives) else 0.5 for life in lives] + [-0.1]
        self.line = nn.Parameter(torch.tensor(line))
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.offset = nn.Parameter(torch.tensor(-5.0))  # base scores start as log shares: about as much mass in all
        self.features = nn.Linear(len(line) + 2, _HIDDEN)
        self.user = nn.Linear(spec.dim, _HIDDEN, bias=False)
        self.out = nn.Linear(_HIDDEN, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, batch: Batch, row: Tensor, at: Tensor, clock: Tensor, query: Tensor, table: Tensor, bias: Tensor,
        limit: int, slots: Tensor | None = None,
    ) -> Own:  # fmt: skip
        """Scores of the history items < limit at P places (row, at) whose now is `clock` (P,) seconds.

        query (P, dim); table (R, dim) and bias (R,) hold item vectors, `slots` (N,) where each item is (None: there).
        All arithmetic is in the dtype of `query`.
        """
        items, slot = distinct(torch.cat([batch.before_items, batch.items], 1))
        count, decayed, last = self._counts(batch, row, at, clock, items.shape[1], slot, query.dtype)
        known = items[row]
        place, column = ((count > 0) & (known >= 2) & (known < limit)).nonzero(as_tuple=True)
        item = known[place, column]
        # Without slots the table is the catalogue, or its first rows: what lies beyond them is not asked for.
        where = items.clamp(max=len(table) - 1) if slots is None else slots[items]
        base = self._base(row, query, where, table, bias)[place, column]
        days = (clock[place] - last[place, column]).clamp(min=0).to(query.dtype) / DAY_S
        parts = [count[place, column].log(), *(d[place, column].clamp(min=TINY).log() for d in decayed)]
        facts = torch.stack([*parts, torch.log1p(days)], 1)
        size = torch.log1p((count > 0).sum(1).to(query.dtype))[place]
        return Own(place, item, self.score(facts, base, size, linear(self.user, query)[place]))

    def score(self, facts: Tensor, base: Tensor, size: Tensor, user: Tensor) -> Tensor:
        """(E,) of facts (E, F) as the line counts them, base scores and sizes (E,), the user's part (E or 1, 16)."""
        hidden = linear(self.features, torch.cat([facts, 0.1 * base[:, None], size[:, None]], 1))
        hidden = F.gelu(hidden + user)
        line = facts @ self.line.to(facts.dtype)
        out: Tensor = self.offset.to(facts.dtype) + self.scale.to(facts.dtype) * line + linear(self.out, hidden)[:, 0]
        return out

    def _counts(
        self, batch: Batch, row: Tensor, at: Tensor, clock: Tensor, width: int, slot: Tensor, dtype: torch.dtype
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """count (P, U), a decayed count (P, U) each half-life, last time (P, U) int64, all at the places' clocks."""
        before = batch.before_items.shape[1]
        old, new = slot[:, :before], slot[:, before:][row]
        step = torch.arange(batch.length, device=row.device)
        past = (step < at[:, None]).to(dtype)
        zero = past.new_zeros((len(row), width))
        rows = past.new_zeros((batch.rows, width))
        count = rows.scatter_add(1, old, batch.before_counts.to(dtype))[row] + zero.scatter_add(1, new, past)
        last = batch.before_times.new_zeros((batch.rows, width)).scatter_reduce(1, old, batch.before_times, "amax")[row]
        times = batch.times[row]
        last = last.scatter_reduce(1, new, times * (step < at[:, None]), "amax")
        decayed = []
        since_start = (clock - batch.times[row, 0]).clamp(min=0).to(dtype)
        since = (clock[:, None] - times).clamp(min=0).to(dtype)
        for i, life in enumerate(self.half_lives):
            total = zero.scatter_add(1, new, past * torch.exp2(-since / life))
            if before:
                at_start = rows.scatter_add(1, old, batch.before_decayed[:, i].to(dtype))[row]
                total = total + at_start * torch.exp2(-since_start / life)[:, None]
            decayed.append(total)
        return count, decayed, last

    @staticmethod
    def _base(row: Tensor, query: Tensor, where: Tensor, table: Tensor, bias: Tensor) -> Tensor:
        """(P, U) base scores of each place's history items; where (B, U): their rows of the table."""
        rows = where.shape[0]
        sizes = torch.bincount(row, minlength=rows)
        nth = torch.arange(len(row), device=row.device) - (sizes.cumsum(0) - sizes)[row]
        packed = query.new_zeros((rows, int(sizes.max()), query.shape[1])).index_put((row, nth), query)
        mine = table[where].to(query.dtype)
        scores = torch.bmm(packed, mine.transpose(1, 2)) + bias[where][:, None].to(query.dtype)
        return scores[row, nth]


def distinct(items: Tensor) -> tuple[Tensor, Tensor]:
    """(B, U) distinct values of each row, rising, 0-padded; (B, S) which of them each entry is."""
    ranked, order = items.sort(dim=1)
    fresh = torch.ones_like(ranked, dtype=torch.bool)
    fresh[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    nth = fresh.cumsum(1) - 1
    slot = torch.empty_like(nth).scatter_(1, order, nth)
    width = int(nth.max()) + 1 if nth.numel() else 0
    return ranked.new_zeros((items.shape[0], width)).scatter_(1, nth, ranked), slot
