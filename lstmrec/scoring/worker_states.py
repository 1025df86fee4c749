"""EXECUTOR side of the carry modes: states go on from new events, and lists are ranked from them. No pyspark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
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
from lstmrec.scoring.options import HIDDEN, KNOWN, SEGMENT, Options
from lstmrec.scoring.worker import finite, the_items, the_user_side

DEEP = arrow_type(tables.USER_STATES.column("items").kind)
ADVANCED = pa.schema([("user_id", pa.string()), ("events", pa.int32()), *[(n, pa.int64()) for n in KNOWN[1:]],
                      *[(n, pa.binary()) for n in ("state", "query")], ("items", DEEP),
                      ("complete", pa.bool_())])  # fmt: skip


@torch.no_grad()
def advanced(batches: Iterator[pa.RecordBatch], options: Options) -> Iterator[pa.RecordBatch]:
    """The body of a mapInArrow over rows of `options.FED` (with segment and hidden, where there are any): a row of
    ADVANCED for each. Rows with a `query` are ranked again, and keep their state."""
    net = the_user_side(options.root, options.bundle)
    carry.can(net.spec)
    items = the_items(options.root, options.items, options.bundle)
    for batch in batches:
        for part in by_segment(batch):
            order = np.argsort(_sizes(part, "items"), kind="stable")  # rows of one length go together
            for low in range(0, len(order), options.rows):
                yield _advanced(part.take(pa.array(order[low : low + options.rows])), net, items, options)


def _advanced(batch: pa.RecordBatch, net: Net, items: Items, options: Options) -> pa.RecordBatch:
    spec, rows, many = net.spec, options.rows, batch.num_rows
    again = ~column(batch, "query").is_null().to_numpy(zero_copy_only=False)
    events = _events(batch, net).padded(rows)
    kept = padded_rows(vectors(batch, "state", carry.size(spec)), rows)
    states, query = carry.advance(net, events, items.inputs, kept, items.table)
    if again.any():
        given = padded_rows(vectors(batch, "query", spec.dim), rows)
        ranked = padded_rows(torch.from_numpy(again)[:, None], rows)
        query, states = torch.where(ranked, given, query), torch.where(ranked, kept, states)
    allowed, hidden = filters(batch, items, options)
    chosen, scores = rank.nearest(query, items.vectors, items.bias, options.k, options.block, allowed, hidden,
                                  items.longest)  # fmt: skip
    arrays = [
        column(batch, "user_id"), *(column(batch, "known").field(name) for name in KNOWN),
        _packed(states[:many].numpy()), _packed(query[:many].numpy()),
        structs(chosen[:many].numpy(), scores[:many].numpy(), items.ids),
        pa.array(chosen[:many, -1].numpy() < FIRST),
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(arrays, schema=ADVANCED)


def filters(batch: pa.RecordBatch, items: Items, options: Options) -> tuple[torch.Tensor | None, rank.Pairs | None]:
    """What the users of a batch, who share a segment, may not be shown."""
    hidden = shown.pairs(column(batch, HIDDEN)) if HIDDEN in batch.schema.names else None
    if not options.rules:
        return None, hidden
    segment = column(batch, SEGMENT)[0].as_py() if SEGMENT in batch.schema.names else None
    allowed, _ = shown.the_rules(options.rules, (), len(items.bias)).of(segment or "")
    return allowed, hidden


def by_segment(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The rows of each segment, as far as there are any."""
    if SEGMENT not in batch.schema.names:
        yield from [batch] if batch.num_rows else []
        return
    coded = column(batch, SEGMENT).fill_null("").dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False)
    for code in range(len(coded.dictionary)):
        yield batch.take(pa.array(np.flatnonzero(codes == code)))


def _events(batch: pa.RecordBatch, net: Net) -> Events:
    n = _sizes(batch, "items")
    width = int(n.max(initial=0))
    items, types, times = (torch.from_numpy(_padded(column(batch, n), width)) for n in ("items", "types", "times"))
    had = column(batch, "had").to_numpy(zero_copy_only=False)
    last = column(batch, "last").to_numpy(zero_copy_only=False)
    static = matrix(batch, "static", len(net.spec.static), np.int64)
    profile = matrix(batch, "profile", net.spec.profile if net.spec.use_profile else 0)
    return Events(items, types, times, torch.from_numpy(n), torch.from_numpy(last.copy()), torch.from_numpy(had.copy()),
                  static, profile)  # fmt: skip


