"""EXECUTOR side: rows of SEQUENCES in, one list for each out. No pyspark; net and item matrix once a process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.ids import FIRST
from lstmrec.contracts.kinds import arrow_type
from lstmrec.contracts.manifest import digest
from lstmrec.model import rank
from lstmrec.model.batch import batch_of
from lstmrec.model.build import load
from lstmrec.model.net import Net
from lstmrec.scoring import items as item_files
from lstmrec.scoring import local
from lstmrec.scoring.items import Items
from lstmrec.scoring.options import COLUMNS, Options

_ITEMS = arrow_type(tables.RECOMMENDATIONS.column("items").kind)
SCHEMA = pa.schema([("user_id", pa.string()), ("items", _ITEMS), ("known", pa.bool_())])


@lru_cache(maxsize=2)
def the_net(root: str, version: str) -> Net:
    """The bundle's net, its files checked against their digests (D106), loaded once a process."""
    torch.set_num_threads(1)  # one thread a Spark core
    manifest = versions.load(root, tables.BUNDLE, version)
    if files.is_local(root):
        return load(str(files.local(versions.verify_files(root, manifest))))

    def fetch(folder: Path) -> None:
        for f in manifest.files:
            (folder / f.path).parent.mkdir(parents=True, exist_ok=True)
            with files.open_read(files.join(versions.folder(root, "bundle", version), f.path)) as source:
                with open(folder / f.path, "xb") as target:
                    shutil.copyfileobj(source, target)

    folder = local.once(f"bundle-{digest([root, version, manifest.fingerprint])[:32]}", fetch)
    return load(versions.verify_files(root, manifest, str(folder)))


@lru_cache(maxsize=2)
def the_items(root: str, version: str, bundle: str) -> Items:
    """The item matrix, mapped; its files are made once a host."""
    manifest = versions.load(root, tables.ITEM_VECTORS, version)
    name = f"items-{digest([root, version, manifest.fingerprint, bundle])[:32]}"
    return item_files.opened(local.once(name, lambda to: item_files.write(to, the_net(root, bundle), root, manifest)))


def item_vectors(batches: Iterator[pa.RecordBatch], options: Options, total: int) -> Iterator[pa.RecordBatch]:
    """The body of a mapInArrow over ENCODED_ITEMS, see `items.vectors`."""
    return item_files.vectors(batches, the_net(options.root, options.bundle), total)


def recommend(batches: Iterator[pa.RecordBatch], options: Options) -> Iterator[pa.RecordBatch]:
    """The body of a mapInArrow over SEQUENCES: user_id, items, known (the net looks at demographics, and one is known).

    Every row in is one row out. The list is the exact top-K (`model.rank.serve`), whatever the batches.
    """
    net = the_net(options.root, options.bundle)
    items = the_items(options.root, options.items, options.bundle)
    for batch in batches:
        if batch.num_rows:
            yield _lists(batch, net, items, options)


@dataclass(frozen=True)
class _Class:
    """Rows of one length class as 2-D columns, and their places in the Arrow batch."""

    at: np.ndarray
    columns: dict[str, np.ndarray]


def _lists(batch: pa.RecordBatch, net: Net, items: Items, options: Options) -> pa.RecordBatch:
    column = {name: batch.column(batch.schema.get_field_index(name)) for name in COLUMNS}
    chosen = np.zeros((batch.num_rows, options.k), np.int64)
    scores = np.full((batch.num_rows, options.k), -np.inf, np.float32)
    known = np.zeros(batch.num_rows, bool)
    for parts in _packed(_classes(column), options.rows):
        at = np.concatenate([p.at for p in parts])
        made = batch_of(*[p.columns for p in parts])
        best, score = rank.serve(net, made.padded(options.rows), items.vectors, items.bias, options.k, options.block)
        chosen[at], scores[at] = best[: len(at)].numpy(), score[: len(at)].numpy()
        known[at] = (made.static > 1).any(1).numpy() & net.spec.use_static
    return pa.RecordBatch.from_arrays(
        [column["user_id"], _structs(chosen, scores, items.ids), pa.array(known)], schema=SCHEMA
    )


def _structs(chosen: np.ndarray, scores: np.ndarray, ids: pa.Array) -> pa.ListArray:
    """Lists of (item_id, score, rank from 1) of the places that hold an item."""
    real = chosen >= FIRST
    if not np.isfinite(scores[real]).all():
        raise DataError("D703", "a score is not finite", "scoring", "train again: the net overflows on these users")
    ranks = np.broadcast_to(np.arange(1, chosen.shape[1] + 1, dtype=np.int32), chosen.shape)
    names = ids.take(pa.array(chosen[real])).cast(pa.string())
    values = pa.StructArray.from_arrays(
        [names, pa.array(scores[real]), pa.array(ranks[real])], fields=list(_ITEMS.value_type)
    )
    offsets = np.concatenate([[0], real.sum(1).cumsum()])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def _classes(column: dict[str, Any]) -> list[_Class]:
    """The rows by length class, shorter first: rows of one class have lists of one size."""
    length, before = (column[name].to_numpy(zero_copy_only=False) for name in ("length", "before"))
    order = np.lexsort((np.arange(len(length)), before, length))
    key = np.stack([length[order], before[order]], 1)
    cuts = np.flatnonzero((key[1:] != key[:-1]).any(1)) + 1
    return [_Class(at, {n: _dense(a.take(pa.array(at)), n) for n, a in column.items() if n != "user_id"})
            for at in np.split(order, cuts)]  # fmt: skip


def _dense(array: pa.Array, name: str) -> np.ndarray:
    if array.null_count:
        raise DataError("D704", f"{array.null_count} nulls", f"table sequences · {name}", "run s5_sequence")
    if not pa.types.is_list(array.type):
        return np.asarray(array.to_numpy(zero_copy_only=False))
    sizes = np.diff(array.offsets.to_numpy())
    if len(set(sizes.tolist())) > 1:
        raise DataError("D704", f"lists of {sizes.min()} and {sizes.max()} in one class", f"table sequences · {name}",
                        "run s5_sequence")  # fmt: skip
    return np.asarray(array.flatten().to_numpy(zero_copy_only=False)).reshape(len(array), int(sizes[0]))


def _packed(classes: list[_Class], rows: int) -> Iterator[list[_Class]]:
    """Batches of at most `rows` rows, a class followed by the next one."""
    pack: list[_Class] = []
    room = rows
    for one in classes:
        low = 0
        while low < len(one.at):
            high = min(low + room, len(one.at))
            pack.append(_Class(one.at[low:high], {n: a[low:high] for n, a in one.columns.items()}))
            room -= high - low
            low = high
            if room == 0:
                yield pack
                pack, room = [], rows
    if pack:
        yield pack
