"""Carry mode: a user's LSTM state goes on from the events that are new, one event of every row at a time.

Every step of every row is the same products over the same number of rows, so a state does not depend on how its events
were cut into days: a history fed in parts gives the bits that the whole of it gives (with one row count, and with a
table both times or never).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from lstmrec.contracts.errors import ConfigError
from lstmrec.model.batch import Batch
from lstmrec.model.cell import ROWS, Cell, types_of, weights
from lstmrec.model.net import Net
from lstmrec.model.spec import NetSpec
from lstmrec.model.user import Layer, UserTower, blocks, time_features


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

    @classmethod
    def of(cls, batch: Batch) -> Events:
        """All of each window, as if nothing had been before it."""
        none = torch.zeros_like(batch.n)
        return cls(batch.items, batch.types, batch.times, batch.n, none, none > 0, batch.static, batch.profile)

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
def advance(
    net: Net, events: Events, inputs: Tensor, states: Tensor, table: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(states (B, size), user vectors (B, dim)), both float32, after the events.

    inputs (N, dim): the item vectors that items are fed as; states (B, size): only looked at where a user `had` events;
    table (N, 4 units): `cell.table` of the inputs, where there is one, which is faster.
    The user vector is that of `Net.user_vectors` over the whole history (its last bits aside).
    """
    rows = len(events.n)
    if over := -rows % ROWS:
        states = F.pad(states, (0, 0, 0, over))
        made, users = advance(net, events.padded(rows + over), inputs, states, table)
        return made[:rows], users[:rows]
    tower, n = net.user, events.n
    items, types, layers = events.items.T.contiguous(), events.types.T.contiguous(), blocks(tower)
    begun = _begun(tower, events, states, inputs.new_zeros((rows, 1)))
    cells = [Cell(*weights(tower, i, i > 0 or table is None), h, c) for i, (h, c) in enumerate(begun)]
    ends = [(h.clone(), c.clone()) for h, c in begun]
    below = _below(layers, [h for h, _ in begun])
    width = inputs.shape[1] if table is None else 0
    clock = time_features(events.times, events.last, events.had) if tower.time is not None and len(items) else None
    typed = None if tower.types is None else types_of(tower, table is None)
    ending = {m: (n == m).nonzero()[:, 0] for m in set(n.tolist())}  # rows by the number of their events
    for t in range(max(ending, default=0)):
        y: Tensor | None = None
        for layer, cell in zip(layers, cells, strict=True):
            if y is not None:
                cell.rest.copy_(y)
                cell.step()
            else:
                if table is None:
                    cell.rest[:, :width].copy_(F.embedding(items[t], inputs))
                if clock is not None:
                    cell.rest[:, width:].copy_(clock[:, t])
                both = ((table, items[t]), (typed, types[t]))
                cell.step(*((one, place) for one, place in both if one is not None))
            if layer is not layers[-1]:
                y = layer.block(cell.h, y)
        done = ending.get(t + 1)
        if done is not None:  # they go on, through padding, which nothing looks at
            for (h, c), cell in zip(ends, cells, strict=True):
                h[done], c[done] = cell.state(done)
            if below is not None and y is not None:
                below[done] = y[done]
    made = torch.stack([torch.stack(pair, 1) for pair in ends], 1).reshape(rows, size(net.spec))
    return made, tower.query(layers[-1].block(ends[-1][0], below), _last(events, inputs), events.profile)


def _last(events: Events, inputs: Tensor) -> Tensor:
    """(B, dim): the vector of each row's last event, 0 without one."""
    if not events.items.shape[1]:
        return inputs.new_zeros((len(events.n), inputs.shape[1]))
    item = events.items.gather(1, (events.n - 1).clamp(min=0)[:, None])[:, 0]
    return torch.where((events.n > 0)[:, None], F.embedding(item, inputs), 0.0)


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


def _below(layers: Sequence[Layer], h: Sequence[Tensor]) -> Tensor | None:
    """(B, units): what the last layer reads at place 0, before any event, of the layers' states; None: it is the
    first."""
    below: Tensor | None = None
    for layer, state in zip(layers[:-1], h, strict=False):
        below = layer.block(state, below)
    return below
