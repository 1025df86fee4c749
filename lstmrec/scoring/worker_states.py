"""EXECUTOR side of the carry modes: states go on from new events, and lists from new items. No pyspark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.ids import FIRST
from lstmrec.contracts.kinds import arrow_type
from lstmrec.model import carry, rank
from lstmrec.model.carry import Events
from lstmrec.model.net import Net
from lstmrec.scoring import shown
from lstmrec.scoring.items import Items
from lstmrec.scoring.options import HIDDEN, KNOWN, MOVED, SEGMENT, SPENT, Options
from lstmrec.scoring.worker import finite, the_items, the_user_side

_DEEP = arrow_type(tables.USER_STATES.column("items").kind)
_FLOATS = pa.list_(pa.float32())
ADVANCED = pa.schema([("user_id", pa.string()), ("events", pa.int32()), *[(n, pa.int64()) for n in KNOWN[1:]],
                      ("state", _FLOATS), ("query", _FLOATS), ("items", _DEEP), ("complete", pa.bool_())])  # fmt: skip
MERGED = pa.schema([("user_id", pa.string()), ("items", _DEEP), ("complete", pa.bool_()), ("became", pa.string())])


@torch.no_grad()
def advanced(batches: Iterator[pa.RecordBatch], options: Options) -> Iterator[pa.RecordBatch]:
    """The body of a mapInArrow over rows of `options.FED` (with segment and hidden, where there are any): a row of
    ADVANCED for each. Rows with a `query` are ranked again, and keep their state."""
    net = the_user_side(options.root, options.bundle)
    carry.can(net.spec)
    items = the_items(options.root, options.items, options.bundle)
    for batch in batches:
        for part in _by_segment(batch):
            order = np.argsort(_sizes(part, "items"), kind="stable")  # rows of one length go together
            for low in range(0, len(order), options.rows):
                yield _advanced(part.take(pa.array(order[low : low + options.rows])), net, items, options)


def _advanced(batch: pa.RecordBatch, net: Net, items: Items, options: Options) -> pa.RecordBatch:
    spec, rows, many = net.spec, options.rows, batch.num_rows
    again = ~_column(batch, "query").is_null().to_numpy(zero_copy_only=False)
    events = _events(batch, net).padded(rows)
    kept = _padded_rows(_matrix(batch, "state", carry.size(spec)), rows)
    states, query = carry.advance(net, events, items.inputs, kept)
    if again.any():
        given = _padded_rows(_matrix(batch, "query", spec.dim), rows)
        ranked = _padded_rows(torch.from_numpy(again)[:, None], rows)
        query, states = torch.where(ranked, given, query), torch.where(ranked, kept, states)
    allowed, hidden = _filters(batch, items, options)
    chosen, scores = rank.nearest(query, items.vectors, items.bias, options.k, options.block, allowed, hidden,
                                  items.longest)  # fmt: skip
    arrays = [
        _column(batch, "user_id"), *(_column(batch, "known").field(name) for name in KNOWN),
        _lists(states[:many].numpy()), _lists(query[:many].numpy()),
        _structs(chosen[:many].numpy(), scores[:many].numpy(), items.ids),
        pa.array(chosen[:many, -1].numpy() < FIRST),
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(arrays, schema=ADVANCED)


@torch.no_grad()
def merged(batches: Iterator[pa.RecordBatch], options: Options, gone: Sequence[int], new: Sequence[int]
           ) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The body of a mapInArrow over user_id, query, items, complete (with segment and hidden, where there are any) of
    users without new events: rows of MERGED, their lists without the items of index `gone` (and those that are in no
    catalogue any more) and with the best of `new`, where that changes a list. An item that changed is both."""
    items = the_items(options.root, options.items, options.bundle)
    live = np.ones(len(items.bias), bool)
    live[np.asarray(gone, np.int64)] = False
    fresh = torch.tensor(sorted(new), dtype=torch.int64)
    some = Some(fresh, torch.cat([torch.zeros((FIRST, items.vectors.shape[1])), items.vectors[fresh]]),
                torch.cat([torch.zeros(FIRST), items.bias[fresh]]))  # fmt: skip
    for batch in batches:
        for part in _by_segment(_indexed(batch, items.ids)):
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


