"""The user tower: demographics set the first state, an LSTM reads the events, profiles enter at the head."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lstmrec.contracts.units import DAY_S
from lstmrec.model.batch import Batch
from lstmrec.model.keys import Key
from lstmrec.model.linear import linear
from lstmrec.model.spec import NetSpec

_TIME_FEATURES = 6
_SHARPNESS = 10.0  # 1 / temperature of cosines, at the start


class Layer(nn.Module):
    """LayerNorm(x + LSTM(x)), then LayerNorm(x + FFN(x)) where asked for (Liu et al. 2024, RecBLR's blocks).

    The first layer, whose input is no hidden state, has no residual.
    """

    def __init__(self, width: int, units: int, ffn: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, units, batch_first=True)
        self.norm = nn.LayerNorm(units)
        self.ffn: nn.Module | None = None
        if ffn:
            self.ffn = nn.Sequential(nn.Linear(units, ffn * units), nn.GELU(), nn.Linear(ffn * units, units))
            self.ffn_norm = nn.LayerNorm(units)
        with torch.no_grad():
            weights: dict[str, Tensor] = dict(self.lstm.named_parameters())
            weights["bias_hh_l0"].zero_()
            weights["bias_ih_l0"].zero_()[units : 2 * units] = 1.0  # forget bias 1 (Jozefowicz et al. 2015)
            nn.init.xavier_uniform_(weights["weight_ih_l0"])
            for gate in weights["weight_hh_l0"].chunk(4):
                nn.init.orthogonal_(gate)

    def forward(
        self, x: Tensor, first: Tensor | None, h0: Tensor, c0: Tensor, mask: Tensor | None, at: Tensor | None = None
    ) -> Tensor:
        """(B, L+1, units) of inputs x (B, L, width); row 0 is the state before any input, of h0 and `first`.

        at (B,): (B, 1, units), of one place a row alone.
        """
        y: Tensor = self.lstm(x, (h0[None], c0[None]))[0]
        return self.block(joined(h0[:, None], y, at), None if first is None else joined(first, x, at), mask)

    def block(self, y: Tensor, before: Tensor | None, mask: Tensor | None = None) -> Tensor:
        """What comes after the LSTM, place by place: states y and the layer's input, if it is a residual."""
        y = self.norm(y if before is None else y + before)
        if self.ffn is not None:
            z = self.ffn(y)
            y = self.ffn_norm(y + (z if mask is None else z * mask))
        return y if mask is None else y * mask


class Attention(nn.Module):
    """LayerNorm(y + attended y): scaled dot products of each place with itself and those before it (Vaswani et al.
    2017, one head), on top of the LSTM, whose order it needs no positions for. It starts as no more than the norm."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(units, units, bias=False), nn.Linear(units, units, bias=False)
        self.value = nn.Linear(units, units)
        self.norm = nn.LayerNorm(units)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    def weights(self, y: Tensor) -> Tensor:
        """(B, L+1, L+1) of hidden states (B, L+1, units): how much place i looks at place j <= i; rows sum to 1."""
        q, k = linear(self.query, y), linear(self.key, y)
        scores = q @ k.transpose(1, 2) * y.shape[-1] ** -0.5
        later = torch.ones(scores.shape[1:], dtype=torch.bool, device=y.device).triu(1)
        out: Tensor = scores.masked_fill(later, -torch.inf).softmax(2)
        return out

    def forward(self, y: Tensor, mask: Tensor | None, exact: bool = False) -> Tensor:
        """y (B, L+1, units) again. exact: sums in float64, so that padding does not show in the last bit."""
        x = y.double() if exact else y
        z = (self.weights(x) @ linear(self.value, x)).to(y.dtype)
        out: Tensor = self.norm(y + (z if mask is None else z * mask))
        return out


class UserTower(nn.Module):
    """Queries of every prefix of a window. Dropout is locked: one mask a sequence (Gal and Ghahramani 2016)."""

    def __init__(self, spec: NetSpec) -> None:
        super().__init__()
        self.spec = spec
        dim, units = spec.dim, spec.units
        self.types = nn.Embedding(spec.types, dim, padding_idx=0) if spec.use_types else None
        self.time = nn.Linear(_TIME_FEATURES, dim) if spec.use_time else None
        if self.types is not None:
            nn.init.normal_(self.types.weight, std=0.1)
        self.static: nn.ModuleList | None = None
        if spec.use_static and spec.static:
            self.static = nn.ModuleList(nn.Embedding(size, 16) for size in spec.static)
            self.start = nn.Sequential(
                nn.Linear(16 * len(spec.static), dim), nn.GELU(), nn.Linear(dim, 2 * spec.layers * units)
            )
        self.layers = nn.ModuleList(Layer(dim if i == 0 else units, units, spec.ffn) for i in range(spec.layers))
        self.attention = Attention(units) if spec.attention else None
        self.head = nn.Linear(units, dim)
        self.profile = nn.Linear(spec.profile, dim) if spec.use_profile and spec.profile else None
        self.norm = nn.LayerNorm(dim)
        self.sharpness = nn.Parameter(torch.tensor(math.log(_SHARPNESS))) if spec.cosine else None
        nn.init.constant_(
            self.norm.weight, dim**-0.5
        )  # scores of unit size: of size sqrt(dim) they take epochs to tame

    def hidden(self, batch: Batch, inputs: Tensor, key: Key | None, at: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(hidden (B, L+1, units), own (B, L+1, dim)) of input item vectors (B, L, dim); place 0 is before any event.

        `own` is the vector of the event a place stands after, 0 at place 0. at (B,): of one place a row alone, both
        (B, 1, ...): what the others would cost is saved where it can be.
        """
        inputs = self._dropped(inputs, "inputs", self.spec.input_dropout, key)
        x = inputs
        if self.types is not None:
            x = x + self.types(batch.types)
        if self.time is not None:
            x = x + exact(self.time, time_features(batch.times)).to(x.dtype)
        first: Tensor | None = None
        for i, layer in enumerate(self.layers):
            mask = self._mask(f"hidden {i}", self.spec.units, self.spec.hidden_dropout, key, x)
            h0, c0 = self.first(batch.static, i, x)
            y = layer(x, first, h0, c0, mask, at if self.attention is None and layer is self.layers[-1] else None)
            first, x = y[:, :1], y[:, 1:]
        if self.attention is not None:
            mask = self._mask("attention", self.spec.units, self.spec.hidden_dropout, key, y)
            y = self.attention(y, mask, exact=key is None)
            y = joined(y[:, :1], y[:, 1:], at)
        return y, joined(torch.zeros_like(inputs[:, :1]), inputs, at)

    def query(self, hidden: Tensor, own: Tensor, profile: Tensor) -> Tensor:
        """(..., dim) queries of hidden states (..., units); profile (..., P)."""
        q = self.head(hidden) + own
        if self.profile is not None:
            q = q + exact(self.profile, profile).to(q.dtype)
        out: Tensor = self.norm(q)
        if self.sharpness is not None:  # item vectors are of length sqrt(dim)
            out = F.normalize(out, dim=-1) * (self.sharpness.exp() * self.spec.dim**-0.5)
        return out

    def first(self, static: Tensor, i: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """(h, c), both (B, units), of layer i before any event, of demographics (B, S); `like` says in which dtype."""
        rows = static.shape[0]
        if self.static is None:
            zero = like.new_zeros((rows, self.spec.units))
            return zero, zero
        known = [table(static[:, j]) for j, table in enumerate(self.static)]
        h, c = self.start(torch.cat(known, 1)).view(rows, self.spec.layers, 2, -1)[:, i].unbind(1)
        return torch.tanh(h), c.contiguous()  # cuDNN wants it so

    def _mask(self, name: str, width: int, p: float, key: Key | None, like: Tensor) -> Tensor | None:
        if key is None or p == 0:
            return None
        return key.mask(name, (width,), p, like.device)[:, None].to(like.dtype)

    def _dropped(self, x: Tensor, name: str, p: float, key: Key | None) -> Tensor:
        mask = self._mask(name, x.shape[-1], p, key, x)
        return x if mask is None else x * mask


def joined(first: Tensor, rest: Tensor, at: Tensor | None) -> Tensor:
    """(B, L+1, width) of place 0 (B, 1, width) and the others (B, L, width); at (B,): (B, 1, width), that place."""
    if at is None:
        return torch.cat([first, rest], 1)
    row = torch.arange(len(at), device=at.device)
    return torch.where((at > 0)[:, None], rest[row, (at - 1).clamp(min=0)], first[:, 0])[:, None]


def blocks(tower: UserTower) -> list[Layer]:
    """The layers, as what they are."""
    return cast(list[Layer], list(tower.layers))


def gated(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """(h, c) of one step, of the sums (B, 4 units) that its gates are made of (Hochreiter and Schmidhuber 1997; torch's
    order: input, forget, cell, output)."""
    i, f, g, o = gates.chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def exact(layer: nn.Linear, x: Tensor) -> Tensor:
    """A layer of few inputs, in float64: in fp32 the last bit depends on where in the tensor a row stands (seen)."""
    return linear(layer, x.double())


def time_features(t: Tensor, last: Tensor | None = None, had: Tensor | None = None) -> Tensor:
    """(B, L, 6) float32 of times (B, L): log gap to the event before, whether there is none, hour of day and weekday on
    circles (UTC).

    The gap of a window's first event is unknown, also where earlier events exist; but for rows that `had` (B,) one
    before, at `last` (B,).
    """
    gap = F.pad((t[:, 1:] - t[:, :-1]).clamp(min=0), (1, 0)).double()
    first = torch.zeros_like(gap)
    first[:, 0] = 1.0
    if last is not None and had is not None:
        gap[:, 0] = torch.where(had, (t[:, 0] - last).clamp(min=0).double(), 0.0)
        first[:, 0] = (~had).double()
    return calendar(t, gap, first)


def calendar(t: Tensor, gap: Tensor, first: Tensor) -> Tensor:
    """(..., 6) float32 of times in seconds, gaps in seconds and whether there is none (float64)."""
    hour = (t % DAY_S).double() * (2 * math.pi / DAY_S)
    week = ((t // DAY_S + 3) % 7).double() * (2 * math.pi / 7)  # 1970-01-01 was a Thursday; Monday is 0
    # In float64 and then rounded: vector and scalar sines differ in the last bit, by the place in the tensor.
    return torch.stack([gap.log1p() / 10, first, hour.sin(), hour.cos(), week.sin(), week.cos()], -1).float()
