"""Because: which past events a recommended item owes its score to.

The influence of event j on item i is score(i | history) - score(i | history without j), in the score that the list is
ranked by, so the history term counts (leave one out, for recurrent nets: Li, Monroe and Jurafsky 2016, "Understanding
Neural Networks through Representation Erasure"; for any model: Robnik-Sikonja and Kononenko 2008, "Explaining
Classifications For Individual Instances"). Without an event the gap to the next one grows, counts and decayed counts
are smaller, an item had that once becomes one that was never had; demographics and the profile stay as they are. Two
events that say the same have little influence each: one stands in for the other.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lstmrec.contracts.ids import FIRST
from lstmrec.contracts.units import DAY_S
from lstmrec.model import carry
from lstmrec.model.batch import Batch
from lstmrec.model.carry import Events
from lstmrec.model.net import Net
from lstmrec.model.rank import scores_of


@torch.no_grad()
def influences(net: Net, batch: Batch, vectors: Tensor, bias: Tensor, items: Tensor, within: int) -> Tensor:
    """(B, K, W) float64 influences on items (B, K) of the newest W = min(within, L) events of each window, newest
    first; 0 where a window has no such event, or the item is padding. vectors (N, dim), bias (N,): the catalogue's.

    An LSTM goes on from its state before those events, so W events cost W runs over W events. A net with attention
    looks at all of the window, and reads it W times. Rows as many as always, where values must not depend on them.
    """
    shorter = Shorter(net, batch, vectors, within)
    step = torch.arange(batch.length, device=items.device)[None]
    whole, query = shorter.kept(step >= 0)
    full = scores_of(net, whole, query, vectors, bias, items)
    out = torch.zeros((*items.shape, shorter.width), dtype=torch.float64, device=items.device)
    for w in range(shorter.width):
        at = (batch.n - 1 - w)[:, None]
        other, query = shorter.kept(step != at)
        change = full - scores_of(net, other, query, vectors, bias, items)
        out[:, :, w] = change.masked_fill((at < 0) | (items < FIRST), 0.0)
    return out


def events(batch: Batch, within: int) -> Tensor:
    """(B, W) items of the newest W = min(within, L) events of each window, newest first; 0 where there is none."""
    at = batch.n[:, None] - 1 - torch.arange(min(within, batch.length), device=batch.n.device)
    return batch.items.gather(1, at.clamp(min=0)).masked_fill(at < 0, 0)


def strongest(value: Tensor, item: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """(items (B, K, most), influence (B, K, most) float32) of the events (B, W) with the largest influence (B, K, W)
    above 0, falling, of equal ones the newest; an item once, by its strongest event; the rest is item 0, influence 0.
    Events of unknown items have no name and are passed over."""
    item = item[:, None].expand(value.shape)
    left = value.masked_fill((value <= 0) | (item < FIRST), -torch.inf)
    chosen, size = [], []
    for _ in range(most if value.shape[2] else 0):
        at = left.argmax(2, keepdim=True)  # the first of equal ones
        best = left.gather(2, at)
        found = best > 0
        mine = item.gather(2, at).masked_fill(~found, 0)
        chosen.append(mine)
        size.append(best.masked_fill(~found, 0.0).float())
        left = left.masked_fill(item == mine, -torch.inf)
    if not chosen:
        shape = (*value.shape[:2], most)
        return item.new_zeros(shape), torch.zeros(shape, device=item.device)
    return torch.cat(chosen, 2), torch.cat(size, 2)


def kept(net: Net, batch: Batch, keep: Tensor) -> Batch:
    """The windows with only those positions (B, L) of theirs, in their order; what lies before a window stays."""
    real = torch.arange(batch.length, device=batch.n.device) < batch.n[:, None]
    keep = keep & real  # (B, L) whatever `keep` was
    order = (~keep).to(torch.int8).argsort(dim=1, stable=True)
    there = keep.gather(1, order)
    lists = {name: getattr(batch, name).gather(1, order) * there for name in ("items", "types", "times", "ends")}
    # Decayed counts of what lies before are as of the window's first event, and that may be another one now. Of a
    # window that has none left, the first time stays: it says as of when.
    first, none = batch.times[:, :1], ~there[:, :1]
    lists["times"][:, :1] = torch.where(none, first, lists["times"][:, :1])
    later = (lists["times"][:, 0] - batch.times[:, 0]).clamp(min=0).double() / DAY_S
    decayed = batch.before_decayed
    if net.term is not None and decayed.shape[1]:
        lives = torch.tensor(net.term.half_lives, dtype=torch.float64, device=later.device) / DAY_S
        decayed = (decayed.double() * torch.exp2(-later[:, None] / lives)[:, :, None]).to(decayed.dtype)
    return replace(batch, n=keep.sum(1), before_decayed=decayed, **lists)


class Shorter:
    """A batch's windows without some of their newest events: the last W = min(within, L).

    Of an LSTM the state before the last W + 1 events is made once, and goes on from there: what is left out is among
    the last W, so that an event is always there to go on from (or there never was one).
    """

    def __init__(self, net: Net, batch: Batch, vectors: Tensor, within: int) -> None:
        self.net, self.batch, self.vectors = net, batch, vectors
        self.width = min(within, batch.length)
        if net.spec.attention:  # it looks at every state, so there is none to go on from
            return
        start = (batch.n - self.width - 1).clamp(min=0)
        head = replace(Events.of(batch), n=start)
        empty = vectors.new_zeros((batch.rows, carry.size(net.spec)))
        self.states, _ = carry.advance(net, head, vectors, empty)
        at = start[:, None] + torch.arange(min(self.width + 1, batch.length), device=start.device)
        self.at, self.real = at.clamp(max=batch.length - 1), at < batch.n[:, None]
        last = batch.times.gather(1, (start - 1).clamp(min=0)[:, None])[:, 0]
        items, types, times = (t.gather(1, self.at) for t in (batch.items, batch.types, batch.times))
        self.events = Events(items, types, times, batch.n - start, last, start > 0, batch.static, batch.profile)

    @torch.no_grad()
    def kept(self, keep: Tensor) -> tuple[Batch, Tensor]:
        """(windows, user vectors (B, dim)) with only the positions keep (B or 1, L), true before the last W."""
        other = kept(self.net, self.batch, keep)
        if self.net.spec.attention:
            return other, self.net.user_vectors(other, self.vectors)
        mine = keep.expand(self.batch.items.shape).gather(1, self.at) & self.real
        order = (~mine).to(torch.int8).argsort(dim=1, stable=True)
        n = mine.sum(1)
        longest = int(n.max()) if len(n) else 0
        lines = {name: getattr(self.events, name).gather(1, order)[:, :longest] for name in ("items", "types", "times")}
        _, query = carry.advance(self.net, replace(self.events, n=n, **lines), self.vectors, self.states)
        return other, query
