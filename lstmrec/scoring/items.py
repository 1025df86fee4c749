"""Executor side of the item vectors: the tower over the catalogue, and the matrix every process maps. No pyspark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.ids import FIRST
from lstmrec.contracts.kinds import arrow_schema
from lstmrec.contracts.manifest import Manifest
from lstmrec.model import cell, rank
from lstmrec.model.batch import Catalogue
from lstmrec.model.net import Net
from lstmrec.scoring.options import CHUNK, ENCODED, VECTORS, tabled

#: What the item tower makes: the first columns of ITEM_VECTORS.
SCHEMA = pa.schema([arrow_schema(tables.ITEM_VECTORS).field(name) for name in VECTORS])
_READ = 1 << 15  # rows of ITEM_VECTORS that a worker holds while it writes the matrix


@torch.no_grad()
def tower(net: Net, columns: dict[str, list[Any]], total: int) -> tuple[np.ndarray, np.ndarray]:
    """(vectors (2 + n, dim), bias (2 + n,)) float32 of padding, unknown and n <= CHUNK catalogue rows.

    total: train events of the whole catalogue, which the bias is a share of.
    """
    n = len(columns["id"])
    if max(columns["id"], default=0) >= net.spec.trained:
        raise DataError("D705", f"item {max(columns['id'])} has an embedding, the bundle has {net.spec.trained}",
                        "table encoded_items", "train again: it was trained on another catalogue")  # fmt: skip
    rest = CHUNK + 1 - n  # empty items up to the fixed row count; the first stands for the rest of the catalogue
    catalogue = Catalogue.of({
        "item": np.arange(FIRST, FIRST + n + rest),
        "id": columns["id"] + [1] * rest,
        "count": columns["count"] + [total - sum(columns["count"])] + [0] * (rest - 1),
        "tags": columns["tags"] + [[]] * rest,
        "text": columns["text"] + [[]] * rest,
        "numeric": columns["numeric"] + [[0.0] * net.spec.numeric] * rest,
        "vectors": [v or [] for v in columns["vectors"]] + [[0.0] * sum(1 + w for w in net.spec.vectors)] * rest,
    })  # fmt: skip
    vectors, bias = net.item_vectors(catalogue)
    return vectors[: n + FIRST].numpy(), bias[: n + FIRST].numpy()


def vectors(batches: Iterator[pa.RecordBatch], net: Net, total: int) -> Iterator[pa.RecordBatch]:
    """ENCODED_ITEMS rows, whole chunks together and sorted by item -> rows of SCHEMA, one for each."""
    held: dict[str, list[Any]] = {name: [] for name in ENCODED}
    for batch in batches:
        rows = {name: batch.column(batch.schema.get_field_index(name)).to_pylist() for name in ENCODED}
        chunk = np.asarray(rows["item"]) // CHUNK
        cuts = [0, *(np.flatnonzero(np.diff(chunk)) + 1).tolist(), len(chunk)]
        for low, high in pairwise(cuts):
            if held["item"] and low < high and held["item"][0] // CHUNK != chunk[low]:
                yield _rows(net, held, total)
                held = {name: [] for name in ENCODED}
            for name in ENCODED:
                held[name] += rows[name][low:high]
    if held["item"]:
        yield _rows(net, held, total)


def _rows(net: Net, columns: dict[str, list[Any]], total: int) -> pa.RecordBatch:
    made, bias = tower(net, columns, total)
    made, bias = made[FIRST:], bias[FIRST:]
    if not (np.isfinite(made).all() and np.isfinite(bias).all()):
        raise DataError("D702", "an item vector is not finite", f"items from {columns['item_id'][0]!r}", "train again")
    lists = pa.ListArray.from_arrays(
        pa.array(np.arange(len(made) + 1) * made.shape[1], pa.int32()), pa.array(made.reshape(-1))
    )
    arrays = [pa.array(columns["item"], pa.int32()), pa.array(columns["item_id"], pa.string()), lists, pa.array(bias)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


@dataclass(frozen=True)
class Items:
    """The catalogue of a process, mapped from files: vectors (N, dim), bias (N,), ids (N,) text (rows 0, 1 empty);
    longest: the largest norm of a vector; inputs (N, dim): what states are fed; table (N, 4 units): `cell.table` of the
    inputs, where it is worth its bytes."""

    vectors: torch.Tensor
    bias: torch.Tensor
    ids: pa.Array
    longest: float
    inputs: torch.Tensor
    table: torch.Tensor | None = None


def write(folder: Path, net: Net, root: str, manifest: Manifest) -> None:
    """The files of `Items` from a version of ITEM_VECTORS and those it goes on from; D701 unless its items are
    2, 3, 4 ... once each."""
    chain = [versions.load(root, tables.ITEM_VECTORS, v) for v in manifest.facts.get("chain", ())]
    links, size = [*chain, manifest], FIRST + manifest.rows_out
    matrix = np.lib.format.open_memmap(folder / "items.npy", "w+", np.float32, (size, net.spec.dim))
    frozen = any(link.facts.get("frozen", 0) > 0 for link in links)
    inputs = np.lib.format.open_memmap(folder / "inputs.npy", "w+", np.float32, matrix.shape) if frozen else None
    bias = np.zeros(size, np.float32)
    ids = np.full(size, "", dtype=object)
    there = np.zeros(size, bool)
    empty: dict[str, list[Any]] = {name: [] for name in ENCODED}
    matrix[:FIRST], bias[:FIRST] = tower(net, empty, int(manifest.facts["events"]))
    if inputs is not None:
        inputs[:FIRST] = matrix[:FIRST]
    for link in links:  # who has a place now came to it later than whoever had it before
        filled = np.zeros(size, np.int64)
        for table in _rows_of(root, link, link.facts.get("frozen", 0) > 0):
            item = table["item"].to_numpy()
            if len(item) and not (item.min() >= FIRST and item.max() < size):
                raise DataError("D701", f"item {item.min()} .. {item.max()} of {size}",
                                f"table item_vectors {link.version}", "run score again")  # fmt: skip
            matrix[item] = table["vector"].combine_chunks().flatten().to_numpy().reshape(-1, matrix.shape[1])
            bias[item] = table["bias"].to_numpy()
            ids[item] = table["item_id"].to_numpy()
            np.add.at(filled, item, 1)
            if inputs is not None:
                inputs[item] = matrix[item]
            if inputs is not None and "input" in table.column_names:
                other = table.filter(table["input"].is_valid())
                flat = other["input"].combine_chunks().flatten().to_numpy()
                inputs[other["item"].to_numpy()] = flat.reshape(-1, matrix.shape[1])
        there |= filled > 0
        _once(filled[FIRST:] <= 1)
    _once(there[FIRST:])
    matrix.flush()
    if inputs is not None:
        inputs.flush()
    np.save(folder / "bias.npy", bias)
    column = pa.array(ids, pa.large_string())
    with pa.OSFile(str(folder / "item_ids.arrow"), "wb") as sink:
        with pa.ipc.new_file(sink, pa.schema([("item_id", column.type)])) as out:
            out.write_batch(pa.RecordBatch.from_arrays([column], names=["item_id"]))


def write_table(folder: Path, net: Net) -> None:
    """The table of `Items` beside its other files, where it is worth its bytes."""
    inputs = opened(folder).inputs
    if not tabled(net.spec.to_dict(), len(inputs)):
        return
    out = np.lib.format.open_memmap(folder / "table.npy", "w+", np.float32, (len(inputs), 4 * net.spec.units))
    cell.table(net.user, inputs, torch.from_numpy(out))
    out.flush()


def _rows_of(root: str, link: Manifest, frozen: bool) -> Iterator[pa.Table]:
    """The rows that a version holds itself, so many at a time that a worker's memory does not grow with the items."""
    place, columns = files.join(versions.folder(root, tables.ITEM_VECTORS.name, link.version), "data"), [*VECTORS]
    for f in link.files:
        with files.open_read(files.join(place, f.path)) as source:
            for batch in pq.ParquetFile(source).iter_batches(_READ, columns=columns + ["input"] * frozen):
                yield pa.Table.from_batches([batch])


def _once(right: np.ndarray) -> None:
    if not right.all():
        wrong = (np.flatnonzero(~right)[:5] + FIRST).tolist()
        raise DataError("D701", f"items {wrong} are not there once", "table item_vectors", "run score again")


def opened(folder: Path) -> Items:
    """Map the files: the processes of a host share their pages."""
    matrix, bias = _mapped(folder / "items.npy"), _mapped(folder / "bias.npy")
    inputs, table = (_mapped(p) if p.exists() else None for p in (folder / "inputs.npy", folder / "table.npy"))
    ids = pa.ipc.open_file(pa.memory_map(str(folder / "item_ids.arrow"))).get_batch(0).column(0)
    return Items(matrix, bias, ids, rank.norm(matrix), matrix if inputs is None else inputs, table)


def _mapped(path: Path) -> torch.Tensor:
    # Copy on write: torch wants a writable buffer, and nothing writes to it.
    return torch.from_numpy(np.load(path, mmap_mode="c"))
