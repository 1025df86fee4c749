"""Exact top-K over the catalogue: fp32 finds candidates, float64 ranks them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from lstmrec.contracts.errors import DataError
from lstmrec.model.batch import Batch
from lstmrec.model.caps import Caps
from lstmrec.model.history import Own, Seen
from lstmrec.model.net import Net
from lstmrec.model.search import aligned, search

Pairs = tuple[Tensor, Tensor]
_MARGIN = 6  # candidates beyond k: near-ties that fp32 may have in another order
_ROWS = 4  # fewer rows take other kernels (seen: 1 to 3, by MKL on AVX2)


@torch.no_grad()
def serve(
    net: Net, batch: Batch, vectors: Tensor, bias: Tensor, k: int, block: int = 4096, allowed: Tensor | None = None,
    hidden: Pairs | None = None, caps: Caps | None = None, longest: float | None = None, query: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(items (B, k) int64, scores (B, k) float32) of each window's user at its end, best first, ties by item index.

    vectors (N, dim) and bias (N,) float32 of the whole catalogue; allowed (N,) bool: items that may be shown; hidden:
    (row, item) pairs that may not, by row; null: what the net's own history term hides. caps: at most so many items of
    a tag; longest: `norm(vectors)`, query (B, dim): `net.user_vectors`, where they are known. With fewer than k items
    the rest is item 0, score -inf. The list is that of a float64 argsort of the float32 vectors, whatever `block` is.
    Batches of fewer than 4 rows are scored as 4; pad all to one row count (`Batch.padded`) where lists must not depend
    on the batch. DataError D706 where a user vector is not finite.
    """
    asked = batch.rows
    batch = batch.padded(_ROWS)
    query = net.user_vectors(batch, vectors) if query is None else query
    query = F.pad(query, (0, 0, 0, batch.rows - len(query)))
    out, own = _history(net, batch, query, vectors, bias, hidden)
    base = _shown(bias, allowed)
    error = _error(query, norm(vectors) if longest is None else longest, base)
    if own is not None:
        may = torch.isfinite(base[own.item])
        own = Own(own.place[may], own.item[may], own.score[may])

    def ranked(rows: Tensor | None, width: int) -> tuple[Tensor, Tensor]:
        if rows is None:
            return _merged(*_best(query, vectors, base, out, width, block, error), own, width)
        some = None if own is None else Own(*_of(rows, own.place, own.item, own.score))
        place, item = _of(rows, *out)
        return _merged(*_best(query[rows], vectors, base, (place, item), width, block, error[rows]), some, width)

    items, scores = ranked(None, k) if caps is None else caps.walk(ranked, k, len(vectors))
    return items[:asked], scores[:asked].float()


@torch.no_grad()
def nearest(query: Tensor, vectors: Tensor, bias: Tensor, k: int, block: int = 4096, allowed: Tensor | None = None,
            hidden: Pairs | None = None, longest: float | None = None) -> Pairs:  # fmt: skip
    """(items (B, k), scores (B, k) float64) of user vectors (B, dim), as `serve` finds them, without a history term:
    what may not be shown is not `allowed`, or `hidden`. Rows as many as always where lists must not depend on them."""
    row = torch.arange(0, device=query.device)
    base = _shown(bias, allowed)
    error = _error(query, norm(vectors) if longest is None else longest, base)
    return best_of(*_best(query, vectors, base, hidden or (row, row), k, block, error), k)


@torch.no_grad()
def at_most(query: Tensor, vectors: Tensor, bias: Tensor, longest: float) -> Tensor:
    """(B,) float64 that no score of user vectors (B, dim) and items (N, dim), N > 0, is above, as `nearest` ranks them:
    the best fp32 score, and as much as it may be off. longest: `norm(vectors)`."""
    best = torch.addmm(bias, query, vectors.T).amax(1)
    return best.double() + _error(query, longest, bias)


def best_of(items: Tensor, scores: Tensor, k: int) -> Pairs:
    """(items (B, k), scores (B, k)) of candidates (B, C) and their scores, ties by item index; item 0, score -inf where
    there are fewer."""
    return _merged(items, scores, None, k)


@torch.no_grad()
def scores_all(
    net: Net, batch: Batch, vectors: Tensor, bias: Tensor, allowed: Tensor | None = None, exact: bool = False,
    hidden: Pairs | None = None,
) -> Tensor:  # fmt: skip
    """(B, N) float64 serving scores, -inf where an item may not be shown (padding, unknown, hidden, not allowed).

    exact: base scores summed up in float64, as `serve` ranks them (slow: its oracle); else of an fp32 product.
    """
    asked = batch.rows
    batch = batch.padded(_ROWS)
    query = net.user_vectors(batch, vectors)
    out, own = _history(net, batch, query, vectors, bias, hidden)
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


