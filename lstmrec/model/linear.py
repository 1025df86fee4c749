"""Linear layers in another dtype than that of their weights."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def linear(layer: nn.Linear, x: Tensor) -> Tensor:
    """The layer in the dtype of its input: what is summed in float64 does not show a batch's shape in its last bit."""
    return F.linear(x, layer.weight.to(x.dtype), None if layer.bias is None else layer.bias.to(x.dtype))
