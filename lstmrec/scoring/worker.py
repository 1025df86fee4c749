"""EXECUTOR side: rows of SEQUENCES in, one list for each out. No pyspark; net and item matrix once a process."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from safetensors import safe_open

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.ids import FIRST
from lstmrec.contracts.kinds import arrow_type
from lstmrec.contracts.manifest import digest
from lstmrec.model import carry, memory, rank
from lstmrec.model.batch import Batch, batch_of
from lstmrec.model.build import MODEL, WEIGHTS, build, load
from lstmrec.model.carry import Events
from lstmrec.model.net import Net
from lstmrec.model.spec import NetSpec
from lstmrec.scoring import items as item_files
from lstmrec.scoring import local, shown
from lstmrec.scoring.items import Items
from lstmrec.scoring.options import COLUMNS, HIDDEN, READING, SEGMENT, Options
from lstmrec.scoring.worker_reasons import FIELDS, Reasons

_ITEMS = arrow_type(tables.RECOMMENDATIONS.column("items").kind)
SCHEMA = pa.schema([("user_id", pa.string()), ("items", _ITEMS), ("known", pa.bool_())])
REASONED = pa.schema([*SCHEMA, *FIELDS])
_TRAINED = ("item.id.weight", "item.delta")  # weights that have a row an item


@lru_cache(maxsize=2)
def the_net(root: str, version: str) -> Net:
    """The bundle's net, loaded once a process."""
    return load(_bundle(root, version))


@lru_cache(maxsize=2)
def the_user_side(root: str, version: str) -> Net:
    """The bundle's net with an item tower of no item, which the mapped vectors stand in for: a million embeddings in
    every process would be half a GB each. Once a process."""
    folder = Path(_bundle(root, version))
    net = _small(folder, inputs=("id",))
    with safe_open(str(folder / WEIGHTS), "pt") as weights:
        names = [name for name in list(weights.keys()) if not name.startswith("item.")]
        net.load_state_dict({name: weights.get_tensor(name).clone() for name in names}, strict=False)
    return net.eval()


def _first_rows(folder: Path) -> Net:
    """The bundle's net with the embeddings of padding and the unknown item alone."""
    net = _small(folder)
    with safe_open(str(folder / WEIGHTS), "pt") as weights:
        net.load_state_dict({
            name: weights.get_slice(name)[:FIRST] if name in _TRAINED else weights.get_tensor(name).clone()
            for name in weights.keys()  # noqa: SIM118  # it is no dict
        })  # fmt: skip
    return net.eval()


def _small(folder: Path, **other: Any) -> Net:
    """A fresh net of the bundle's spec, but for rows of items with an embedding, and other fields."""
    spec = NetSpec.from_dict(json.loads((folder / MODEL).read_text(encoding="utf-8")))
    return build(replace(spec, trained=FIRST, **other), 0)


def _bundle(root: str, version: str) -> str:
    """The folder of a bundle's files on this host, checked against their digests (D106)."""
    torch.set_num_threads(1)  # one thread a Spark core: whatever a worker computes, it has a bundle first
    memory.keep()
    manifest = versions.load(root, tables.BUNDLE, version)
    if files.is_local(root):
        return str(files.local(versions.verify_files(root, manifest)))

    def fetch(folder: Path) -> None:
        for f in manifest.files:
            (folder / f.path).parent.mkdir(parents=True, exist_ok=True)
            with files.open_read(files.join(versions.folder(root, "bundle", version), f.path)) as source:
                with open(folder / f.path, "xb") as target:
                    shutil.copyfileobj(source, target)

    folder = local.once(f"bundle-{digest([root, version, manifest.fingerprint])[:32]}", fetch)
    return versions.verify_files(root, manifest, str(folder))


@lru_cache(maxsize=2)
def the_items(root: str, version: str, bundle: str) -> Items:
    """The item matrix, mapped; its files are made once a host."""
    manifest = versions.load(root, tables.ITEM_VECTORS, version)
    name = f"items-{digest([root, version, manifest.fingerprint, bundle, READING])[:32]}"

    def make(folder: Path) -> None:
        net = _first_rows(Path(_bundle(root, bundle)))
        item_files.write(folder, net, root, manifest)
        item_files.write_table(folder, net)

    return item_files.opened(local.once(name, make))


def item_vectors(batches: Iterator[pa.RecordBatch], options: Options, total: int) -> Iterator[pa.RecordBatch]:
    """The body of a mapInArrow over ENCODED_ITEMS, see `items.vectors`."""
    return item_files.vectors(batches, the_net(options.root, options.bundle), total)


def recommend(batches: Iterator[pa.RecordBatch], options: Options) -> Iterator[pa.RecordBatch]:
    """The body of a mapInArrow over SEQUENCES: user_id, items, known (the net looks at demographics, and one is known),
    and where `options.because` asks for them the reasons (REASONED).

    Every row in is one row out. The list is the exact top-K (`model.rank.serve`), whatever the batches.
    """
    net = the_user_side(options.root, options.bundle)
    items = the_items(options.root, options.items, options.bundle)
    for batch in batches:
        if batch.num_rows:
            yield _lists(batch, net, items, options)


@dataclass(frozen=True)
class _Class:
    """Rows of one length class and segment as 2-D columns, and their places in the Arrow batch."""

    at: np.ndarray
    columns: dict[str, np.ndarray]
    segment: str = ""


