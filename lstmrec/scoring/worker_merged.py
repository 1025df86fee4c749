"""EXECUTOR side of the carry modes: lists of users without new events take in what is new in the catalogue. No
pyspark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from lstmrec.contracts.ids import FIRST
from lstmrec.model import rank
from lstmrec.scoring.items import Items
from lstmrec.scoring.options import MOVED, SPENT, Options
from lstmrec.scoring.worker import the_items
from lstmrec.scoring.worker_states import DEEP, by_segment, column, filters, padded_rows, structs, vectors

MERGED = pa.schema([("user_id", pa.string()), ("items", DEEP), ("complete", pa.bool_()), ("became", pa.string())])
MOVABLE = pa.schema([("user_id", pa.string())])


@torch.no_grad()
def movable(batches: Iterator[pa.RecordBatch], options: Options, gone: Sequence[int], new: Sequence[int],
            left: Sequence[str]) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The body of a mapInArrow over user_id, query, complete, many (items of the list), last (the last one's score) and
    ids (of the list; only where some are gone or left) of users without new events: MOVABLE, those whose lists `merged`
    is to be asked about. All others stay as they are."""
    items = the_items(options.root, options.items, options.bundle)
    lost = pa.array([*items.ids.take(pa.array(gone, pa.int64())).to_pylist(), *left], pa.string())
    some = _some(items, new)
    for batch in batches:
        may = np.flatnonzero(_may_move(batch, lost, some, options))
        if len(may):
            yield pa.RecordBatch.from_arrays([column(batch, "user_id").take(pa.array(may))], schema=MOVABLE)


