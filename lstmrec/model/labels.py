"""What every place of a window is labelled with: sequence labelling over the whole history."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lstmrec.contracts.units import DAY_S
from lstmrec.model.batch import Batch
from lstmrec.model.keys import Key
from lstmrec.model.spec import NetSpec

_FEW = 2  # group ends at which a newcomer is labelled: before the first event and after the first group
_NEVER, _BEFORE = -2, -1  # places of "no earlier occurrence" and "before the window"


@dataclass(frozen=True)
class Labels:
    """M labels, sorted by (row, at). at: place (0 = before any event, t + 1 = after event t); item: catalogue index.

    weight (M,) float64: the weights of one place sum to 1. size (P,): how many labels each labelled place has.
    mass (P,) float64: what a place as a whole weighs; None: 1.
    """

    row: Tensor
    at: Tensor
    item: Tensor
    weight: Tensor
    size: Tensor
    mass: Tensor | None = None

    @property
    def positions(self) -> int:
        """Number of labelled places."""
        return len(self.size)

    @property
    def total(self) -> float:
        """What all places weigh."""
        return float(self.positions if self.mass is None else self.mass.sum())


@dataclass(frozen=True)
class _Line:
    """Window and later events as one line a row: (B, S), S = L + F; `size` (B,) real ones."""

    items: Tensor
    times: Tensor
    ends: Tensor
    size: Tensor
    before: Tensor  # (B, S): place of the item's earlier occurrence, or _BEFORE or _NEVER


def labels(
    batch: Batch, spec: NetSpec, sample: int, key: Key | None, half_life: float | None = None,
    new: Tensor | None = None, power: float = 0.0,
) -> Labels:  # fmt: skip
    """The labels of a batch of train windows.

    next_item: the next event's item. next_basket: at group ends, the distinct items of the next group of equal times.
    next_days: at group ends, the distinct items of the next `horizon_days`, where the train role reaches that far.
    A place whose label set may be cut off is not labelled; place 0 is only where nothing lies before the window (and
    the history is kept, so that this is known). Items without an embedding of their own are no labels; with history
    `filter` neither are items the user already had. sample > 0: at most so many group ends a window, by key.
    half_life (days): a place is labelled with probability 0.5 ** (age / half_life), by key, age counted from the train
    cut: in expectation that weighs places by recency, and it costs less instead of more. new (B,) bool: rows that
    `newcomers` has begun anew; whatever the age, and of group ends the first two: all would outweigh the other rows.
    power: a place of m labels weighs m ** power: with 0 places are alike, with 1 labels.
    """
    line = _line(batch)
    if spec.objective == "next_item":
        row, at, step = _next_item(batch, line, spec, new)
    else:
        places = _places(batch, line, spec, new)
        some = _sampled(places, sample, key) if sample > 0 and key is not None else places
        places = some if new is None else torch.where(new[:, None], places & (places.cumsum(1) <= _FEW), some)
        find = _next_basket if spec.objective == "next_basket" else _next_days
        row, at, step = find(batch, line, spec, places)
    item, earlier = line.items[row, step], line.before[row, step]
    keep = (item >= 2) & (item < spec.trained)
    keep &= (earlier == _NEVER) if spec.history == "filter" else (earlier < at)
    if half_life is not None and key is not None:
        recent = _recent(batch, half_life, key)
        keep &= (recent if new is None else recent | new[:, None])[row, at]
    row, at, item = row[keep], at[keep], item[keep]
    place, count = torch.unique_consecutive(row * (batch.length + 1) + at, return_inverse=True, return_counts=True)[1:]
    size = count.double()
    return Labels(row, at, item, size.reciprocal()[place], count, size.pow(power) if power else None)


def _line(batch: Batch) -> _Line:
    reach = batch.length + batch.after_items.shape[1]
    lines = []
    place = torch.arange(batch.after_items.shape[1], device=batch.n.device) + batch.n[:, None]
    for inside, after in ((batch.items, batch.after_items), (batch.times, batch.after_times),
                          (batch.ends, batch.after_ends)):  # fmt: skip
        line = inside.new_zeros((batch.rows, reach))
        line[:, : batch.length] = inside
        lines.append(line.scatter_(1, place, after))  # what lies behind `size` is padding whatever it holds
    earlier = _earlier(torch.cat([batch.before_items, lines[0]], 1), batch.before_items.shape[1])
    return _Line(lines[0], lines[1], lines[2], batch.n + batch.n_after, earlier)


def _earlier(items: Tensor, before: int) -> Tensor:
    """(B, S): where the same item stood last, counted from the window's start; _BEFORE there, else _NEVER."""
    order = torch.argsort(items, dim=1, stable=True)
    ranked = items.gather(1, order)
    last = torch.full_like(order, _NEVER)
    place = (order[:, :-1] - before).clamp(min=_BEFORE)
    last[:, 1:] = torch.where(ranked[:, 1:] == ranked[:, :-1], place, _NEVER)
    return torch.empty_like(last).scatter_(1, order, last)[:, before:]


