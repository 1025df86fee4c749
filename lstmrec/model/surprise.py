"""Sequence labelling as an output: what the model thought, place by place, of what really came next.

The rank of the next item among all that could have been shown, and its surprise: the negative log-likelihood, in nats,
under the softmax over those (Shannon 1948), by the scores that lists are ranked by. What could be shown at a place, and
the clock of the history term, are those of training: items had until then are out (`filter`) or have their own scores
(`learn`), and now is the time of the event before (at place 0, of the first event). Nothing of the next event is known.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from lstmrec.contracts.ids import FIRST
from lstmrec.model.batch import Batch
from lstmrec.model.history import Own, Seen
from lstmrec.model.net import Net

_FLOATS = 1 << 24  # a chunk's scores: 64 MiB
_MOST = 256


@torch.no_grad()
def surprises(net: Net, batch: Batch, vectors: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """(rank (B, L) int64, surprise (B, L) float64) of the event at each position, as seen from the place before it; 0
    and NaN for padding and for items that could not be shown there (unknown ones, hidden ones).

    vectors (N, dim) and bias (N,) float32 of the catalogue. Equal scores rank by item index, as lists do; scores are
    fp32 products, so near-ties may fall otherwise than in a list. Chunks have one size, which N alone decides.
    """
    rank = torch.zeros_like(batch.items)
    surprise = torch.full(batch.items.shape, torch.nan, dtype=torch.float64, device=batch.items.device)
    states = net.states(batch, vectors)
    row, at = (torch.arange(batch.length, device=batch.n.device) < batch.n[:, None]).nonzero(as_tuple=True)
    size = max(1, min(_MOST, _FLOATS // len(vectors)))
    for low in range(0, len(row), size):
        r, a = row[low : low + size], at[low : low + size]
        scores = _scores(net, batch, states[r, a], r, a, vectors, bias, size)
        rank[r, a], surprise[r, a] = placed(scores, batch.items[r, a])
    return rank, surprise


def placed(scores: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """(rank, surprise) of targets (P,) among scores (P, N), -inf what may not be shown: see `surprises`."""
    mine = scores.gather(1, target[:, None])
    before = torch.arange(scores.shape[1], device=scores.device) < target[:, None]
    rank = 1 + ((scores > mine) | ((scores == mine) & before)).sum(1)
    shown = torch.isfinite(mine[:, 0])
    surprise = scores.double().logsumexp(1) - mine[:, 0].double()
    return rank.masked_fill(~shown, 0), surprise.masked_fill(~shown, torch.nan)


def _scores(net: Net, batch: Batch, query: Tensor, row: Tensor, at: Tensor, vectors: Tensor, bias: Tensor, size: int
            ) -> Tensor:  # fmt: skip
    """(P, N) fp32 scores at places (row, at), -inf where an item may not be shown. size: rows of the product."""
    scores = torch.addmm(bias, F.pad(query, (0, 0, 0, size - len(query))), vectors.T)[: len(query)]
    scores[:, :FIRST] = -torch.inf
    if net.term is not None:
        clock = batch.times[row, (at - 1).clamp(min=0)]
        own: Own = net.term(batch, row, at, clock, query.double(), vectors, bias, len(vectors))
        scores[own.place, own.item] = own.score.float()
    elif net.spec.history == "filter":
        scores[Seen(batch, row, at).entries(0, len(row))] = -torch.inf
    return scores
