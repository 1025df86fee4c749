"""Losses against shared negatives: sampled softmax with logQ, scaled cross-entropy, generalised binary cross-entropy.

sampled  negatives by train count ^ 0.75, every score less its log_q (Jean et al. 2015; Bengio and Senecal 2008)
sce      uniform negatives, their part of the sum scaled up: log(exp(label) + scale * sum exp(negative)) - label
         (Xu et al. 2024, Understanding the Role of Cross-Entropy Loss in Fairly Evaluating LLM-based Recommendation)
gbce     uniform negatives: -beta log sigmoid(label) - sum log(1 - sigmoid(negative)), where beta undoes what sampling
         does to the scores (Petrov and Macdonald 2023, gSASRec)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from lstmrec.model.batch import Catalogue
from lstmrec.model.history import Own, Seen
from lstmrec.model.keys import Key
from lstmrec.model.softmax import Targets

_POWER = 0.75  # Mikolov et al. 2013


@dataclass(frozen=True)
class Drawn:
    """Distinct negatives: items (S,) catalogue index, rising; log_q (I,): what the score of item 2 + i is lowered by
    (the log chance that it is among them; sce: minus the log of its scale). labels: whether labels' scores are too."""

    items: Tensor
    log_q: Tensor
    labels: bool = True


def draw(counts: Tensor, negatives: int, key: Key | None) -> Drawn:
    """Negatives of a step, the same for all shards: `negatives` draws by train count ^ 0.75, repeats dropped.

    counts (I,) of the items from 2 on. Without a key the draw is that of step 0.
    """
    return _drawn(*_chances(counts, negatives), negatives, key)


def draw_of(catalogue: Catalogue, trained: int, negatives: int, key: Key | None) -> Drawn:
    """`draw` over the items [2, trained) of a catalogue; what is the same at every step is computed once."""
    return _drawn(*_chances_of(catalogue, trained, negatives), negatives, key)


def draw_evenly(items: int, negatives: int, key: Key | None, device: torch.device, scale: float | None = None) -> Drawn:
    """Negatives of a step for `sce` and `gbce`: `negatives` draws from [2, 2 + items), repeats dropped.

    scale: of the negatives in `sce`; null: items / negatives drawn, so that their sum stands for all items'; 1: as they
    are, which is what `gbce` wants.
    """
    picked = torch.unique((_draws(negatives, key, device) * items).long().clamp(max=items - 1)) + 2
    factor = items / len(picked) if scale is None else scale
    log_q = torch.tensor(-math.log(factor), dtype=torch.float64, device=device).expand(items)
    return Drawn(picked, log_q, labels=False)


def beta_of(items: int, negatives: int, calibration: float) -> float:
    """gBCE's power of the label's sigmoid: rate * (t * (1 - 1 / rate) + 1 / rate), rate = negatives / (items - 1)."""
    rate = min(1.0, negatives / max(items - 1, 1))
    return rate * (calibration * (1 - 1 / rate) + 1 / rate)


def _drawn(reach: Tensor, log_q: Tensor, negatives: int, key: Key | None) -> Drawn:
    picked = torch.searchsorted(reach, _draws(negatives, key, reach.device)).clamp(max=len(reach) - 1)
    return Drawn(torch.unique(picked) + 2, log_q)


def _draws(negatives: int, key: Key | None, device: torch.device) -> Tensor:
    """(negatives,) float64 in [0, 1), the same for all shards of a step; without a key those of step 0."""
    return (key or Key(0, 0, ())).shared("negatives", negatives).double().to(device)


def _chances(counts: Tensor, negatives: int) -> tuple[Tensor, Tensor]:
    """(I,) float64: the running sum of the chances of one draw; log_q."""
    share = (counts.double() + 1.0) ** _POWER
    share = share / share.sum()
    return share.cumsum(0), torch.log(-torch.expm1(negatives * torch.log1p(-share.clamp(max=1 - 1e-12))))