@torch.no_grad()
def scores_of(net: Net, batch: Batch, query: Tensor, vectors: Tensor, bias: Tensor, items: Tensor) -> Tensor:
    """(B, K) float64 scores of given items (B, K), as `serve` ranks them, whose users are `query` (B, dim): an item of
    the history has its own score where the net learned one. What is hidden from a user has its base score."""
    scores = _exact(query, vectors, bias, items)
    if net.term is None:
        return scores
    _, own = _history(net, batch, query, vectors, bias)
    if own is None or not len(own.item):
        return scores
    size, row = len(vectors), torch.arange(batch.rows, device=items.device)
    key, order = (own.place * size + own.item).sort()
    mine = row[:, None] * size + items
    at = torch.searchsorted(key, mine).clamp(max=len(key) - 1)
    return torch.where(key[at] == mine, own.score[order][at], scores)


def _history(
    net: Net, batch: Batch, query: Tensor, vectors: Tensor, bias: Tensor, hidden: Pairs | None = None
) -> tuple[Pairs, Own | None]:
    """((row, item) whose base score does not count, their own scores in float64 where they have some)."""
    row = torch.arange(batch.rows, device=query.device)
    if net.term is not None:
        own = net.term(batch, row, batch.n, batch.cut, query.double(), vectors, bias, len(vectors))
        # Rounded to float32: what a batch's shape does to the last bit of a float64 is gone.
        own = Own(own.place, own.item, own.score.float().double())
        if hidden is None:
            return (own.place, own.item), own
        out = torch.cat([own.place, hidden[0]]), torch.cat([own.item, hidden[1]])
        may = ~torch.isin(own.place * len(vectors) + own.item, hidden[0] * len(vectors) + hidden[1])
        return out, Own(own.place[may], own.item[may], own.score[may])
    if hidden is not None:
        return hidden, None
    if net.spec.history == "filter":
        return Seen(batch, row, batch.n).entries(0, batch.rows), None
    return (row[:0], row[:0]), None


def _of(rows: Tensor, place: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
    """Entries of some rows (rising), their places counted among these."""
    mine = torch.isin(place, rows)
    return torch.searchsorted(rows, place[mine]), *(m[mine] for m in more)


def _shown(bias: Tensor, allowed: Tensor | None) -> Tensor:
    base = bias.clone() if allowed is None else bias.masked_fill(~allowed, -torch.inf)
    base[:2] = -torch.inf
    return base


def _exact(query: Tensor, vectors: Tensor, base: Tensor, items: Tensor) -> Tensor:
    """(B, C) float64 scores of items (B, C): products and sums item by item, so equal vectors have equal scores."""
    found = F.embedding(items, vectors).double()
    return found.mul_(query[:, None].double()).sum(2) + base[items].double()


def norm(vectors: Tensor) -> float:
    """The largest Euclidean norm of a row."""
    return float(vectors.norm(dim=1).max())


def _error(query: Tensor, longest: float, base: Tensor) -> Tensor:
    """(B,) float64: how far a fp32 score may be off (a dot product's forward error: Higham 2002, 3.1)."""
    if not bool(query.isfinite().all()):
        raise DataError("D706", "a user vector is not finite", "scoring", "train again: the net overflows on a user")
    finite = base[torch.isfinite(base)]
    size = longest * query.norm(dim=1).double() + (finite.abs().max().double() if len(finite) else 0.0)
    error: Tensor = 1.5 * (query.shape[1] + 3) * 2.0**-24 * size
    return error


def _best(query: Tensor, vectors: Tensor, base: Tensor, out: Pairs, k: int, block: int, error: Tensor) -> Pairs:
    """(items (B, W), float64 scores (B, W)) that surely hold each row's k best, in no order.

    A row whose k-th float64 score is not above all that fp32 could have left out, `error` (B,) off at most, is searched
    again, wider.
    """
    width = k + _MARGIN
    items, fp32 = search(query, vectors, base, out, width, block)
    scores = _exact(query, vectors, base, items).masked_fill(fp32 == -torch.inf, -torch.inf)
    unsure = _unsure(scores, fp32, error, k)
    while len(unsure):
        width = min(4 * width, len(vectors))
        place, item = _of(unsure, *out)
        more, fp32 = search(query[unsure], vectors, base, (place, item), width, block)
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


def _merged(items: Tensor, scores: Tensor, own: Own | None, k: int) -> tuple[Tensor, Tensor]:
    """(items (B, k), scores (B, k) float64): the best of candidates and own scores, ties by item index."""
    rows = len(items)
    if own is not None and len(own.place):
        more, theirs = aligned(own.place, rows, own.item, own.score)
        items, scores = torch.cat([items, more], 1), torch.cat([scores, theirs], 1)
    items, order = items.sort(dim=1)
    scores, order = scores.gather(1, order).sort(dim=1, descending=True, stable=True)
    items = items.gather(1, order).masked_fill(scores == -torch.inf, 0)[:, :k]
    short = k - items.shape[1]
    if short > 0:
        items = torch.cat([items, items.new_zeros((rows, short))], 1)
        scores = torch.cat([scores, scores.new_full((rows, short), -torch.inf)], 1)
    return items, scores[:, :k]
