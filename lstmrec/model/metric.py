"""Ranking metrics of dense scores, in expectation over the order of ties: a constant scorer gets chance level."""

from __future__ import annotations

import torch
from torch import Tensor


def distinct_targets(items: Tensor) -> Tensor:
    """(B, F) later items, repeats and padding as 0. Unknown items (1) count as one target that nobody can hit."""
    ranked, order = items.sort(dim=1, stable=True)
    same = torch.zeros_like(ranked, dtype=torch.bool)
    same[:, 1:] = ranked[:, 1:] == ranked[:, :-1]
    return torch.empty_like(items).scatter_(1, order, ranked.masked_fill(same, 0))


def metrics(scores: Tensor, targets: Tensor, k: int) -> dict[str, Tensor]:
    """Expected `ndcg`, `recall` and `hit` at k of each row, (B,) float64; NaN for a row without targets.

    scores (B, N) by catalogue index, -inf where an item may not be shown: such a target is missed, and still counts.
    targets (B, F) distinct, 0-padded. Denominators are those of the field: the ideal DCG of, and for recall,
    min(k, targets). `hit` is the chance of at least one hit, its terms taken as independent where several targets tie.
    """
    real = targets > 0
    known = real & (targets < scores.shape[1])
    mine = scores.gather(1, torch.where(known, targets, 0)).double().masked_fill(~known, -torch.inf)
    # Only scores of at least the k-th matter: what is above one of them, and its ties but for those of the k-th itself,
    # stands among the best k.
    best = scores.topk(min(k, scores.shape[1]), dim=1).values
    last = best[:, -1:]
    above = (best[:, None] > mine[:, :, None]).sum(2)
    equal = torch.where(mine > last, (best[:, None] == mine[:, :, None]).sum(2), (scores == last).sum(1, keepdim=True))
    shown = mine > -torch.inf
    gain = torch.zeros(k + 1, dtype=torch.float64, device=scores.device)
    gain[1:] = torch.log2(torch.arange(2, k + 2, device=scores.device).double()).reciprocal().cumsum(0)
    low, high = above.clamp(max=k), (above + equal).clamp(max=k)
    share = torch.where(shown, 1.0 / equal.clamp(min=1).double(), 0.0)
    chance = (high - low) * share
    size = real.sum(1).clamp(max=k)
    ideal = torch.where(size > 0, gain[size], torch.nan)
    return {
        "ndcg": ((gain[high] - gain[low]) * share).sum(1) / ideal,
        "recall": chance.sum(1) / torch.where(size > 0, size.double(), torch.nan),
        "hit": torch.where(size > 0, 1.0 - (1.0 - chance).prod(1), torch.nan),
    }
