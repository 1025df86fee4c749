"""Whether reasons are the model's: what happens to an item when its reasons go, and whether they are the weights' own.

Deletion and insertion curves (Petsiuk et al. 2018, RISE; the mean over steps is the area of Samek et al. 2017):
events of a window are left out, or given back to a window without them, one after the other by an order. Where the
order is the model's own, an item's score falls, or comes back, sooner than in any other order. The first step of a
deletion is what an influence *is*, so it is the best by definition; all others are not.

Weight randomisation (Adebayo et al. 2018, "Sanity Checks for Saliency Maps"): reasons under a net whose weights are
shuffled should be others.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from lstmrec.contracts.ids import FIRST
from lstmrec.model import rank
from lstmrec.model.batch import Batch
from lstmrec.model.influence import Shorter
from lstmrec.model.net import Net
from lstmrec.model.rank import scores_of

ORDERS = ("influence", "random", "recent", "similar")
CURVES = ("deletion", "insertion")
MEASURES = ("score", "listed")


@dataclass(frozen=True)
class Setting:
    """within: newest events looked at; steps: after so many events a curve is looked at; k, block: as in serving."""

    within: int
    steps: tuple[int, ...]
    k: int
    block: int
    longest: float


def orders(value: Tensor, past: Tensor, vectors: Tensor, items: Tensor, random: Tensor) -> Tensor:
    """(O, B, T, W): the events of each window by each of ORDERS, first the one that goes first; those that are not
    there come last.

    value (B, T, W) influences, past (B, W) items of the events newest first, random (B, T, W) draws.
    """
    unit = torch.nn.functional.normalize(vectors[past], dim=2)
    alike = torch.einsum("btd,bwd->btw", torch.nn.functional.normalize(vectors[items], dim=2), unit)
    age = -torch.arange(past.shape[1], device=past.device).expand(value.shape)
    keys = [value, random.double(), age.double(), alike.double()]
    gone = (past == 0)[:, None]
    return torch.stack([k.masked_fill(gone, -torch.inf).argsort(dim=2, descending=True, stable=True) for k in keys])


@torch.no_grad()
def curves(
    net: Net, batch: Batch, vectors: Tensor, bias: Tensor, items: Tensor, order: Tensor, setting: Setting
) -> Tensor:
    """(C, O, B, T, S, 2) float64: for items (B, T), after each of S steps of each order (O, B, T, W), by CURVES and
    MEASURES: what the score has lost (deletion) or won (insertion), and whether the item is on the list of the k best.
    """
    shorter = Shorter(net, batch, vectors, setting.within)
    width = shorter.width
    back = (batch.n[:, None] - 1 - torch.arange(batch.length, device=batch.n.device)).clamp(min=-1)  # place -> w
    old = back >= width

    def seen(keep: Tensor) -> Tensor:
        """(2, B, T) score and whether it is listed, of all items under one part of each window."""
        other, query = shorter.kept(keep)
        score = scores_of(net, other, query, vectors, bias, items)
        listed, _ = rank.serve(net, other, vectors, bias, setting.k, setting.block, longest=setting.longest,
                               query=query)  # fmt: skip
        return torch.stack([score, (listed[:, None] == items[:, :, None]).any(2).double()])

    def part(chosen: Tensor) -> Tensor:
        """(B, L) which positions are among the events chosen (B, W) bool."""
        return chosen.gather(1, back.clamp(min=0, max=width - 1)) & (back >= 0) & ~old

    full, none = seen(back >= 0), seen(old)
    out = full.new_zeros((len(CURVES), len(order), *items.shape, len(setting.steps), 2))
    for o, ranked in enumerate(order):
        place = ranked.argsort(dim=2)  # of each event in the order
        for t in range(items.shape[1]):
            for s, step in enumerate(setting.steps):
                first = part(place[:, t] < step)
                gone, back_again = seen((back >= 0) & ~first)[:, :, t], seen(old | first)[:, :, t]
                out[0, o, :, t, s] = torch.stack([full[0, :, t] - gone[0], gone[1]], 1)
                out[1, o, :, t, s] = torch.stack([back_again[0] - none[0, :, t], back_again[1]], 1)
    return out


def shuffled(net: Net, vectors: Tensor, bias: Tensor, seed: int) -> tuple[Net, Tensor, Tensor]:
    """A net that learned nothing: the numbers of each tensor of the user's side, and the item vectors among the items,
    change places. Sizes stay what they were, so that a fair share of events still matters."""
    draw = torch.Generator().manual_seed(seed)
    other = copy.deepcopy(net)
    with torch.no_grad():
        for name, p in other.named_parameters():
            if not name.startswith("item."):
                p.copy_(p.flatten()[torch.randperm(p.numel(), generator=draw)].view_as(p))
    order = torch.cat([torch.arange(FIRST), FIRST + torch.randperm(len(vectors) - FIRST, generator=draw)])
    return other, vectors[order], bias[order]


def agreement(a: Tensor, b: Tensor, there: Tensor) -> Tensor:
    """(B, T) Spearman's rank correlation of a and b (B, T, W) over the events that are `there` (B, W), ties at their
    mean rank; NaN with fewer than three of them, or where all of one are equal."""
    mask = there[:, None].expand(a.shape).double()

    def ranks(x: Tensor) -> Tensor:
        below = ((x[..., None, :] < x[..., None]) * mask[..., None, :]).sum(-1)
        same = ((x[..., None, :] == x[..., None]) * mask[..., None, :]).sum(-1)
        r = (below + (same + 1) / 2) * mask
        return (r - (r.sum(-1) / mask.sum(-1).clamp(min=1))[..., None]) * mask

    x, y = ranks(a), ranks(b)
    size = (x.square().sum(-1) * y.square().sum(-1)).sqrt()
    out: Tensor = torch.where((size > 0) & (mask.sum(-1) >= 3), (x * y).sum(-1) / size, torch.nan)
    return out


def top(value: Tensor, there: Tensor) -> Tensor:
    """(B, T) the event (B, T, W) of the largest influence above 0, newest of equal ones; -1 where there is none."""
    left = value.masked_fill(~there[:, None], -torch.inf)
    at = left.argmax(2)  # the first of equal ones
    return torch.where(left.gather(2, at[..., None])[..., 0] > 0, at, -1)
