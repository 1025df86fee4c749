"""One optimiser step over all ranks: sums travel in one flat buffer, once, and everybody moves or nobody does."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lstmrec.config.train import TrainConfig
from lstmrec.contracts.errors import DataError
from lstmrec.model.batch import Batch
from lstmrec.model.items import ItemTower
from lstmrec.model.keys import Key
from lstmrec.model.softmax import products
from lstmrec.training.batches import Portion
from lstmrec.training.comm import Comm
from lstmrec.training.precision import precision_of
from lstmrec.training.rows import LazyRows, Tables
from lstmrec.training.schedule import rate, scaled

LossOf = Callable[[Batch, Key], tuple[Tensor, int, float]]
"""(summed loss with a gradient, labelled positions, their weight in all) of a batch on the net's device."""

_TAIL = 3
_SHOWN = 4  # users named where a loss is not finite
_LARGE = 20_000  # items from which on `sparse_rows: auto` updates rows lazily


@dataclass(frozen=True)
class Done:
    """What a step did: labelled positions over all ranks, their mean loss times that number, its rate, 32-bit values
    sent by a rank."""

    loss: float
    positions: int
    rate: float
    sent: int = 0
    skipped: bool = False


class Learner:
    """A net, its averaged twin, and AdamW (Loshchilov and Hutter 2019); gradients live in one flat buffer.

    With lazily updated rows (`train.sparse_rows`) the item tables are not in that buffer: the rows that any rank read
    are appended to it, in the order of their index, and `LazyRows` updates them.
    """

    def __init__(self, net: nn.Module, loss_of: LossOf, conf: TrainConfig, comm: Comm, seed: int) -> None:
        self.net, self.loss_of, self.conf, self.comm, self.seed = net, loss_of, conf, comm, seed
        self._twin = copy.deepcopy(net).eval() if conf.ema else net
        for part in self._twin.modules():
            if isinstance(part, nn.LSTM):
                part.flatten_parameters()  # a copy's lie apart; cuDNN would join them at every call
        self.tables = self._lazy()
        lazy = () if self.tables is None else self.tables.named
        self.named = {n: p for n, p in net.named_parameters() if p.requires_grad and n not in lazy}
        parameters = list(self.named.values())
        self.device = parameters[0].device
        self.precision = precision_of(conf, self.device)
        self.highest = scaled(conf.learning_rate, conf.batch, conf.base_batch, conf.scale_rate)
        self.skipped = torch.zeros(1, dtype=torch.int64)
        self.size = sum(p.numel() for p in parameters)
        # The tail: summed loss, labelled positions, their weight, and one flag a rank.
        self.flat = torch.zeros(self.size + _TAIL + comm.size, device=self.device)
        at = 0
        for p in parameters:
            p.grad = self.flat[at : at + p.numel()].view_as(p)
            at += p.numel()
        self.optimiser = torch.optim.AdamW(
            [{"params": [p for p in parameters if p.ndim > 1], "weight_decay": conf.weight_decay},
             {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0}],
            lr=conf.learning_rate, betas=conf.betas, fused=True,
        )  # fmt: skip
        for p in parameters:  # made now, so that a checkpoint of step 0 has the same tensors as any other
            self.optimiser.state[p] = {"step": torch.zeros((), device=self.device), "exp_avg": torch.zeros_like(p),
                                       "exp_avg_sq": torch.zeros_like(p)}  # fmt: skip

    def _lazy(self) -> Tables | None:
        """The item tables, where their rows are updated lazily."""
        tower, how = getattr(self.net, "item", None), self.conf.sparse_rows
        if not isinstance(tower, ItemTower) or how == "off":
            return None
        if how == "auto" and (self.conf.loss == "softmax" or len(tower.delta) < _LARGE):
            return None
        twins = dict(self._twin.named_parameters()) if self.conf.ema else {}
        named = {
            f"item.{name}": LazyRows(
                p, twins.get(f"item.{name}"), self.conf.weight_decay * (p.ndim > 1), self.conf.betas
            )
            for name, p in tower.by_row().items()
        }
        tables = Tables(named)
        tower.lookup = tables.look_up
        return tables

    @property
    def ema(self) -> nn.Module:
        """The averaged net (the net itself where nothing is averaged), all its rows current."""
        if self.tables is not None:
            self.tables.settle()
        return self._twin

    def step(self, portion: Portion, step: int, progress: float) -> Done:
        """Learn from this rank's part of a step. step: over all epochs, 0-based; progress: epochs done.

        DataError D633, the same on every rank and before any weight has moved, where a loss or gradient is not finite
        and `train.skip_nonfinite` such steps were left out already.
        """
        self.net.train()
        loss = self._backward(portion, step)
        gradients, tail = self.flat[: self.size], self.flat[self.size :]
        rows, parts = self._rows()
        if loss is not None:
            finite = torch.isfinite(loss) & torch.isfinite(torch.stack([g.norm() for g in (gradients, *parts)])).all()
            tail[_TAIL + self.comm.rank] = (~finite).float()
        sent = self._sum(parts) + len(rows)
        told = tail.tolist()
        now = rate(self.highest, step, progress, warmup_steps=self.conf.warmup_steps,
                   epochs=self.conf.schedule_epochs or self.conf.epochs, final=self.conf.final_rate)  # fmt: skip
        if not told[1] and not any(told[_TAIL:]):
            return Done(0.0, 0, now, sent)  # nobody had a label: nobody moves
        norm = math.hypot(*(float(g.norm()) for g in (gradients, *parts))) / (told[2] or 1.0)
        if any(told[_TAIL:]) or not norm < float("inf"):
            self._skip(self._blame(portion, step, told[_TAIL:]))
            return Done(0.0, 0, now, sent, skipped=True)
        for g in (gradients, *parts):
            g.mul_(min(1.0, self.conf.clip / (norm + 1e-6)) / told[2])
        for group in self.optimiser.param_groups:
            group["lr"] = now
        self.optimiser.step()
        # Young averages forget the start faster, as in TensorFlow's ExponentialMovingAverage(num_updates).
        decay = min(self.conf.ema, (1 + step) / (10 + step)) if self.conf.ema else 1.0
        if self.tables is not None:
            self.tables.learn(rows, parts, now, decay)
        self._average(decay)
        return Done(told[0] / told[2] * told[1], round(told[1]), now, sent)

    def _backward(self, portion: Portion, step: int) -> Tensor | None:
        """Leave gradients, summed loss and positions of this rank in the buffer; the loss, None without a batch."""
        self.flat.zero_()
        if self.tables is not None:
            self.tables.forget()
            if portion.step == 0:
                # Ranks: some may have settled for the epoch's validation or best weights; now all have, to the bit.
                self.tables.settle()
        if portion.batch is None:
            return None
        batch = portion.batch.to(self.device)
        with (
            torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision.net),
            products(self.precision.products),
        ):
            loss, positions, weight = self.loss_of(batch, Key(self.seed, step, portion.segments))
        if positions:
            loss.backward()  # type: ignore[no-untyped-call]
        self.flat[self.size] = loss.detach()
        self.flat[self.size + 1] = positions
        self.flat[self.size + 2] = weight
        return loss.detach()

    def _rows(self) -> tuple[Tensor, list[Tensor]]:
        """The rows that any rank read, rising, and this rank's gradient of them, one flat part a table."""
        if self.tables is None:
            return torch.empty(0, dtype=torch.int64), []
        rows = self.tables.read(self.device)
        # Ranks: each has read other rows.
        rows = torch.unique(self.comm.gather(rows)).long()
        return rows, self.tables.gradients(rows)

    def _sum(self, parts: list[Tensor]) -> int:
        """Add the buffer and its parts up over the ranks, in one piece; how many values that were."""
        if not parts:
            self.comm.sum_(self.flat)
            return len(self.flat)
        sent = torch.cat([self.flat, *parts])
        self.comm.sum_(sent)
        for own, whole in zip((self.flat, *parts), torch.split(sent, [len(self.flat), *map(len, parts)]), strict=True):
            own.copy_(whole)
        return len(sent)

    def _average(self, decay: float) -> None:
        if self._twin is self.net:
            return
        means = dict(self._twin.named_parameters())
        with torch.no_grad():
            for name, new in self.named.items():
                means[name].lerp_(new, 1 - decay)

    def _skip(self, error: DataError) -> None:
        """Count a step that is left out, the same on every rank; raise where there were enough."""
        if int(self.skipped) >= self.conf.skip_nonfinite:
            raise error
        self.skipped += 1
        # Ranks: all know the same; one says it.
        if self.comm.rank == 0:
            warnings.warn(f"step left out, {int(self.skipped)} of {self.conf.skip_nonfinite} a run: {error.what} "
                          f"({error.where})", stacklevel=3)  # fmt: skip

    def _blame(self, portion: Portion, step: int, flags: list[float]) -> DataError:
        """Tell everybody whose batch it was: one more sum, which all ranks reach together."""
        told = torch.zeros((self.comm.size, 2 + _SHOWN), dtype=torch.int64)
        if portion.batch is not None and flags[self.comm.rank]:
            mine = told[self.comm.rank]
            users = portion.batch.user[:_SHOWN].cpu()
            mine[0], mine[1] = portion.batch.rows, portion.batch.length
            mine[2 : 2 + len(users)] = users
        flat = told.reshape(-1)
        self.comm.sum_(flat)
        said = [
            f"rank {r}: {row[0]} rows of length {row[1]}, column user {', '.join(map(str, row[2 : 2 + row[0]]))}"
            for r, row in enumerate(flat.view_as(told).tolist())
            if flags[r]
        ]
        where = f"step {step} · {' · '.join(said) or 'the sum over all ranks'}"
        return DataError("D633", "loss or gradient is not a finite number", where,
                         "a lower train.learning_rate? or these users' numeric and profile features")  # fmt: skip

    def tensors(self) -> dict[str, Tensor]:
        """All state by name, live: what a checkpoint holds, and what a broadcast overwrites."""
        out = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        if self._twin is not self.net:
            out |= {f"ema.{k}": v for k, v in self._twin.state_dict().items()}
        for name, p in self.named.items():
            out |= {f"adam.{name}.{k}": v for k, v in self.optimiser.state[p].items()}
        if self.tables is not None:
            out |= self.tables.tensors()
        if self.conf.skip_nonfinite:
            out["skipped"] = self.skipped
        return out
