"""One optimiser step over all ranks: sums travel in one flat buffer, once, and everybody moves or nobody does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lstmrec.config.train import TrainConfig
from lstmrec.contracts.errors import DataError
from lstmrec.model.batch import Batch
from lstmrec.model.keys import Key
from lstmrec.training.batches import Portion
from lstmrec.training.comm import Comm
from lstmrec.training.schedule import rate

LossOf = Callable[[Batch, Key], tuple[Tensor, int]]
"""(summed loss with a gradient, labelled positions) of a batch on the net's device."""

_SHOWN = 4  # users named where a loss is not finite


@dataclass(frozen=True)
class Done:
    """What a step did: summed loss and labelled positions over all ranks, its learning rate."""

    loss: float
    positions: int
    rate: float


class Learner:
    """A net, its averaged twin, and AdamW (Loshchilov and Hutter 2019); gradients live in one flat buffer."""

    def __init__(self, net: nn.Module, loss_of: LossOf, conf: TrainConfig, comm: Comm, seed: int) -> None:
        self.net, self.loss_of, self.conf, self.comm, self.seed = net, loss_of, conf, comm, seed
        self.ema = copy.deepcopy(net).eval() if conf.ema else net
        self.named = {n: p for n, p in net.named_parameters() if p.requires_grad}
        parameters = list(self.named.values())
        self.device = parameters[0].device
        self.size = sum(p.numel() for p in parameters)
        # The tail: summed loss, labelled positions, and one flag a rank.
        self.flat = torch.zeros(self.size + 2 + comm.size, device=self.device)
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

    def step(self, portion: Portion, step: int, progress: float) -> Done:
        """Learn from this rank's part of a step. step: over all epochs, 0-based; progress: epochs done.

        DataError D633, the same on every rank and before any weight has moved, where a loss or gradient is not finite.
        """
        self.net.train()
        self.flat.zero_()
        gradients, tail = self.flat[: self.size], self.flat[self.size :]
        if portion.batch is not None:
            batch = portion.batch.to(self.device)
            loss, positions = self.loss_of(batch, Key(self.seed, step, portion.segments))
            if positions:
                loss.backward()  # type: ignore[no-untyped-call]
            tail[0], tail[1] = loss.detach(), positions
            finite = torch.isfinite(loss.detach()) & torch.isfinite(gradients.norm())
            tail[2 + self.comm.rank] = (~finite).float()
        self.comm.sum_(self.flat)
        told = tail.tolist()
        now = rate(self.conf.learning_rate, step, progress, warmup_steps=self.conf.warmup_steps,
                   epochs=self.conf.schedule_epochs or self.conf.epochs, final=self.conf.final_rate)  # fmt: skip
        if not told[1] and not any(told[2:]):
            return Done(0.0, 0, now)  # nobody had a label: nobody moves
        norm = float(gradients.norm()) / max(told[1], 1.0)
        if any(told[2:]) or not norm < float("inf"):
            raise self._blame(portion, step, told[2:])
        gradients.mul_(min(1.0, self.conf.clip / (norm + 1e-6)) / told[1])
        for group in self.optimiser.param_groups:
            group["lr"] = now
        self.optimiser.step()
        self._average(step)
        return Done(told[0], round(told[1]), now)

    def _average(self, step: int) -> None:
        if self.ema is self.net:
            return
        # Young averages forget the start faster, as in TensorFlow's ExponentialMovingAverage(num_updates).
        decay = min(self.conf.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, new in zip(self.ema.parameters(), self.net.parameters(), strict=True):
                mean.lerp_(new, 1 - decay)

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
        if self.ema is not self.net:
            out |= {f"ema.{k}": v for k, v in self.ema.state_dict().items()}
        for name, p in self.named.items():
            out |= {f"adam.{name}.{k}": v for k, v in self.optimiser.state[p].items()}
        return out
