"""Cross-entropy over the catalogue: exact in chunks, or against shared negatives."""

from __future__ import annotations

import torch
from torch import Tensor

from lstmrec.contracts.errors import ConfigError
from lstmrec.model.batch import Batch, Catalogue
from lstmrec.model.distill import Teach
from lstmrec.model.history import Own, Seen
from lstmrec.model.keys import Key
from lstmrec.model.labels import Labels, labels
from lstmrec.model.net import Net
from lstmrec.model.newcomers import newcomers
from lstmrec.model.sampled import Drawn, beta_of, draw_evenly, draw_of, sampled_loss
from lstmrec.model.softmax import Targets, exact_softmax

KINDS = ("softmax", "sampled", "sce", "gbce")


def loss(
    net: Net, batch: Batch, catalogue: Catalogue, key: Key | None, *, chunk: int = 2048, label_smoothing: float = 0.0,
    kind: str = "softmax", negatives: int = 4096, sample: int = 0, scale: float | None = None,
    calibration: float = 0.75, half_life: float | None = None, teach: Teach | None = None,
    new_users: float = 0.0, no_event: Tensor | None = None, power: float = 0.0,
) -> tuple[Tensor, int, float]:  # fmt: skip
    """(sum of the losses of all labelled places, with gradient; their number; their weight). Never a mean: ranks differ
    in size.

    The softmax runs over the items with an embedding of their own, [2, trained), less what the history term takes out.
    kind: `softmax` (exact), or against `negatives` shared ones, without label smoothing: `sampled`, `sce` (scale) or
    `gbce` (calibration), see `model.sampled`. sample, half_life, power: see `labels`. teach: with `softmax` alone,
    teachers' lists beside the labels, see `model.softmax`. new_users: the share of rows that `newcomers` begins anew,
    with the profile `no_event` (P,).
    A batch without labels gives (0, 0, 0), its gradient 0 for every parameter. Under autocast the towers run in its
    dtype; scores and what follows from them do not: their LayerNorms hand over fp32.
    """
    if kind not in KINDS:
        raise ConfigError("C401", f"train.loss {kind!r} is none of {', '.join(KINDS)}")
    if teach is not None and kind != "softmax":
        raise ConfigError("C402", f"teachers rank the whole catalogue: not with train.loss {kind}", "train.teacher")
    new: Tensor | None = None
    if new_users and key is not None and no_event is not None:
        batch, new = newcomers(batch, net.spec, new_users, key, no_event, half_life)
    found = labels(batch, net.spec, sample, key, half_life, new, power)
    if not found.positions:
        return torch.stack([p.reshape(-1)[:1].sum() * 0.0 for p in net.parameters()]).sum(), 0, 0.0
    if kind == "softmax":
        return _exact(net, batch, catalogue, key, found, chunk, label_smoothing, teach), found.positions, found.total
    items = net.spec.trained - 2
    if kind == "sampled":
        drawn = draw_of(catalogue, net.spec.trained, negatives, key)
    else:
        drawn = draw_evenly(items, negatives, key, batch.items.device, 1.0 if kind == "gbce" else scale)
    beta = beta_of(items, len(drawn.items), calibration) if kind == "gbce" else None
    return _sampled(net, batch, catalogue, key, found, chunk, drawn, beta), found.positions, found.total


def _exact(
    net: Net, batch: Batch, catalogue: Catalogue, key: Key | None, found: Labels, chunk: int, smoothing: float,
    teach: Teach | None,
) -> Tensor:  # fmt: skip
    rows, slots = _prefix(batch.items, net.spec.trained, len(catalogue))
    vectors, bias = net.item_vectors(catalogue, rows, key)
    place, row, at = _places(batch, found)
    targets, query, seen, own = _queries(net, batch, key, found, place, row, at, vectors, bias, slots)
    soft = None if teach is None else teach(batch, row, at)
    trained = net.spec.trained
    with torch.autocast(query.device.type, enabled=False):
        return exact_softmax(query, vectors[2:trained], bias[2:trained], targets, seen, own, chunk, smoothing, soft)


def _sampled(
    net: Net, batch: Batch, catalogue: Catalogue, key: Key | None, found: Labels, chunk: int, drawn: Drawn,
    beta: float | None,
) -> Tensor:  # fmt: skip
    one = torch.ones_like(drawn.items[:1])
    rows = torch.unique(torch.cat([one, drawn.items, batch.items.flatten(), batch.before_items.flatten(), found.item]))
    slots = torch.zeros(len(catalogue), dtype=torch.int64, device=rows.device)
    slots[rows] = torch.arange(len(rows), device=rows.device)
    vectors, bias = net.item_vectors(catalogue, rows, key)
    targets, query, seen, own = _queries(net, batch, key, found, *_places(batch, found), vectors, bias, slots)
    with torch.autocast(query.device.type, enabled=False):
        return sampled_loss(query, vectors, bias, slots, drawn, targets, seen, own, chunk, beta)


def _prefix(items: Tensor, trained: int, size: int) -> tuple[Tensor, Tensor | None]:
    """Catalogue rows a step needs: [0, trained) and the other inputs; `slots` (N,) where each row then is."""
    rows = torch.arange(trained, device=items.device)
    extra = torch.unique(items[items >= trained])
    if not len(extra):
        return rows, None
    slots = torch.ones(size, dtype=torch.int64, device=items.device)
    rows = torch.cat([rows, extra])
    slots[rows] = torch.arange(len(rows), device=items.device)
    return rows, slots


def _places(batch: Batch, found: Labels) -> tuple[Tensor, Tensor, Tensor]:
    """(place (M,) of each label, row (P,), at (P,)) of the P labelled places."""
    code = found.row * (batch.length + 1) + found.at
    places, place = torch.unique_consecutive(code, return_inverse=True)
    return place, places // (batch.length + 1), places % (batch.length + 1)


def _queries(
    net: Net, batch: Batch, key: Key | None, found: Labels, place: Tensor, row: Tensor, at: Tensor, vectors: Tensor,
    bias: Tensor, slots: Tensor | None,
) -> tuple[Targets, Tensor, Seen | None, Own | None]:  # fmt: skip
    """Targets, queries (P, dim) of the labelled places, and what the history term says at them."""
    hidden, own_input = net.hidden(batch, vectors, key, slots)
    query, own = net.asked(batch, row, at, hidden, own_input, vectors, bias, slots)
    seen = Seen(batch, row, at) if net.spec.history == "filter" else None
    mass = None if found.mass is None else found.mass.to(query.dtype)
    return Targets(place, found.item, found.weight.to(query.dtype), mass), query, seen, own