@lru_cache(maxsize=1)  # a catalogue is the same one while its tensors are
def _chances_of(catalogue: Catalogue, trained: int, negatives: int) -> tuple[Tensor, Tensor]:
    return _chances(catalogue.counts[2:trained], negatives)


def sampled_loss(
    query: Tensor, vectors: Tensor, bias: Tensor, slots: Tensor, drawn: Drawn, targets: Targets, seen: Seen | None,
    own: Own | None, chunk: int, beta: float | None = None,
) -> Tensor:  # fmt: skip
    """Sum over labels of mass * weight * -log softmax of the label among itself and the negatives, scores less log_q.

    With beta, gBCE instead: the negatives of a place count once, whatever its number of labels. A place's own labels
    are no negatives there. vectors (R, dim), bias (R,): rows by `slots` (N,). Seen items are out, own scores replace.
    Logits are recomputed in the backward pass, chunk by chunk.
    """
    column = torch.full_like(slots, -1)
    column[drawn.items] = torch.arange(len(drawn.items), device=slots.device)
    where = slots[drawn.items]
    table, shift = vectors[where], bias[where] - _log_q(drawn, drawn.items, query)
    label = slots[targets.item]
    positive = (query[targets.place] * vectors[label]).sum(1) + bias[label]
    if own is not None:
        positive = _replaced(positive, targets, own, len(slots))
    if drawn.labels:
        positive = positive - _log_q(drawn, targets.item, query)
    weight = targets.weight if targets.mass is None else targets.weight * targets.mass[targets.place]
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
            score = own.score[new[2]] - _log_q(drawn, own.item[new[2]], query)
        how = _softplus if beta is not None else _logsumexp
        rest = checkpoint(how, query[low:high], table, shift, score, new, out, use_reentrant=False)
        mine = (targets.place >= low) & (targets.place < high)
        if beta is not None:
            rest = rest if targets.mass is None else rest * targets.mass[low:high]
            total = total + rest.sum() + beta * (weight[mine] * F.softplus(-positive[mine])).sum()
        else:
            both = torch.logaddexp(rest[targets.place[mine] - low], positive[mine])
            total = total + (weight[mine] * (both - positive[mine])).sum()
    return total


def _log_q(drawn: Drawn, items: Tensor, like: Tensor) -> Tensor:
    return drawn.log_q[items - 2].to(like.dtype)


_Entries = tuple[Tensor, Tensor, Tensor]


def _inside(place: Tensor, item: Tensor, column: Tensor, low: int, high: int) -> _Entries:
    """(place - low, column, index) of the entries in the chunk whose item is among the negatives."""
    index = ((place >= low) & (place < high) & (column[item] >= 0)).nonzero()[:, 0]
    return place[index] - low, column[item[index]], index


def _logsumexp(query: Tensor, table: Tensor, shift: Tensor, score: Tensor, new: _Entries | None, out: list[_Entries]
               ) -> Tensor:  # fmt: skip
    """(P,) logsumexp of the negatives' logits."""
    # A place with no negative left has only its label: exp(-inf) without the NaN gradient of an all -inf row.
    return _logits(query, table, shift, score, new, out).clamp(min=-1e30).logsumexp(1)


def _softplus(query: Tensor, table: Tensor, shift: Tensor, score: Tensor, new: _Entries | None, out: list[_Entries]
              ) -> Tensor:  # fmt: skip
    """(P,) sum of -log(1 - sigmoid(logit)) of the negatives."""
    return F.softplus(_logits(query, table, shift, score, new, out)).sum(1)


def _logits(query: Tensor, table: Tensor, shift: Tensor, score: Tensor, new: _Entries | None, out: list[_Entries]
            ) -> Tensor:  # fmt: skip
    """(P, S) of the negatives; own scores replace, what is out is -inf."""
    logits = torch.addmm(shift, query, table.T)
    if new is not None:
        logits = logits.index_put((new[0], new[1]), score)
    for place, column, _ in out:
        logits = logits.index_put((place, column), logits.new_tensor(-torch.inf))
    return logits


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
