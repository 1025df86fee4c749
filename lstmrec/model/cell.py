"""A layer's LSTM without gradients, one event of every row at a time: most of what scoring computes.

A step is one product and a few passes over its gates, in buffers that are used again. Two things make it faster than
torch's LSTM (docs/scoring.md has the figures): what items bring to the first layer's gates is a table made once a
catalogue, so that the input's half of the product is a look-up, and sigmoid and tanh are made of 2^x, with the scale
that this takes in the weights.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from lstmrec.model.spec import NetSpec
from lstmrec.model.user import Layer, UserTower, blocks

_LOG2_E = math.log2(math.e)
# Tensors, since a Python number is made one anew in every operation.
_ONE, _TO_BOTH = torch.tensor(1.0), torch.tensor(-2 * _LOG2_E)
_MOST = 512 << 20  # of a table: what a host's page cache has beside the matrix and the executors
_ROWS = 4096  # of the catalogue at once: one row count, so that an item's row is the same in every catalogue


class Cell:
    """One layer of B rows while it reads: h and c (B, units) are its state, which `step` moves on.

    What a step reads beside h stands in `rest` (B, K - units).
    """

    def __init__(self, weights: Tensor, bias: Tensor, h: Tensor, c: Tensor) -> None:
        """weights (K, 4 units) and bias (4 units,) of `weights`; the state to start from."""
        rows, units = h.shape
        self._weights, self._bias = weights, bias
        self._read = h.new_zeros((rows, len(weights)))
        self.h, self.rest, self.c = self._read[:, :units], self._read[:, units:], c.clone()
        self.h.copy_(h)
        self._sums, self._squashed = h.new_empty((rows, 4 * units)), torch.empty_like(h)
        self._gates = self._sums.chunk(4, 1)

    def step(self, table: Tensor | None = None, items: Tensor | None = None) -> None:
        """One event more of every row. table (N, 4 units): the sums that the rows' items (B,) start from, instead of
        the bias."""
        if table is None or items is None:
            torch.addmm(self._bias, self._read, self._weights, out=self._sums)
        else:
            torch.index_select(table, 0, items, out=self._sums)
            self._sums.addmm_(self._read, self._weights)
        _squash(self._sums)
        i, f, g, o = self._gates  # torch's order (Hochreiter and Schmidhuber 1997)
        self.c.mul_(f).sub_(i).addcmul_(i, g, value=2)  # f c + i (2 g - 1)
        y = _squash(torch.mul(self.c, _TO_BOTH, out=self._squashed))
        torch.mul(y, o, out=self.h).mul_(2).sub_(o)


def _squash(x: Tensor) -> Tensor:
    """The sigmoid of sums scaled by -log2 e; where they are scaled by -2 log2 e, (1 + tanh) / 2. In place."""
    return x.exp2_().add_(_ONE).reciprocal_()


def facts_of(tower: UserTower, types: Tensor, clock: Tensor | None) -> Tensor:
    """(L, B, F): what a row reads of its events beside their items: of the time features (B, L, 6), where there are
    any, and of types (B, L)."""
    parts = [] if clock is None else [clock]
    if tower.types is not None:
        parts.append(F.one_hot(types, tower.types.num_embeddings).float())
    return (
        torch.cat(parts, 2).transpose(0, 1).contiguous()
        if parts
        else torch.zeros((*types.T.shape, 0), device=types.device)
    )


def weights(tower: UserTower, i: int, reads: bool) -> tuple[Tensor, Tensor]:
    """(weights (K, 4 units), bias (4 units,)) of layer i for `Cell`: rows of h, of the input if it `reads` one (a table
    may stand for it), and in the first layer of the facts."""
    ih, hh, bias = _scaled(blocks(tower)[i])
    parts = [hh, ih] if reads else [hh]
    if i == 0 and tower.time is not None:
        parts.append(tower.time.weight.T @ ih)
        bias = bias + tower.time.bias @ ih
    if i == 0 and tower.types is not None:
        parts.append(tower.types.weight @ ih)
    return torch.cat(parts), bias


def _scaled(layer: Layer) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of the input (width, 4 units) and of h (units, 4 units), and the bias (4 units,), for `_squash`."""
    w: dict[str, Tensor] = dict(layer.lstm.named_parameters())
    scale = w["bias_ih_l0"].new_full((4, layer.lstm.hidden_size), -_LOG2_E)
    scale[2] *= 2  # the one gate that is a tanh
    flat = scale.view(-1)
    return w["weight_ih_l0"].T * flat, w["weight_hh_l0"].T * flat, (w["bias_ih_l0"] + w["bias_hh_l0"]) * flat


def worth(spec: NetSpec, items: int) -> bool:
    """Whether a table of so many items saves more than it costs: the input's product is at least half of a step's, and
    the table is small enough to stay in memory beside all that is there. Attention is not read by cells."""
    return not spec.attention and spec.units <= spec.dim and items * 4 * spec.units * 4 <= _MOST


@torch.no_grad()
def table(tower: UserTower, inputs: Tensor, out: Tensor) -> None:
    """Into out (N, 4 units): what events of items, inputs (N, dim), bring to the first layer's gates, and its bias."""
    ih, _, _ = _scaled(blocks(tower)[0])
    _, bias = weights(tower, 0, reads=False)
    part = inputs.new_zeros((_ROWS, inputs.shape[1]))
    for low in range(0, len(inputs), _ROWS):
        many = min(_ROWS, len(inputs) - low)
        part[:many] = inputs[low : low + many]
        out[low : low + many] = torch.addmm(bias, part, ih)[:many]
