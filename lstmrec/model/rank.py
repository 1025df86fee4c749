"""Exact top-K over the catalogue: fp32 finds candidates, float64 ranks them."""

from __future__ import annotations

import torch
from torch import Tensor

from lstmrec.model.batch import Batch
from lstmrec.model.history import Own, Seen
from lstmrec.model.net import Net

_MARGIN = 32
_ROWS = 4  # fewer rows take other kernels (seen: 1 to 3, by MKL on AVX2)


@torch.no_grad()
def serve(
    net: Net, batch: Batch, vectors: Tensor, bias: Tensor, k: int, block: int = 16384, allowed: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(items (B, k) int64, scores (B, k) float32) of each window's user at its end, best first, ties by item index.

    vectors (N, dim) and bias (N,) float32 of the whole catalogue; allowed (N,) bool: items that may be shown. With
    fewer than k items the rest is item 0, score -inf. The list is that of a float64 argsort of the float32 vectors,
    whatever `block` is. Batches of fewer than 4 rows are scored as 4; pad all to one row count (`Batch.padded`) where
    lists must not depend on the batch.
    """
    asked = batch.rows
    batch = batch.padded(_ROWS)
    query = net.user_vectors(batch, vectors)
    out, own = _history(net, batch, query, vectors, bias)
    base = _shown(bias, allowed)
    if own is not None:
        may = torch.isfinite(base[own.item])
        own = Own(own.place[may], own.item[may], own.score[may])
    found = _best(query, vectors, base, out, k, block)
    items, scores = _merged(*found, own, k)
    return items[:asked], scores[:asked].float()


@torch.no_grad()
def scores_all(
    net: Net, batch: Batch, vectors: Tensor, bias: Tensor, allowed: Tensor | None = None, exact: bool = False
) -> Tensor:
    """(B, N) float64 serving scores, -inf where an item may not be shown (padding, unknown, seen, not allowed).

    exact: base scores summed up in float64, as `serve` ranks them (slow: its oracle); else of an fp32 product.
    """
    asked = batch.rows
    batch = batch.padded(_ROWS)
    query = net.user_vectors(batch, vectors)
    out, own = _history(net, batch, query, vectors, bias)
    base = _shown(bias, allowed)
    if exact:
        every = torch.arange(len(vectors), device=query.device)[None]
        scores = torch.cat([_exact(query[i : i + 1], vectors, base, every) for i in range(batch.rows)])
    else:
        scores = torch.addmm(base, query, vectors.T).double()
    scores[out] = -torch.inf
    if own is not None:
        may = torch.isfinite(base[own.item])
        scores[own.place[may], own.item[may]] = own.score[may]
    return scores[:asked]


def _history(
    net: Net, batch: Batch, query: Tensor, vectors: Tensor, bias: Tensor
) -> tuple[tuple[Tensor, Tensor], Own | None]:
    """((row, item) whose base score does not count, their own scores in float64 where they have some)."""
    row = torch.arange(batch.rows, device=query.device)
    if net.term is not None:
        own = net.term(batch, row, batch.n, batch.cut, query.double(), vectors, bias, len(vectors))
        # Rounded to float32: what a batch's shape does to the last bit of a float64 is gone.
        return (own.place, own.item), Own(own.place, own.item, own.score.float().double())
    if net.spec.history == "filter":
        return Seen(batch, row, batch.n).entries(0, batch.rows), None
    return (row[:0], row[:0]), None


def _shown(bias: Tensor, allowed: Tensor | None) -> Tensor:
    base = bias.clone() if allowed is None else bias.masked_fill(~allowed, -torch.inf)
    base[:2] = -torch.inf
    return base


def _exact(query: Tensor, vectors: Tensor, base: Tensor, items: Tensor) -> Tensor:
    """(B, C) float64 scores of items (B, C): products and sums item by item, so equal vectors have equal scores."""
    return (query[:, None].double() * vectors[items].double()).sum(2) + base[items].double()


def _best(
    query: Tensor, vectors: Tensor, base: Tensor, out: tuple[Tensor, Tensor], k: int, block: int
) -> tuple[Tensor, Tensor]:
    """(items (B, W), float64 scores (B, W)) that surely hold each row's k best, in no order.

    A row whose k-th float64 score is not above all that fp32 could have left out is searched again, wider.
    """
    finite = base[torch.isfinite(base)]
    size = (vectors.norm(dim=1).max() * query.norm(dim=1)).double()
    size = size + (finite.abs().max().double() if len(finite) else 0.0)
    error = 1.5 * (query.shape[1] + 3) * 2.0**-24 * size  # a fp32 dot product's forward error (Higham 2002, 3.1)
    width = k + _MARGIN
    items, fp32 = _candidates(query, vectors, base, out, width, block)
    scores = _exact(query, vectors, base, items).masked_fill(fp32 == -torch.inf, -torch.inf)
    unsure = _unsure(scores, fp32, error, k)
    while len(unsure):
        width = min(4 * width, len(vectors))
        mine = torch.isin(out[0], unsure)
        again = (torch.searchsorted(unsure, out[0][mine]), out[1][mine])
        more, fp32 = _candidates(query[unsure], vectors, base, again, width, block)
        better = _exact(query[unsure], vectors, base, more).masked_fill(fp32 == -torch.inf, -torch.inf)
        keep = _merged(more, better, None, k)  # k of a wider search are as sure as the search is
        items[unsure, :k], scores[unsure, :k] = keep
        scores[unsure, k:] = -torch.inf
        if width == len(vectors):
            break
        unsure = unsure[_unsure(better, fp32, error[unsure], k)]
    return items, scores


def _unsure(scores: Tensor, fp32: Tensor, error: Tensor, k: int) -> Tensor:
    """Rows whose k-th best may be beaten by an item that is no candidate."""
    if scores.shape[1] < k:
        return torch.zeros(0, dtype=torch.int64, device=scores.device)
    worst = fp32[:, -1].double()
    kth = scores.topk(k, dim=1).values[:, -1]
    return ((worst > -torch.inf) & ~(kth > worst + error)).nonzero()[:, 0]


def _candidates(
    query: Tensor, vectors: Tensor, base: Tensor, out: tuple[Tensor, Tensor], width: int, block: int
) -> tuple[Tensor, Tensor]:
    """(items, fp32 scores), both (B, min(width, N)), the best by fp32 first; the running top of blocks of items."""
    items = torch.zeros((len(query), 0), dtype=torch.int64, device=query.device)
    scores = query[:, :0]
    for low in range(0, len(vectors), block):
        high = min(low + block, len(vectors))
        logits = torch.addmm(base[low:high], query, vectors[low:high].T)
        here = (out[1] >= low) & (out[1] < high)
        logits[out[0][here], out[1][here] - low] = -torch.inf
        top, at = logits.topk(min(width, high - low), dim=1)
        scores, items = torch.cat([scores, top], 1), torch.cat([items, at + low], 1)
        if scores.shape[1] > width:
            scores, at = scores.topk(width, dim=1)
            items = items.gather(1, at)
    if scores.shape[1]:
        scores, at = scores.sort(dim=1, descending=True)
        items = items.gather(1, at)
    return items, scores


def _merged(items: Tensor, scores: Tensor, own: Own | None, k: int) -> tuple[Tensor, Tensor]:
    """(items (B, k), scores (B, k) float64): the best of candidates and own scores, ties by item index."""
    rows = len(items)
    if own is not None and len(own.place):
        sizes = torch.bincount(own.place, minlength=rows)
        nth = torch.arange(len(own.place), device=items.device) - (sizes.cumsum(0) - sizes)[own.place]
        more = items.new_zeros((rows, int(sizes.max())))
        theirs = scores.new_full(more.shape, -torch.inf)
        more[own.place, nth], theirs[own.place, nth] = own.item, own.score
        items, scores = torch.cat([items, more], 1), torch.cat([scores, theirs], 1)
    items, order = items.sort(dim=1)
    scores, order = scores.gather(1, order).sort(dim=1, descending=True, stable=True)
    items = items.gather(1, order).masked_fill(scores == -torch.inf, 0)[:, :k]
    short = k - items.shape[1]
    if short > 0:
        items = torch.cat([items, items.new_zeros((rows, short))], 1)
        scores = torch.cat([scores, scores.new_full((rows, short), -torch.inf)], 1)
    return items, scores[:, :k]
