"""The exact softmax cross-entropy with its gradient computed on the way: never [batch x length x items]."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from lstmrec.model.distill import Soft
from lstmrec.model.history import Own, Seen

#: A chunk's logits: 256 MiB of fp32; on a CPU what stays in its cache, but no fewer than so many places.
_FLOATS, _FLOATS_CPU, _PLACES_CPU = 1 << 26, 1 << 21, 256
_LOG2_E = math.log2(math.e)
_FAST: ContextVar[bool] = ContextVar("fast products", default=True)


@dataclass(frozen=True)
class Targets:
    """Labels by place: place (M,) rising, item (M,) catalogue index, weight (M,), summing to 1 at each place.
    mass (P,): what a place as a whole weighs; None: 1."""

    place: Tensor
    item: Tensor
    weight: Tensor
    mass: Tensor | None = None


def exact_softmax(
    query: Tensor, vectors: Tensor, bias: Tensor, targets: Targets, seen: Seen | None, own: Own | None, chunk: int,
    smoothing: float, soft: Soft | None = None,
) -> Tensor:  # fmt: skip
    """Sum over places of mass * -sum(weight * log p(item)); p: softmax of query @ vectors.T + bias over items 2, 3, ...

    query (P, dim); vectors (I, dim) and bias (I,) of the items from 2 on. Seen items are out, own scores replace.
    smoothing: that share of each place's target is spread evenly over the items that are in. soft: teachers' lists; the
    loss is then (1 - weight) of the above + weight * T^2 * the cross-entropy of the softmax at temperature T over the
    items of the list alone, against the teachers' (T^2: gradients stay as large at any T, Hinton et al. 2015). A
    student that scores as they do has no gradient from it, however short the list.
    """
    most = _FLOATS // max(1, len(vectors))
    if not query.is_cuda:
        most = min(most, max(_PLACES_CPU, _FLOATS_CPU // max(1, len(vectors))))
    work = _Work(targets, seen, own, max(1, min(chunk, most)), smoothing, soft)
    total: Tensor = _Exact.apply(query, vectors, bias, own.score if own else bias[:0], work)  # type: ignore[no-untyped-call]
    return total


def gemm_dtype(like: Tensor) -> torch.dtype:
    """bfloat16 where the hardware multiplies it fast, else the tensor's own (fp32, or fp64 in tests)."""
    if like.dtype != torch.float32 or not _FAST.get():
        return like.dtype
    if like.is_cuda:
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast else torch.float32


@contextmanager
def products(fast: bool) -> Iterator[None]:
    """Within it, whether products may be in bfloat16 at all."""
    token = _FAST.set(fast)
    try:
        yield
    finally:
        _FAST.reset(token)


@dataclass(frozen=True)
class _Work:
    targets: Targets
    seen: Seen | None
    own: Own | None
    chunk: int
    smoothing: float
    soft: Soft | None


