"""The net: an item tower, a user tower and the history term; score = query . item vector + item bias."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lstmrec.model.batch import Batch, Catalogue
from lstmrec.model.history import HistoryTerm, Own
from lstmrec.model.items import ItemTower
from lstmrec.model.keys import Key
from lstmrec.model.spec import NetSpec
from lstmrec.model.user import UserTower


class Net(nn.Module):
    """A net of a spec. `key` None is evaluation: nothing is dropped, nothing is random.

    Places: place 0 of a window is the user before any event, place t + 1 stands after event t.
    """

    def __init__(self, spec: NetSpec) -> None:
        super().__init__()
        self.spec = spec
        self.item = ItemTower(spec)
        self.user = UserTower(spec)
        self.term = HistoryTerm(spec) if spec.history == "learn" else None

    def item_vectors(
        self, catalogue: Catalogue, rows: Tensor | None = None, key: Key | None = None
    ) -> tuple[Tensor, Tensor]:
        """(vectors (R, dim), bias (R,)) of the catalogue rows asked for, in that order; None: all N."""
        vectors, bias = self.item(catalogue, rows, key)
        return vectors, bias

    def hidden(
        self, batch: Batch, vectors: Tensor, key: Key | None = None, slots: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(hidden (B, L+1, units), own (B, L+1, dim)): what `UserTower.query` makes queries of.

        vectors: of all N catalogue rows, or of some, `slots` (N,) saying where each row is in them.
        """
        items = batch.items
        if key is not None and self.spec.item_dropout > 0:
            draws = key.uniform("items", (batch.length,), items.device)
            items = torch.where((draws < self.spec.item_dropout) & (items > 0), 1, items)
        inputs = vectors[items if slots is None else slots[items]]
        return self.user.hidden(batch, inputs, key)

    def asked(
        self, batch: Batch, row: Tensor, at: Tensor, hidden: Tensor, own: Tensor, vectors: Tensor, bias: Tensor,
        slots: Tensor | None = None,
    ) -> tuple[Tensor, Own | None]:  # fmt: skip
        """(query (P, dim), the history term's scores or None) at P places (row, at) of what `hidden` gave."""
        query = self.user.query(hidden[row, at], own[row, at], batch.profile[row])
        if self.term is None:
            return query, None
        clock = batch.times[row, (at - 1).clamp(min=0)]
        with torch.autocast(query.device.type, enabled=False):
            return query, self.term(batch, row, at, clock, query, vectors, bias, self.spec.trained, slots)

    def states(self, batch: Batch, vectors: Tensor, key: Key | None = None, slots: Tensor | None = None) -> Tensor:
        """(B, L+1, dim): the query at every place."""
        hidden, own = self.hidden(batch, vectors, key, slots)
        return self.user.query(hidden, own, batch.profile[:, None])

    def user_vectors(self, batch: Batch, vectors: Tensor) -> Tensor:
        """(B, dim): the query at place n, after each window's last event."""
        hidden, own = self.user.hidden(batch, F.embedding(batch.items, vectors), None, batch.n)
        return self.user.query(hidden[:, 0], own[:, 0], batch.profile)