def _merged(batch: pa.RecordBatch, items: Items, live: np.ndarray, some: Some, options: Options) -> pa.RecordBatch:
    many, width = batch.num_rows, options.k
    old, scores, sizes, lost = _stored(_column(batch, "items"), live)
    complete = _column(batch, "complete").to_numpy(zero_copy_only=False)
    found, best = old, scores
    if len(some.index):
        query = _padded_rows(_matrix(batch, "query", items.vectors.shape[1]), options.rows)
        allowed, hidden = _filters(batch, items, options)
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
    arrays = [_column(batch, "user_id").take(pa.array(other)),
              _structs(found.numpy()[other], best.numpy()[other], items.ids), pa.array(complete[other]),
              pa.array(np.where(spent, SPENT, MOVED)[other], pa.string())]  # fmt: skip
    return pa.RecordBatch.from_arrays(arrays, schema=MERGED)


def _indexed(batch: pa.RecordBatch, ids: Any) -> pa.RecordBatch:
    """Lists of (item_id, score) as lists of (item, score): indexes in the catalogue, 0 where it is not there. For a
    whole Arrow batch: a table of all ids is made each time."""
    lists = _column(batch, "items")
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


def _filters(batch: pa.RecordBatch, items: Items, options: Options) -> tuple[torch.Tensor | None, rank.Pairs | None]:
    """What the users of a batch, who share a segment, may not be shown."""
    hidden = shown.pairs(_column(batch, HIDDEN)) if HIDDEN in batch.schema.names else None
    if not options.rules:
        return None, hidden
    segment = _column(batch, SEGMENT)[0].as_py() if SEGMENT in batch.schema.names else None
    allowed, _ = shown.the_rules(options.rules, (), len(items.bias)).of(segment or "")
    return allowed, hidden


def _by_segment(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if SEGMENT not in batch.schema.names:
        yield from [batch] if batch.num_rows else []
        return
    coded = _column(batch, SEGMENT).fill_null("").dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False)
    for code in range(len(coded.dictionary)):
        yield batch.take(pa.array(np.flatnonzero(codes == code)))


def _events(batch: pa.RecordBatch, net: Net) -> Events:
    n = _sizes(batch, "items")
    width = int(n.max(initial=0))
    items, types, times = (torch.from_numpy(_padded(_column(batch, n), width)) for n in ("items", "types", "times"))
    had = _column(batch, "had").to_numpy(zero_copy_only=False)
    last = _column(batch, "last").to_numpy(zero_copy_only=False)
    static = _matrix(batch, "static", len(net.spec.static), np.int64)
    profile = _matrix(batch, "profile", net.spec.profile if net.spec.use_profile else 0)
    return Events(items, types, times, torch.from_numpy(n), torch.from_numpy(last.copy()), torch.from_numpy(had.copy()),
                  static, profile)  # fmt: skip


def _column(batch: pa.RecordBatch, name: str) -> Any:
    return batch.column(batch.schema.get_field_index(name))


def _sizes(batch: pa.RecordBatch, name: str) -> np.ndarray:
    sizes: np.ndarray = _column(batch, name).value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return sizes.astype(np.int64)


def _padded(lists: Any, width: int) -> np.ndarray:
    """(B, width) int64 of lists of numbers, 0-padded."""
    sizes = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    out: np.ndarray = np.zeros((len(lists), width), np.int64)
    out[np.arange(width) < sizes[:, None]] = lists.flatten().to_numpy(zero_copy_only=False)
    return out


def _matrix(batch: pa.RecordBatch, name: str, width: int, dtype: Any = np.float32) -> torch.Tensor:
    """(B, width) of lists that are `width` long, or absent (zeros). DataError D704 for another length."""
    out: np.ndarray = np.zeros((batch.num_rows, width), dtype)
    if width and name in batch.schema.names:
        sizes = _sizes(batch, name)
        if not np.isin(sizes, (0, width)).all():
            raise DataError("D707", f"lists of {sorted(set(sizes.tolist()))[:5]} numbers where the net has {width}",
                            f"table user_states · {name}", "--set score.mode=carry starts anew")  # fmt: skip
        out[sizes == width] = _column(batch, name).flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    return torch.from_numpy(out)


def _padded_rows(rows: torch.Tensor, many: int) -> torch.Tensor:
    return torch.cat([rows, rows.new_zeros((many - len(rows), *rows.shape[1:]))])


def _lists(rows: np.ndarray) -> pa.ListArray:
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(rows.reshape(-1).astype(np.float32, copy=False)))


def _structs(chosen: np.ndarray, scores: np.ndarray, ids: Any) -> pa.ListArray:
    """Lists of (item_id, score) of the places that hold an item."""
    real = chosen >= FIRST
    finite(scores[real])
    names = ids.take(pa.array(chosen[real])).cast(pa.string())
    values = pa.StructArray.from_arrays([names, pa.array(scores[real])], fields=list(_DEEP.value_type))
    return pa.ListArray.from_arrays(pa.array(np.concatenate([[0], real.sum(1).cumsum()]), pa.int32()), values)