class _Exact(torch.autograd.Function):
    """Forward leaves the four gradients; backward only scales them."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, vectors: Tensor, bias: Tensor, score: Tensor, work: _Work) -> Tensor:
        need = any(ctx.needs_input_grad)
        grads = [torch.zeros_like(t, memory_format=torch.contiguous_format) for t in (query, vectors, bias, score)]
        dtype = gemm_dtype(query)
        table = vectors.to(dtype)
        total = torch.zeros((), dtype=torch.float64, device=query.device)
        starts = list(range(0, len(query), work.chunk)) + [len(query)]
        cuts = torch.tensor(starts, device=query.device)
        labelled = torch.searchsorted(work.targets.place, cuts).tolist()
        owned = torch.searchsorted(work.own.place, cuts).tolist() if work.own else [0] * len(starts)
        # All chunks in the same memory: fresh pages cost as much as the arithmetic on them.
        room = query.new_empty((min(work.chunk, len(query)), len(table)))
        half = room if dtype == query.dtype else torch.empty_like(room, dtype=dtype)
        for i, (low, high) in enumerate(pairwise(starts)):
            x, logits, p = query[low:high].to(dtype), room[: high - low], half[: high - low]
            if dtype == query.dtype:
                torch.addmm(bias, x, table.T, out=logits)
            else:
                logits.copy_(torch.mm(x, table.T, out=p)).add_(bias)
            mine = slice(owned[i], owned[i + 1])
            total += _chunk(logits, low, high, slice(labelled[i], labelled[i + 1]), mine, score, grads[3], work)
            if need:
                p.copy_(logits)
                grads[0][low:high] = p @ table
                if dtype == query.dtype:
                    grads[1].addmm_(p.T, x)
                else:
                    grads[1] += (p.T @ x).to(query.dtype)
                grads[2] += logits.sum(0)
        ctx.save_for_backward(*grads)
        return total.to(query.dtype)

    @staticmethod
    def backward(ctx: Any, *up: Tensor) -> tuple[Tensor | None, ...]:
        return (*(g * up[0] for g in ctx.saved_tensors), None)


def _chunk(
    logits: Tensor, low: int, high: int, labelled: slice, owned: slice, score: Tensor, d_score: Tensor, work: _Work
) -> Tensor:
    """The chunk's loss; `logits` becomes its gradient, less that of own scores, which goes to d_score."""
    items = logits.shape[1]
    flat = logits.view(-1)
    own: Tensor | None = None
    if work.own is not None:
        own = (work.own.place[owned] - low) * items + work.own.item[owned] - 2
        flat[own] = score[owned]
    if work.seen is not None:
        flat.index_fill_(0, work.seen.flat(low, high, items), -torch.inf)
    share = 1.0 if work.soft is None else 1.0 - work.soft.how.weight
    mass = None if work.targets.mass is None else work.targets.mass[low:high]
    told = None if work.soft is None else _told(logits, low, high, work.soft, mass)
    target = (work.targets.place[labelled] - low) * items + work.targets.item[labelled] - 2
    weight = work.targets.weight[labelled] * ((1.0 - work.smoothing) * share)
    mine = weight if work.targets.mass is None else weight * work.targets.mass[work.targets.place[labelled]]
    value = -(mine.double() @ flat[target].double())
    spread: Tensor | None = None
    if work.smoothing:
        allowed = logits > -torch.inf
        spread = allowed.to(logits.dtype)
        spread = spread * (work.smoothing * share / spread.sum(1, keepdim=True))
        value = value - _sum(spread * logits.masked_fill(~allowed, 0.0), mass)
    top = logits.amax(1, keepdim=True)
    # Powers of 2: on some CPUs torch's exp takes three times as long.
    total = logits.sub_(top).mul_(_LOG2_E).exp2_().sum(1, keepdim=True)
    value = value + _sum(top + total.log(), mass) * share
    logits.mul_(share / total)
    flat.index_add_(0, target, -weight)
    if spread is not None:
        logits.sub_(spread)
    if told is not None:
        value = value + told.value
        if told.column is None:
            logits.add_(told.slope)
        else:
            logits.scatter_add_(1, told.column, told.slope)
    if mass is not None:
        logits.mul_(mass[:, None])
    if own is not None:
        d_score[owned] = flat[own]
        flat[own] = 0.0
    return value


def _sum(terms: Tensor, mass: Tensor | None) -> Tensor:
    """Of (P, X), float64: each row times its place's mass."""
    return (terms if mass is None else terms * mass[:, None]).sum(dtype=torch.float64)


@dataclass(frozen=True)
class _Told:
    """The teachers' part of a chunk's loss, and its gradient by the scores of the items of their lists."""

    value: Tensor
    column: Tensor | None
    slope: Tensor


def _told(logits: Tensor, low: int, high: int, soft: Soft, mass: Tensor | None) -> _Told:
    column, wanted = soft.lists(low, high, logits == -torch.inf, gemm_dtype(logits))
    weight, temperature = soft.how.weight, soft.how.temperature
    mine = (logits if column is None else logits.gather(1, column)) / temperature
    log_p = mine.log_softmax(1)
    # Lists longer than what is left to show end in items that are out: log 0 times 0.
    value = -_sum(wanted * log_p.masked_fill(wanted == 0, 0.0), mass) * (weight * temperature**2)
    return _Told(value, column, log_p.exp_().sub_(wanted).mul_(weight * temperature))
