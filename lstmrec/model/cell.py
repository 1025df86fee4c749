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

from lstmrec.model.user import Layer, UserTower, blocks

_LOG2_E = math.log2(math.e)
# Tensors, since a Python number is made one anew in every operation.
_ONE, _TO_BOTH = torch.tensor(1.0), torch.tensor(2 * _LOG2_E)
_ITEMS = 4096  # of a table at once: one row count, so that an item's row is the same in every catalogue
#: A number of rows is a multiple of this: torch takes another exp2 for what its vectors leave over of a buffer (seen:
#: 16 numbers by AVX2), and a row would have other last bits where it stands last.
ROWS = 32


class Cell:
    """One layer of B rows while it reads: h and c (B, units) are its state, which `step` moves on.

    What a step reads beside h stands in `rest` (B, K - units). Both are kept as -h and -c: i - 2 i g and o - 2 o y are
    one pass each so, and c two.
    """

    def __init__(self, weights: Tensor, bias: Tensor, h: Tensor, c: Tensor) -> None:
        """weights (K, 4 units) and bias (4 units,) of `weights`; the state to start from."""
        rows, units = h.shape
        self._weights, self._bias = weights, bias
        self._read = h.new_zeros((rows, len(weights)))
        self._h, self.rest, self._c = self._read[:, :units], self._read[:, units:], -c
        torch.neg(h, out=self._h)
        self._sums, self._some = h.new_empty((rows, 4 * units)), torch.empty_like(h)
        self._gates = self._sums.chunk(4, 1)

    @property
    def h(self) -> Tensor:
        return -self._h

    def state(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """h and c of some rows."""
        return -self._h[rows], -self._c[rows]

    def step(self, *begun: tuple[Tensor, Tensor]) -> None:
        """One event more of every row. begun: tables (N, 4 units) and the place (B,) of each row in them: what the sums
        begin with instead of the bias."""
        if begun:
            (table, place), *more = begun
            torch.index_select(table, 0, place, out=self._sums)
            for table, place in more:
                self._sums.add_(table.index_select(0, place))
        else:
            self._sums.copy_(self._bias)
        self._sums.addmm_(self._read, self._weights)
        _squash(self._sums)
        i, f, g, o = self._gates  # torch's order (Hochreiter and Schmidhuber 1997)
        less = torch.addcmul(i, i, g, value=-2, out=self._some)  # c is f c + i (2 g - 1)
        torch.addcmul(less, f, self._c, out=self._c)
        y = _squash(torch.mul(self._c, _TO_BOTH, out=self._some))
        torch.addcmul(o, o, y, value=-2, out=self._h)


def _squash(x: Tensor) -> Tensor:
    """The sigmoid of sums scaled by -log2 e; where they are scaled by -2 log2 e, (1 + tanh) / 2. In place."""
    return x.exp2_().add_(_ONE).reciprocal_()


def weights(tower: UserTower, i: int, reads: bool) -> tuple[Tensor, Tensor]:
    """(weights (K, 4 units), bias (4 units,)) of layer i for `Cell`: for -h, for the input if it `reads` one (a table
    may stand for it), and in the first layer for the time features, where it looks at them."""
    ih, hh, bias = _scaled(blocks(tower)[i])
    parts = [-hh, ih] if reads else [-hh]
    if i == 0 and tower.time is not None:
        parts.append(tower.time.weight.T @ ih)
        bias = bias + tower.time.bias @ ih
    return torch.cat(parts), bias


def types_of(tower: UserTower, bias: bool) -> Tensor:
    """(types, 4 units): what event types bring to the first layer's gates, and where asked for its bias."""
    assert tower.types is not None
    ih, _, _ = _scaled(blocks(tower)[0])
    own = tower.types.weight @ ih
    return own + weights(tower, 0, reads=False)[1] if bias else own


def _scaled(layer: Layer) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of the input (width, 4 units) and of h (units, 4 units), and the bias (4 units,), for `_squash`."""
    w: dict[str, Tensor] = dict(layer.lstm.named_parameters())
    scale = w["bias_ih_l0"].new_full((4, layer.lstm.hidden_size), -_LOG2_E)
    scale[2] *= 2  # the one gate that is a tanh
    flat = scale.view(-1)
    return w["weight_ih_l0"].T * flat, w["weight_hh_l0"].T * flat, (w["bias_ih_l0"] + w["bias_hh_l0"]) * flat


@torch.no_grad()
def table(tower: UserTower, inputs: Tensor, out: Tensor) -> None:
    """Into out (N, 4 units): what events of items, inputs (N, dim), bring to the first layer's gates, and its bias."""
    ih, _, _ = _scaled(blocks(tower)[0])
    _, bias = weights(tower, 0, reads=False)
    part = inputs.new_zeros((_ITEMS, inputs.shape[1]))
    for low in range(0, len(inputs), _ITEMS):
        many = min(_ITEMS, len(inputs) - low)
        part[:many] = inputs[low : low + many]
        out[low : low + many] = torch.addmm(bias, part, ih)[:many]
