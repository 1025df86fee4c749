"""Windows read as if their users had just come: what a net learns users of little history from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from lstmrec.contracts.units import DAY_S
from lstmrec.model.batch import Batch
from lstmrec.model.keys import Key
from lstmrec.model.spec import NetSpec


def no_event(scalers: Sequence[tuple[str, float, float]]) -> tuple[float, ...]:
    """The encoded profile of users without an event: all its numbers are 0. scalers: of the facts of USER_PROFILES."""
    return tuple(np.float32(-center / scale).item() for _, center, scale in scalers)


def newcomers(
    batch: Batch, spec: NetSpec, share: float, key: Key, none: Tensor, half_life: float | None = None
) -> tuple[Batch, Tensor]:
    """(the batch, in which a share of the rows begin anew; which rows those are, (B,) bool), by key.

    Such a row is the same window from one of its groups on, all before it forgotten: no earlier items, and the profile
    of users without an event, none (P,). So place 0 and the few after it are those of a new user, at any time instead
    of at the log's start, when all users of a log seem new. The group is drawn, among those after which the train role
    reaches as far as labels do, evenly or, with half_life (days), in proportion to 0.5 ** (age / half_life), age
    counted from the train cut. Rows without such a group stay as they are.
    """
    length, device = batch.length, batch.n.device
    step = torch.arange(length, device=device)
    opens = torch.ones_like(batch.items, dtype=torch.bool)
    opens[:, 1:] = batch.ends[:, :-1] > 0
    opens &= step < batch.n[:, None]
    if spec.objective == "next_days":
        opens &= batch.times + spec.horizon_days * DAY_S <= batch.cut[:, None]
    chosen = (key.uniform("newcomers", (), device) < share) & opens.any(1)
    start = torch.where(chosen, _drawn(batch, opens, key, half_life), 0)
    source = step + start[:, None]
    inside = source < batch.n[:, None]
    moved = {name: torch.where(inside, getattr(batch, name).gather(1, source.clamp(max=length - 1)), 0)
             for name in ("items", "types", "times", "ends")}  # fmt: skip
    past = {name: torch.where(_wide(chosen, getattr(batch, name)), 0, getattr(batch, name))
            for name in ("before_items", "before_counts", "before_times", "before_decayed")}  # fmt: skip
    profile = torch.where(chosen[:, None], none.to(batch.profile), batch.profile)
    return replace(batch, n=batch.n - start, profile=profile, **moved, **past), chosen


def _drawn(batch: Batch, opens: Tensor, key: Key, half_life: float | None) -> Tensor:
    """(B,) one place of each row where `opens`: of exponential races with rates as the weights, the first to end."""
    draws = key.uniform("newcomers start", (batch.length,), batch.n.device).double()
    wait = -torch.log1p(-draws)
    if half_life is not None:
        age = (batch.cut[:, None] - batch.times).clamp(min=0).double() / DAY_S
        youngest = age.masked_fill(~opens, torch.inf).amin(1, keepdim=True)  # counted from there: nothing overflows
        wait = wait * torch.exp2((age - youngest.clamp(max=1e9)) / half_life)
    return wait.masked_fill(~opens, torch.inf).argmin(1)


def _wide(rows: Tensor, like: Tensor) -> Tensor:
    return rows.view(-1, *(1,) * (like.ndim - 1))
