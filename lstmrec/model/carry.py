"""Carry mode: a user's LSTM state goes on from the events that are new, one event of every row at a time.

Every step of every row is the same products over the same number of rows, so a state does not depend on how its events
were cut into days: a history fed in parts gives the bits that the whole of it gives (with one row count).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from lstmrec.contracts.errors import ConfigError
from lstmrec.model.net import Net
from lstmrec.model.spec import NetSpec
from lstmrec.model.user import Layer, UserTower, blocks, exact, gated, time_features


@dataclass(frozen=True)
class Events:
    """What B users did since their states: items, types, times (B, L), right-padded; n (B,) of them are real.

    last (B,): seconds of the event before the first, where `had` (B,) says that there is one. static (B, S), profile
    (B, P). Integers are int64.
    """

    items: Tensor
    types: Tensor
    times: Tensor
    n: Tensor
    last: Tensor
    had: Tensor
    static: Tensor
    profile: Tensor

    def padded(self, rows: int) -> Events:
        """The same users and then empty ones, `rows` in all."""
        more = rows - len(self.n)
        if more <= 0:
            return self
        grown = [getattr(self, f.name) for f in fields(self)]
        return Events(*(torch.cat([t, t.new_zeros((more, *t.shape[1:]))]) for t in grown))


def can(spec: NetSpec) -> None:
    """ConfigError C710 where a net's state is not of one size, or its scores move without new events."""
    if spec.attention:
        raise ConfigError("C710", "attention looks back at every hidden state, which no state of one size holds",
                          "score.mode", "--set score.mode=windows, or train.model.attention=false")  # fmt: skip
    if spec.history == "learn":
        raise ConfigError("C710", "scores of own items (sequence.history: learn) decay to the cut, so every list "
                          "changes every day", "score.mode", "--set score.mode=windows")  # fmt: skip


def size(spec: NetSpec) -> int:
    """Numbers of a state: h and c of every layer."""
    return 2 * spec.layers * spec.units


@torch.no_grad()
def advance(net: Net, events: Events, inputs: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
    """(states (B, size), user vectors (B, dim)), both float32, after the events.

    inputs (N, dim): the item vectors that items are fed as; states (B, size): only looked at where a user `had` events.
    The user vector is that of `Net.user_vectors` over the whole history (its last bits aside).
    """
    tower, spec = net.user, net.spec
    rows, length = events.items.shape
    x = F.embedding(events.items, inputs)
    own = x.new_zeros((rows, x.shape[2]))
    if length:
        ends = x[torch.arange(rows), (events.n - 1).clamp(min=0)]
        own = torch.where((events.n > 0)[:, None], ends, own)
    if tower.types is not None:
        x = x + tower.types(events.types)
    if tower.time is not None and length:
        x = x + exact(tower.time, time_features(events.times, events.last, events.had)).float()
    cells = _begun(tower, events, states, x.new_zeros((rows, 1)))
    kernels = [_kernel(layer) for layer in blocks(tower)]
    hidden = _placed(tower, cells)  # of users without an event; others have one at the end, or their vector already
    for t in range(length):
        there = (t < events.n)[:, None]
        below: Tensor | None = None
        for i, layer in enumerate(blocks(tower)):
            h, c = cells[i]
            weights, bias = kernels[i]
            read = torch.cat([x[:, t] if below is None else below, h], 1)
            new_h, new_c = gated(torch.addmm(bias, read, weights), c)
            cells[i] = torch.where(there, new_h, h), torch.where(there, new_c, c)
            below = layer.block(new_h, below)
        assert below is not None
        hidden = torch.where(there, below, hidden)
    made = torch.stack([torch.stack(pair, 1) for pair in cells], 1).reshape(rows, size(spec))
    return made, tower.query(hidden, own, events.profile)


def _begun(tower: UserTower, events: Events, states: Tensor, like: Tensor) -> list[tuple[Tensor, Tensor]]:
    """(h, c) of every layer before the events: of the state, or of the demographics."""
    spec = tower.spec
    kept = states.view(len(states), spec.layers, 2, spec.units)
    cells = []
    for i in range(spec.layers):
        h, c = tower.first(events.static, i, like)
        had = events.had[:, None]
        cells.append((torch.where(had, kept[:, i, 0], h), torch.where(had, kept[:, i, 1], c)))
    return cells


def _kernel(layer: Layer) -> tuple[Tensor, Tensor]:
    """(weights (4 units, width + units), bias): both products of a step as one."""
    w: dict[str, Tensor] = dict(layer.lstm.named_parameters())
    both = torch.cat([w["weight_ih_l0"], w["weight_hh_l0"]], 1).T.contiguous()
    return both, w["bias_ih_l0"] + w["bias_hh_l0"]


def _placed(tower: UserTower, cells: list[tuple[Tensor, Tensor]]) -> Tensor:
    """(B, units): what the layers make of place 0, before any event."""
    below: Tensor | None = None
    for layer, (h, _) in zip(blocks(tower), cells, strict=True):
        below = layer.block(h, below)
    assert below is not None
    return below