def _lists(batch: pa.RecordBatch, net: Net, items: Items, options: Options) -> pa.RecordBatch:
    there = [name for name in (*COLUMNS, SEGMENT, HIDDEN) if name in batch.schema.names]
    column = {name: batch.column(batch.schema.get_field_index(name)) for name in there}
    hidden = column.pop(HIDDEN, None)
    rules = shown.the_rules(options.rules, options.most, len(items.bias)) if options.rules else None
    chosen = np.zeros((batch.num_rows, options.k), np.int64)
    scores = np.full((batch.num_rows, options.k), -np.inf, np.float32)
    known = np.zeros(batch.num_rows, bool)
    why = Reasons.none(batch.num_rows, options.k, options.because[0])
    for parts in packed(classes(column), options.rows):
        at = np.concatenate([p.at for p in parts])
        made, began = batch_of(*[p.columns for p in parts]).padded(options.rows), time.perf_counter()
        allowed, caps = rules.of(parts[0].segment) if rules else (None, None)
        away = None if hidden is None else shown.pairs(hidden.take(pa.array(at)))
        best, score = rank.serve(net, made, items.vectors, items.bias, options.k, options.block, allowed, away, caps,
                                 items.longest, user_vectors(net, made, items))  # fmt: skip
        chosen[at], scores[at] = best[: len(at)].numpy(), score[: len(at)].numpy()
        known[at] = (made.static > 1).any(1).numpy()[: len(at)] & net.spec.use_static
        if options.because[0]:
            between = time.perf_counter()
            why.put(at, net, made, items, best, options)
            why.seconds[at] = np.array([between - began, time.perf_counter() - between]) / len(at)
    columns = [column["user_id"], _structs(chosen, scores, items.ids), pa.array(known)]
    if not options.because[0]:
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
    return pa.RecordBatch.from_arrays(columns + why.columns(chosen, items.ids), schema=REASONED)


@torch.no_grad()
def user_vectors(net: Net, batch: Batch, items: Items) -> torch.Tensor:
    """(B, dim): those of `Net.user_vectors`, as carry mode makes them, which is faster (last bits aside)."""
    if net.spec.attention:
        return net.user_vectors(batch, items.vectors)
    table = items.table if items.inputs is items.vectors else None
    empty = torch.zeros((batch.rows, carry.size(net.spec)))
    return carry.advance(net, Events.of(batch), items.vectors, empty, table)[1]


def _structs(chosen: np.ndarray, scores: np.ndarray, ids: pa.Array) -> pa.ListArray:
    """Lists of (item_id, score, rank from 1) of the places that hold an item."""
    real = chosen >= FIRST
    finite(scores[real])
    ranks = np.broadcast_to(np.arange(1, chosen.shape[1] + 1, dtype=np.int32), chosen.shape)
    names = ids.take(pa.array(chosen[real])).cast(pa.string())
    values = pa.StructArray.from_arrays(
        [names, pa.array(scores[real]), pa.array(ranks[real])], fields=list(_ITEMS.value_type)
    )
    offsets = np.concatenate([[0], real.sum(1).cumsum()])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def finite(scores: np.ndarray) -> None:
    """DataError D703 where a score is not."""
    if not np.isfinite(scores).all():
        raise DataError("D703", "a score is not finite", "scoring", "train again: the net overflows on these users")


def classes(column: dict[str, Any]) -> list[_Class]:
    """The rows by segment and length class, shorter first: rows of one class have lists of one size."""
    length, before = (column[name].to_numpy(zero_copy_only=False) for name in ("length", "before"))
    names, segment = [""], np.zeros(len(length), np.int64)
    if SEGMENT in column:
        coded = column[SEGMENT].fill_null("").dictionary_encode()
        names, segment = coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False)
    order = np.lexsort((np.arange(len(length)), before, length, segment))
    key = np.stack([length[order], before[order], segment[order]], 1)
    cuts = np.flatnonzero((key[1:] != key[:-1]).any(1)) + 1
    dense = {n: a for n, a in column.items() if n not in ("user_id", SEGMENT)}
    return [_Class(at, {n: _dense(a.take(pa.array(at)), n) for n, a in dense.items()}, names[segment[at[0]]])
            for at in np.split(order, cuts)]  # fmt: skip


def _dense(array: pa.Array, name: str) -> np.ndarray:
    if array.null_count:
        raise DataError("D704", f"{array.null_count} nulls", f"table sequences · {name}", "run s5_sequence")
    if not pa.types.is_list(array.type):
        return np.asarray(array.to_numpy(zero_copy_only=False))
    sizes = np.diff(array.offsets.to_numpy())
    if sizes.min() != sizes.max():
        raise DataError("D704", f"lists of {sizes.min()} and {sizes.max()} in one class", f"table sequences · {name}",
                        "run s5_sequence")  # fmt: skip
    return np.asarray(array.flatten().to_numpy(zero_copy_only=False)).reshape(len(array), int(sizes[0]))


def packed(classes: list[_Class], rows: int) -> Iterator[list[_Class]]:
    """Batches of at most `rows` rows, a class followed by the next one of its segment."""
    pack: list[_Class] = []
    room = rows
    for one in classes:
        low = 0
        if pack and pack[-1].segment != one.segment:
            yield pack
            pack, room = [], rows
        while low < len(one.at):
            high = min(low + room, len(one.at))
            pack.append(_Class(one.at[low:high], {n: a[low:high] for n, a in one.columns.items()}, one.segment))
            room -= high - low
            low = high
            if room == 0:
                yield pack
                pack, room = [], rows
    if pack:
        yield pack