@torch.no_grad()
def merged(batches: Iterator[pa.RecordBatch], options: Options, gone: Sequence[int], new: Sequence[int]
           ) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The body of a mapInArrow over user_id, query, items, complete (with segment and hidden, where there are any) of
    users without new events: rows of MERGED, their lists without the items of index `gone` and those that are in no
    catalogue any more, and with the best of `new`, where that changes a list. An item that changed is both gone and
    new."""
    items = the_items(options.root, options.items, options.bundle)
    live, some = np.ones(len(items.bias), bool), _some(items, new)
    live[np.asarray(gone, np.int64)] = False
    for batch in batches:
        if not batch.num_rows:
            continue
        for part in by_segment(_indexed(batch, items.ids)):
            for low in range(0, part.num_rows, options.rows):
                made = _merged(part.slice(low, options.rows), items, live, some, options)
                if made.num_rows:
                    yield made


class Some:
    """Some items of the catalogue, as a small catalogue: item 2 + i of it is item `index[i]` of the large one."""

    def __init__(self, index: torch.Tensor, vectors: torch.Tensor, bias: torch.Tensor) -> None:
        self.index, self.vectors, self.bias = index, vectors, bias
        self.longest = rank.norm(vectors)

    def of(self, mask: torch.Tensor | None) -> torch.Tensor | None:
        """A mask over the large catalogue, over this one."""
        return None if mask is None else torch.cat([torch.zeros(FIRST, dtype=torch.bool), mask[self.index]])

    def pairs(self, hidden: rank.Pairs | None) -> rank.Pairs | None:
        """(row, item) of the large catalogue, as far as it is here."""
        if hidden is None or not len(self.index):
            return None
        row, item = hidden
        at = torch.searchsorted(self.index, item).clamp(max=len(self.index) - 1)
        mine = self.index[at] == item
        return row[mine], at[mine] + FIRST


def _some(items: Items, new: Sequence[int]) -> Some:
    fresh = torch.tensor(sorted(new), dtype=torch.int64)
    return Some(fresh, torch.cat([torch.zeros((FIRST, items.vectors.shape[1])), items.vectors[fresh]]),
                torch.cat([torch.zeros(FIRST), items.bias[fresh]]))  # fmt: skip


def _may_move(batch: pa.RecordBatch, lost: pa.Array, some: Some, options: Options) -> np.ndarray:
    """(B,) bool: whose lists may change. All but a few do not: nothing of them is `lost` (ids), and no new item's fp32
    score, as far as it may be off, comes up to their last one's. What may be shown to whom is not looked at: less
    would."""
    many = column(batch, "many").to_numpy(zero_copy_only=False)
    may: np.ndarray = column(batch, "complete").to_numpy(zero_copy_only=False) | (many < max(options.least, 1))
    if len(lost):
        lists = column(batch, "ids")
        away = pc.is_in(lists.flatten(), value_set=lost).to_numpy(zero_copy_only=False)
        row = np.repeat(np.arange(batch.num_rows), lists.value_lengths().to_numpy(zero_copy_only=False))
        may |= np.bincount(row, away, batch.num_rows) > 0
    if len(some.index):
        last = column(batch, "last").fill_null(-np.inf).to_numpy(zero_copy_only=False)
        query = vectors(batch, "query", some.vectors.shape[1])
        for low in range(0, batch.num_rows, options.rows):
            best = rank.at_most(query[low : low + options.rows], some.vectors[FIRST:], some.bias[FIRST:], some.longest)
            may[low : low + options.rows] |= best.numpy() >= last[low : low + options.rows]
    return may


def _merged(batch: pa.RecordBatch, items: Items, live: np.ndarray, some: Some, options: Options) -> pa.RecordBatch:
    many, width = batch.num_rows, options.k
    old, scores, sizes, lost = _stored(column(batch, "items"), live)
    complete = column(batch, "complete").to_numpy(zero_copy_only=False)
    found, best = old, scores
    if len(some.index):
        query = padded_rows(vectors(batch, "query", items.vectors.shape[1]), options.rows)
        allowed, hidden = filters(batch, items, options)
        near, score = rank.nearest(query, some.vectors, some.bias, min(width, len(some.index)), options.block,
                                   some.of(allowed), some.pairs(hidden), some.longest)  # fmt: skip
        named = torch.cat([torch.zeros(FIRST, dtype=torch.int64), some.index])[near[:many]]
        found, best = torch.cat([old, named], 1), torch.cat([scores, score[:many]], 1)
    found, best = rank.best_of(found, best, width)
    # Of a list that is not all there is only as many places are sure as are left of it.
    room = torch.from_numpy(np.where(complete, width, sizes))
    found = found.masked_fill(torch.arange(width) >= room[:, None], 0)
    left = (found >= FIRST).sum(1).numpy()
    complete = complete & (left < width)
    before, _ = rank.best_of(old, scores, width)
    moved = lost | (found != before).any(1).numpy()
    spent = ~complete & (left < options.least)
    other = np.flatnonzero(spent | moved)
    arrays = [column(batch, "user_id").take(pa.array(other)),
              structs(found.numpy()[other], best.numpy()[other], items.ids), pa.array(complete[other]),
              pa.array(np.where(spent, SPENT, MOVED)[other], pa.string())]  # fmt: skip
    return pa.RecordBatch.from_arrays(arrays, schema=MERGED)


def _indexed(batch: pa.RecordBatch, ids: Any) -> pa.RecordBatch:
    """Lists of (item_id, score) as lists of (item, score): indexes in the catalogue, 0 where it is not there. For a
    whole Arrow batch: a table of all ids is made each time."""
    lists = column(batch, "items")
    flat = lists.flatten()
    index = pc.index_in(flat.field("item_id").cast(ids.type), value_set=ids).fill_null(0)
    sizes = lists.value_lengths().to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], sizes.cumsum()]), pa.int32())
    values = pa.StructArray.from_arrays([index, flat.field("score")], names=["item", "score"])
    place = batch.schema.get_field_index("items")
    return batch.set_column(place, "items", pa.ListArray.from_arrays(offsets, values))


def _stored(lists: Any, live: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, np.ndarray, np.ndarray]:
    """(items (B, W), scores (B, W) float64, how many, whether any was lost) of lists of `_indexed`: those that are
    `live`."""
    flat, sizes = lists.flatten(), lists.value_lengths().to_numpy(zero_copy_only=False)
    item = flat.field("item").to_numpy(zero_copy_only=False).astype(np.int64)
    stay = (item >= FIRST) & live[item]
    row = np.repeat(np.arange(len(lists)), sizes)[stay]
    score = flat.field("score").to_numpy(zero_copy_only=False)[stay]
    left = np.bincount(row, minlength=len(lists))
    nth = np.arange(len(row)) - np.repeat(left.cumsum() - left, left)
    width = max(int(left.max(initial=0)), 1)
    items, scores = np.zeros((len(lists), width), np.int64), np.full((len(lists), width), -np.inf)
    items[row, nth], scores[row, nth] = item[stay], score
    return torch.from_numpy(items), torch.from_numpy(scores), left, left < sizes