def column(batch: pa.RecordBatch, name: str) -> Any:
    """A column by name."""
    return batch.column(batch.schema.get_field_index(name))


def _sizes(batch: pa.RecordBatch, name: str) -> np.ndarray:
    sizes: np.ndarray = column(batch, name).value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return sizes.astype(np.int64)


def _padded(lists: Any, width: int) -> np.ndarray:
    """(B, width) int64 of lists of numbers, 0-padded."""
    sizes = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    out: np.ndarray = np.zeros((len(lists), width), np.int64)
    out[np.arange(width) < sizes[:, None]] = lists.flatten().to_numpy(zero_copy_only=False)
    return out


def matrix(batch: pa.RecordBatch, name: str, width: int, dtype: Any = np.float32) -> torch.Tensor:
    """(B, width) of lists that are `width` long, or absent (zeros). DataError D707 for another length."""
    out: np.ndarray = np.zeros((batch.num_rows, width), dtype)
    if width and name in batch.schema.names:
        sizes = _sizes(batch, name)
        if not np.isin(sizes, (0, width)).all():
            raise _other(name, sizes, width)
        out[sizes == width] = column(batch, name).flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    return torch.from_numpy(out)


def vectors(batch: pa.RecordBatch, name: str, width: int) -> torch.Tensor:
    """(B, width) float32 of a column of `_packed` numbers, zeros where null. DataError D707 for another length."""
    packed = column(batch, name).cast(pa.binary())  # large_binary where Spark is asked for large types
    if not len(packed):  # then there may be no buffer of ends
        return torch.zeros((0, width))
    ends = np.frombuffer(packed.buffers()[1], np.int32)[packed.offset : packed.offset + len(packed) + 1]
    sizes = np.diff(ends) / 4
    if not np.isin(sizes, (0, width)).all():
        raise _other(name, sizes, width)
    out: np.ndarray = np.zeros((len(packed), width), np.float32)
    if ends[-1] > ends[0]:
        flat = np.frombuffer(packed.buffers()[2], np.uint8)[ends[0] : ends[-1]].view("<f4")
        out[sizes == width] = flat.reshape(-1, width)
    return torch.from_numpy(out)


def _other(name: str, sizes: np.ndarray, width: int) -> DataError:
    found = ", ".join(f"{n:g}" for n in sorted(set(sizes.tolist()))[:5])
    return DataError("D707", f"lists of {found} numbers where the net has {width}",
                     f"table user_states · {name}", "--set score.mode=carry starts anew")  # fmt: skip


def padded_rows(rows: torch.Tensor, many: int) -> torch.Tensor:
    """The rows and then zeros, `many` in all."""
    return torch.cat([rows, rows.new_zeros((many - len(rows), *rows.shape[1:]))])


def _packed(rows: np.ndarray) -> pa.BinaryArray:
    """Each row's numbers as bytes: float32, little-endian."""
    ends = np.arange(len(rows) + 1, dtype=np.int32) * (4 * rows.shape[1])
    data = np.ascontiguousarray(rows, "<f4")
    return pa.Array.from_buffers(pa.binary(), len(rows), [None, pa.py_buffer(ends), pa.py_buffer(data)])


def structs(chosen: np.ndarray, scores: np.ndarray, ids: Any) -> pa.ListArray:
    """Lists of (item_id, score) of the places that hold an item."""
    real = chosen >= FIRST
    finite(scores[real])
    names = ids.take(pa.array(chosen[real])).cast(pa.string())
    values = pa.StructArray.from_arrays([names, pa.array(scores[real])], fields=list(DEEP.value_type))
    return pa.ListArray.from_arrays(pa.array(np.concatenate([[0], real.sum(1).cumsum()]), pa.int32()), values)