def _from_start(batch: Batch, spec: NetSpec, new: Tensor | None) -> Tensor:
    """(B,) bool: nothing lies before the window."""
    if spec.history == "ignore":  # then rows hold nothing of it
        return torch.zeros_like(batch.n, dtype=torch.bool) if new is None else new
    return (batch.before_items > 0).sum(1) == 0


def _next_item(batch: Batch, line: _Line, spec: NetSpec, new: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    step = torch.arange(batch.length + 1, device=batch.n.device)[None]
    width = min(line.items.shape[1], batch.length + 1)
    ok = (step <= batch.n[:, None]) & (step < line.size[:, None])
    ok[:, 0] &= _from_start(batch, spec, new)
    row, at = ok[:, :width].nonzero(as_tuple=True)
    return row, at, at


def _places(batch: Batch, line: _Line, spec: NetSpec, new: Tensor | None) -> Tensor:
    """(B, L+1) bool: group ends whose label set is complete."""
    at = torch.arange(batch.length + 1, device=batch.n.device)[None]
    ok = at <= batch.n[:, None]
    ok[:, 1:] &= batch.ends > 0
    ok[:, 0] &= _from_start(batch, spec, new) & (batch.n > 0)
    if spec.objective == "next_days":
        until = _clock(batch) + spec.horizon_days * DAY_S
        ok &= until <= batch.cut[:, None]
        if line.items.shape[1] > batch.length:
            last = line.times.gather(1, (line.size - 1).clamp(min=0)[:, None])
            cut_off = (batch.n_after >= spec.max_after)[:, None] & (last <= until)
            ok &= ~cut_off
    return ok


def _clock(batch: Batch) -> Tensor:
    """(B, L+1) seconds: the time of the event a place stands after; place 0 has the first event's."""
    return torch.cat([batch.times[:, :1], batch.times], 1)


def _recent(batch: Batch, half_life: float, key: Key) -> Tensor:
    """(B, L+1) bool: the places that stay, older ones more seldom."""
    age = (batch.cut[:, None] - _clock(batch)).clamp(min=0).double() / DAY_S
    draws = key.uniform("recency", (batch.length + 1,), batch.n.device)
    return draws < torch.exp2(-age / half_life)


def _sampled(places: Tensor, sample: int, key: Key) -> Tensor:
    draws = key.uniform("labels", (places.shape[1],), places.device).masked_fill(~places, 2.0)
    if sample >= places.shape[1]:
        return places
    limit = draws.kthvalue(sample, dim=1, keepdim=True).values
    return places & (draws <= limit)


def _next_basket(batch: Batch, line: _Line, spec: NetSpec, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    reach = line.items.shape[1]
    step = torch.arange(reach, device=batch.n.device)[None].expand(batch.rows, -1)
    real = step < line.size[:, None]
    ends = (line.ends > 0) & real
    opens = torch.ones_like(real)
    opens[:, 1:] = ends[:, :-1]
    start = torch.where(opens, step, 0).cummax(1).values
    # A group is complete if an end comes at or after each of its events: after the last end there is none.
    whole = real & (step <= torch.where(ends, step, -1).amax(1, keepdim=True))
    ok = whole & (start <= batch.n[:, None]) & places.gather(1, start.clamp(max=batch.length))
    row, step = ok.nonzero(as_tuple=True)
    return row, start[row, step], step


def _next_days(batch: Batch, line: _Line, spec: NetSpec, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    row, at = places.nonzero(as_tuple=True)
    until = _clock(batch)[row, at] + spec.horizon_days * DAY_S
    step = torch.arange(line.items.shape[1], device=batch.n.device)[None]
    inside = (step >= at[:, None]) & (step < line.size[row, None]) & (line.times[row] <= until[:, None])
    pair, step = inside.nonzero(as_tuple=True)
    return row[pair], at[pair], step
