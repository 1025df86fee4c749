"""The item tower: what places an item among the others, by its id and by its content."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lstmrec.contracts.errors import DataError
from lstmrec.model.batch import Catalogue
from lstmrec.model.keys import Key
from lstmrec.model.spec import NetSpec

Lookup = Callable[[Tensor], tuple[list[Tensor], Tensor]]
"""(ids) -> ([rows of the id embedding (U, dim), of the bias (U,)], where each id is in them); row 0 is the padding."""

_SMALL = 0.02  # size of embeddings at the start, and what numbers are scaled by to be no louder


class ItemTower(nn.Module):
    """Vector = LayerNorm(id embedding + MLP([id embedding; tag bag; text bag; numeric; a projection of each named
    vector])); bias = log share + delta.

    `cold_bias: content`: an item without a train event (and one whose id is dropped for a step, where this is learnt)
    has the bias that its content tells instead of that of the rarest item: the level of what is like it.

    With `inputs: [id]` there is no MLP. The bias starts as the log of the item's share of train events; only items with
    an embedding of their own learn a difference to it. `lookup`, where a trainer sets it, takes the place of reading
    the tables by row while gradients are on: large catalogues learn the rows a step reads and no others.
    """

    lookup: Lookup | None = None

    def __init__(self, spec: NetSpec) -> None:
        super().__init__()
        self.spec = spec
        self.id = nn.Embedding(spec.trained, spec.dim, padding_idx=0)
        self.delta = nn.Parameter(torch.zeros(spec.trained))
        self.tags = nn.Embedding(spec.tags, spec.dim, padding_idx=0) if "tags" in spec.inputs else None
        self.text = nn.Embedding(spec.text, spec.dim, padding_idx=0) if "text" in spec.inputs else None
        self.use_id = "id" in spec.inputs
        width = spec.dim * len(set(spec.inputs) & {"id", "tags", "text"})
        width += spec.numeric if "numeric" in spec.inputs else 0
        # Of 1 and the numbers, without bias: an item without the vector gets zeros, as from an empty bag.
        self.sizes = [1 + n for n in spec.vectors] if "vectors" in spec.inputs else []
        self.vectors = nn.ModuleList(nn.Linear(n, spec.dim, bias=False) for n in self.sizes)
        width += spec.dim * len(self.sizes)
        self.mlp: nn.Module | None = None
        if set(spec.inputs) != {"id"}:
            hidden = 2 * spec.dim
            self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, spec.dim))
            for name, weights in self.mlp.named_parameters():
                if name.endswith("bias"):
                    nn.init.zeros_(weights)  # else all items would start as the same vector
        self.norm = nn.LayerNorm(spec.dim)
        self.fresh = nn.Linear(spec.dim, 1) if spec.cold_bias == "content" else None
        with torch.no_grad():
            if self.fresh is not None:
                self.fresh.weight.zero_()
                self.fresh.bias.fill_(-math.log(spec.trained))  # an even share
            for table in (self.id, self.tags, self.text):
                if table is not None:
                    table.weight.mul_(_SMALL)  # the LayerNorm hides the size; a small vector turns faster under Adam
            for projection in self.vectors.parameters():
                projection.normal_(std=_SMALL)  # a vector of unit length comes out as large as an embedding

    def by_row(self) -> dict[str, Tensor]:
        """The parameters with a row for each item, in the order of `lookup`."""
        return {"id.weight": self.id.weight, "delta": self.delta}

    def forward(self, catalogue: Catalogue, rows: Tensor | None, key: Key | None) -> tuple[Tensor, Tensor]:
        """(vectors (R, dim), bias (R,)) of the catalogue rows asked for; None: all."""
        ids, counts = (t if rows is None else t[rows] for t in (catalogue.ids, catalogue.counts))
        cold = (ids == 1) & (counts == 0)
        if key is not None and self.spec.id_dropout > 0:
            draws = key.shared("item ids", len(catalogue), ids.device)
            dropped = draws < self.spec.id_dropout
            dropped = (dropped if rows is None else dropped[rows]) & (ids > 1)
            ids, cold = torch.where(dropped, 1, ids), cold | dropped
        if self.lookup is not None and torch.is_grad_enabled():
            (table, delta), at = self.lookup(ids)
        else:
            table, delta, at = self.id.weight, self.delta, ids
        parts = [F.embedding(at, table, padding_idx=0)] if self.use_id else []
        for name in ("tags", "text"):
            words = getattr(self, name)
            if words is not None:
                bag = getattr(catalogue, name)
                bag = bag if rows is None else bag[rows]
                parts.append(_mean(words, bag))
        if "numeric" in self.spec.inputs:
            parts.append(_SMALL * (catalogue.numeric if rows is None else catalogue.numeric[rows]))
        parts += self._projected(catalogue.vectors if rows is None else catalogue.vectors[rows]) if self.sizes else []
        if self.mlp is None:
            vectors = self.norm(parts[0])
        else:
            mixed = self.mlp(torch.cat([p.to(self.norm.weight.dtype) for p in parts], 1))
            vectors = self.norm(parts[0] + mixed if self.use_id else mixed)
        if self.spec.cosine:
            vectors = F.normalize(vectors, dim=1) * self.spec.dim**0.5
        prior = _prior(catalogue, vectors.dtype)
        bias = (prior if rows is None else prior[rows]) + torch.where(ids > 1, delta[at], 0.0)
        if self.fresh is not None:
            bias = torch.where(cold, self.fresh(vectors).squeeze(1), bias)
        return vectors, bias

    def _projected(self, given: Tensor) -> list[Tensor]:
        """(R, dim) of each named vector; DataError D405 where the catalogue's are of other lengths."""
        if given.shape[1] != sum(self.sizes):
            raise DataError("D405", f"vectors of {given.shape[1]} numbers an item, the net has {sum(self.sizes)}",
                            "encoded_items.vectors", "train again: it was trained on another catalogue")  # fmt: skip
        parts = torch.split(given.to(self.norm.weight.dtype), self.sizes, 1)
        return [layer(part) for layer, part in zip(self.vectors, parts, strict=True)]


@lru_cache(maxsize=2)  # a catalogue is the same one while its tensors are
def _prior(catalogue: Catalogue, dtype: torch.dtype) -> Tensor:
    """(N,): the log of each item's share of train events."""
    counts = catalogue.counts.to(dtype)
    return torch.log((counts + 0.5) / counts.sum().clamp(min=1))


def _mean(table: nn.Embedding, bags: Tensor) -> Tensor:
    """(R, dim): the mean of each 0-padded bag's rows; 0 for an empty bag."""
    if bags.shape[1] == 0:
        return table.weight.new_zeros((bags.shape[0], table.embedding_dim))
    return F.embedding_bag(bags, table.weight, mode="mean", padding_idx=0)
