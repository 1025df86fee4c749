"""AdamW for tables of which a step reads few rows: the others rest, and are caught up when they are read again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SPAN = 1024  # steps that a row may rest before all are caught up: what the book has room for
_BLOCK = 1 << 12  # rows settled at once: what a cache holds
_EPS = 1e-8  # AdamW's, as torch has it


@dataclass(frozen=True)
class Pace:
    """What a step of AdamW does everywhere: lr; moved: steps with it; ema: decay of the average, 1: there is none."""

    lr: float
    moved: int
    ema: float = 1.0


class LazyRows:
    """A table (N, D) or (N,), its two moments, its averaged twin if it has one, and when each row was last current.

    AdamW (Loshchilov and Hutter 2019) moves a row also where its gradient is 0: the moments fade, the weights decay and
    coast on the first moment. For a row last current at step s, with g = m / (sqrt(v) + eps) as of then, all of that is
    linear, its coefficients the same for every row of the same s:

        w = keep * w - coast * g        m = beta1^k * m        v = beta2^k * v
        average = hold * average + gain * w - drag * g         (w as of s)

    where keep is the product of (1 - lr * decay) and coast the sum of lr * bias correction * (beta1 / sqrt(beta2))^n,
    each decayed by the steps after it. So a rest of any length costs what one step does, and the table is that of
    dense AdamW but for rounding; the one liberty is that eps fades along with sqrt(v), seen only where both are of a
    size. The book holds the five coefficients for s = 0 ... since; after SPAN steps all rows are caught up and it
    starts anew. Coefficients are float64, the row's arithmetic is the table's dtype.
    """

    def __init__(self, table: Tensor, twin: Tensor | None, decay: float, betas: tuple[float, float]) -> None:
        rows, self.flat = len(table), table.ndim == 1
        self.table = table.detach().view(rows, -1)
        self.twin = None if twin is None else twin.detach().view(rows, -1)
        self.decay, self.betas = decay, betas
        self.mean, self.square = torch.zeros_like(self.table), torch.zeros_like(self.table)
        self.current = torch.zeros(rows, dtype=torch.int32, device=table.device)
        self.book = torch.zeros((5, SPAN + 1), dtype=torch.float64)
        self._open(0)

    @torch.no_grad()
    def catch_up(self, rows: Tensor, since: int) -> None:
        """Make rows (distinct) current at step `since` of the book."""
        then = self.current[rows].long()
        late = then < since
        if not bool(late.any()):
            return
        rows = rows[late]
        parts = [t.index_select(0, rows) for t in self._held()]  # several times as fast as t[rows]
        self._move(parts, then[late], since)
        for whole, part in zip(self._held(), parts, strict=True):
            whole.index_copy_(0, rows, part)
        self.current[rows] = since

    def _held(self) -> list[Tensor]:
        return [self.table, self.mean, self.square, *([] if self.twin is None else [self.twin])]

    def _move(self, parts: list[Tensor], then: Tensor, since: int) -> None:
        """Move rows of `_held`, in place, from their own steps `then` (R,) of the book to step `since`."""
        w, m, v, *twin = parts
        steps = torch.arange(since, -1, -1, dtype=torch.float64)
        fade = torch.stack([beta**steps for beta in self.betas])
        line = torch.cat([self.book[:, : since + 1], fade]).to(then.device)[:, then]
        keep, coast, hold, gain, drag, one, two = line.to(w.dtype)[..., None]
        touched = bool(m.any())  # else there is nothing to coast on
        g = m / (v.sqrt() + _EPS) if touched else m
        for average in twin:
            average.mul_(hold).addcmul_(w, gain)
            if touched:
                average.addcmul_(g, drag, value=-1.0)
        w.mul_(keep)
        if touched:
            w.addcmul_(g, coast, value=-1.0)
            m.mul_(one)
        v.mul_(two)

    @torch.no_grad()
    def learn(self, rows: Tensor, gradient: Tensor, since: int, pace: Pace) -> None:
        """A step of AdamW on rows (distinct, current at `since`) with their gradient (R, D); the others rest."""
        one, two = self.betas
        g = gradient.view(len(rows), -1)
        w, m, v, *twin = parts = [t.index_select(0, rows) for t in self._held()]
        m.lerp_(g, 1 - one)
        v.mul_(two).addcmul_(g, g, value=1 - two)
        below = v.sqrt().div_((1 - two**pace.moved) ** 0.5).add_(_EPS)
        w.mul_(1 - pace.lr * self.decay).addcdiv_(m, below, value=-pace.lr / (1 - one**pace.moved))
        for average in twin:
            average.lerp_(w, 1 - pace.ema)
        for whole, part in zip(self._held(), parts, strict=True):
            whole.index_copy_(0, rows, part)
        self._rest(since, pace)
        self.current[rows] = since + 1

    def _rest(self, since: int, pace: Pace) -> None:
        """Write into the book what a step did to the rows that rested, last current at 0 ... since."""
        one, two = self.betas
        keep, coast, hold, gain, drag = self.book[:, : since + 1]
        rested = torch.arange(since + 1, 0, -1, dtype=torch.float64)
        force = pace.lr * (1 - two**pace.moved) ** 0.5 / (1 - one**pace.moved)
        shrink = 1 - pace.lr * self.decay
        keep.mul_(shrink)
        coast.mul_(shrink).add_(force * (one / two**0.5) ** rested)
        hold.mul_(pace.ema)
        gain.mul_(pace.ema).add_(keep, alpha=1 - pace.ema)
        drag.mul_(pace.ema).add_(coast, alpha=1 - pace.ema)
        self._open(since + 1)

    def _open(self, at: int) -> None:
        self.book[:, at] = torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0], dtype=torch.float64)

    @torch.no_grad()
    def settle(self, since: int) -> None:
        """Make all rows current, and begin a new book."""
        for start in range(0, len(self.table), _BLOCK):
            block = slice(start, start + _BLOCK)
            self._move([t[block] for t in self._held()], self.current[block].long(), since)
        self.current.zero_()
        self._open(0)

    def tensors(self, name: str) -> dict[str, Tensor]:
        """What a checkpoint holds besides the weights, live."""
        return {f"adam.{name}.exp_avg": self.mean, f"adam.{name}.exp_avg_sq": self.square,
                f"adam.{name}.current": self.current, f"adam.{name}.book": self.book}  # fmt: skip


class Tables:
    """The lazily updated tables of a net: what a step reads of them, what comes back, and what travels.

    Shared by all: `clock` = (steps moved, steps in the book), int64.
    """

    def __init__(self, named: dict[str, LazyRows]) -> None:
        self.named = named
        self.clock = torch.zeros(2, dtype=torch.int64)
        self._read: tuple[Tensor, list[Tensor]] | None = None

    def look_up(self, ids: Tensor) -> tuple[list[Tensor], Tensor]:
        """Current rows of every table, leaves that collect their gradient, and where each of `ids` is in them.

        Row 0 is always among them, and first: it stays the padding. One call a step.
        """
        rows, where = torch.unique(torch.cat([ids.new_zeros(1), ids]), return_inverse=True)
        since = int(self.clock[1])
        leaves = []
        for table in self.named.values():
            table.catch_up(rows, since)
            leaf = table.table.index_select(0, rows)
            leaves.append((leaf[:, 0] if table.flat else leaf).requires_grad_())
        if self._read is not None:
            raise RuntimeError("a step reads the lazily updated rows once")
        self._read = rows, leaves
        return leaves, where[1:]

    def forget(self) -> None:
        """Nothing of this step was read yet."""
        self._read = None

    def read(self, device: torch.device) -> Tensor:
        """(R,) int32: the rows this rank's part of the step read, rising."""
        return torch.empty(0, dtype=torch.int32, device=device) if self._read is None else self._read[0].int()

    def gradients(self, rows: Tensor) -> list[Tensor]:
        """One (R * D,) for each table, of the rows (rising) that any rank read; all of them are made current."""
        out = []
        for i, table in enumerate(self.named.values()):
            table.catch_up(rows, int(self.clock[1]))
            whole = table.table.new_zeros((len(rows), table.table.shape[1]))
            if self._read is not None and (grad := self._read[1][i].grad) is not None:
                whole[torch.searchsorted(rows, self._read[0])] = grad.view(len(grad), -1)
            out.append(whole.view(-1))
        return out

    def learn(self, rows: Tensor, gradients: list[Tensor], lr: float, ema: float) -> None:
        """One step of all tables; gradients as `gradients` gives them, summed and scaled."""
        moved, since = self.clock.tolist()
        for table, gradient in zip(self.named.values(), gradients, strict=True):
            table.learn(rows, gradient, since, Pace(lr, moved + 1, ema))
        self.clock += 1
        if since + 1 == SPAN:
            self.settle()

    def settle(self) -> None:
        """Make all rows current: before they are read in another way than by `look_up`."""
        since = int(self.clock[1])
        if since:
            for table in self.named.values():
                table.settle(since)
            self.clock[1] = 0

    def tensors(self) -> dict[str, Tensor]:
        out = {"adam.clock": self.clock}
        for name, table in self.named.items():
            out |= table.tensors(name)
        return out
