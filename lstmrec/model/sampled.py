"""Sampled softmax: shared negatives with the logQ correction (Jean et al. 2015; Bengio and Senecal 2008)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lstmrec.model.history import Own, Seen
from lstmrec.model.keys import Key
from lstmrec.model.softmax import Targets

_POWER = 0.75  # Mikolov et al. 2013


@dataclass(frozen=True)
class Drawn:
    """Distinct negatives: items (S,) catalogue index, rising; log_q (I,): log chance that item 2 + i is among them."""

    items: Tensor
    log_q: Tensor


def draw(counts: Tensor, negatives: int, key: Key | None) -> Drawn:
    """Negatives of a step, the same for all shards: `negatives` draws by train count ^ 0.75, repeats dropped.

    counts (I,) of the items from 2 on. Without a key the draw is that of step 0.
    """
    share = (counts.double() + 1.0) ** _POWER
    share = share / share.sum()
    draws = (key or Key(0, 0, ())).shared("negatives", negatives).double().to(share.device)
    picked = torch.searchsorted(share.cumsum(0), draws).clamp(max=len(counts) - 1)
    log_q = torch.log(-torch.expm1(negatives * torch.log1p(-share.clamp(max=1 - 1e-12))))
    return Drawn(torch.unique(picked) + 2, log_q)


def sampled_softmax(
    query: Tensor, vectors: Tensor, bias: Tensor, slots: Tensor, drawn: Drawn, targets: Targets, seen: Seen | None,
    own: Own | None, chunk: int,
) -> Tensor:  # fmt: skip
    """Sum over labels of weight * -log softmax of the label among itself and the negatives, scores less log_q.

    A place's own labels are no negatives there. vectors (R, dim), bias (R,): rows by `slots` (N,). Seen items are out,
    own scores replace. Logits are recomputed in the backward pass, chunk by chunk.
    """
    column = torch.full_like(slots, -1)
    column[drawn.items] = torch.arange(len(drawn.items), device=slots.device)
    log_q = drawn.log_q.to(query.dtype)
    where = slots[drawn.items]
    table, shift = vectors[where], bias[where] - log_q[drawn.items - 2]
    label = slots[targets.item]
    positive = (query[targets.place] * vectors[label]).sum(1) + bias[label]
    if own is not None:
        positive = _replaced(positive, targets, own, len(slots))
    positive = positive - log_q[targets.item - 2]
    total = query.new_zeros(())
    for low in range(0, len(query), chunk):
        high = min(low + chunk, len(query))
        out = [_inside(targets.place, targets.item, column, low, high)]
        if seen is not None:
            place, item = seen.entries(low, high)
            out.append(_inside(place + low, item, column, low, high))
        new, score = None, query[:0, 0]
        if own is not None:
            new = _inside(own.place, own.item, column, low, high)
            score = own.score[new[2]] - log_q[own.item[new[2]] - 2]
        rest = checkpoint(_rest, query[low:high], table, shift, score, new, out, use_reentrant=False)
        mine = (targets.place >= low) & (targets.place < high)
        both = torch.logaddexp(rest[targets.place[mine] - low], positive[mine])
        total = total + (targets.weight[mine] * (both - positive[mine])).sum()
    return total


_Entries = tuple[Tensor, Tensor, Tensor]


def _inside(place: Tensor, item: Tensor, column: Tensor, low: int, high: int) -> _Entries:
    """(place - low, column, index) of the entries in the chunk whose item is among the negatives."""
    index = ((place >= low) & (place < high) & (column[item] >= 0)).nonzero()[:, 0]
    return place[index] - low, column[item[index]], index


def _rest(
    query: Tensor, table: Tensor, shift: Tensor, score: Tensor, new: _Entries | None, out: list[_Entries]
) -> Tensor:
    """(P,) logsumexp of the negatives' logits."""
    logits = torch.addmm(shift, query, table.T)
    if new is not None:
        logits = logits.index_put((new[0], new[1]), score)
    for place, column, _ in out:
        logits = logits.index_put((place, column), logits.new_tensor(-torch.inf))
    # A place with no negative left has only its label: exp(-inf) without the NaN gradient of an all -inf row.
    return logits.clamp(min=-1e30).logsumexp(1)


def _replaced(positive: Tensor, targets: Targets, own: Own, size: int) -> Tensor:
    """Labels' scores, where they are history items their own ones."""
    codes = own.place * size + own.item
    order = torch.argsort(codes)
    wanted = targets.place * size + targets.item
    at = torch.searchsorted(codes[order], wanted).clamp(max=max(len(codes) - 1, 0))
    if not len(codes):
        return positive
    found = codes[order][at] == wanted
    return torch.where(found, own.score[order[at]], positive)
