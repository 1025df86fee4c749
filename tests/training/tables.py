"""A small SEQUENCES and ENCODED_ITEMS table by their contracts, without Spark. Users walk the catalogue in order, so
that a net has something to learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import DataFile, Manifest
from lstmrec.training.feed import VERIFIES_PAGES

ITEMS = 24
_KINDS = {"int": np.int32, "bigint": np.int64, "array<int>": np.int32, "array<bigint>": np.int64,
          "array<float>": np.float32}  # fmt: skip


def config(root: Path, **train: Any) -> Config:
    """A config over `root`; train: keys of the section, `model` among them."""
    model = {"dim": 8, "units": 12, **train.pop("model", {})}
    # fp32: the same on every machine, and for every number of ranks; products in bf16 differ by how they are cut.
    base = {"launch": "solo", "ranks": 1, "reader": "arrow", "device": "cpu", "threads": 1, "shards": 2, "batch": 8,
            "epochs": 3, "warmup_steps": 2, "learning_rate": 0.02,
            "precision": "fp32"}  # fmt: skip
    events = {"path": ["nowhere"], "user_id": "u", "item_id": "i", "time": None, "position": "p", "event_type": "'x'"}
    return validate({
        "root": str(root), "as_of": "2020-01-01T00:00:00Z", "seed": 7,
        "clean": {"events": events},
        "split": {"by": "leave_last"},
        "profile": {"features": []},
        "sequence": {"max_length": 8, "classes": [4]},
        "train": {**base, **train, "model": model},
        "score": {"recommenders": [{"kind": "model"}]},
    })  # fmt: skip


def write_all(root: Path, *, phases: int = 2, rows: int = 22, validation: int = 9, files: int = 2) -> None:
    """Both tables, committed. rows: train rows a class and phase; every class has `files` files."""
    _write_items(root)
    rng = np.random.default_rng(5)
    parts = []
    for role, phase, length, count in [
        *[("train", p, n, rows) for p in range(phases) for n in (4, 8)],
        *[("validation", 0, n, validation) for n in (4, 8)],
    ]:
        for number in range(files):
            mine = count // files + (1 if number < count % files else 0)
            if mine:
                after = 1 if role == "train" else 4
                parts.append((role, phase, length, after, number, _windows(rng, mine, length, after)))
    _commit_sequences(root, parts)


def _windows(rng: np.random.Generator, rows: int, length: int, after: int) -> dict[str, np.ndarray]:
    n = rng.integers(2, length + 1, rows)
    first = rng.integers(0, ITEMS, rows)
    walk = 2 + (first[:, None] + np.arange(length + after)) % ITEMS
    real = np.arange(length) < n[:, None]
    zero = np.zeros((rows, 0))
    one = (np.arange(after) < 1).astype(np.int64)
    following = 2 + (first[:, None] + n[:, None] + np.arange(after)) % ITEMS
    return {
        "user": rng.integers(-(2**62), 2**62, rows), "n": n, "items": np.where(real, walk[:, :length], 0),
        "types": np.where(real, 2, 0), "times": np.zeros((rows, length)), "ends": np.where(real, 1, 0),
        "n_before": np.zeros(rows), "before_items": zero, "before_counts": zero, "before_times": zero,
        "before_decayed": zero, "n_after": np.full(rows, 1), "after_items": following * one,
        "after_times": np.zeros((rows, after)), "after_ends": np.broadcast_to(one, (rows, after)),
        "cut": np.zeros(rows), "static": zero, "profile": zero,
    }  # fmt: skip


def _commit_sequences(root: Path, parts: list[tuple[str, int, int, int, int, dict[str, np.ndarray]]]) -> None:
    version = "0123456789ab-sequences"
    data = Path(versions.folder(str(root), "sequences", version)) / "data"
    listed = []
    for role, phase, length, after, number, columns in parts:
        path = f"role={role}/phase={phase}/length={length}/before=0/after={after}/file={number}/part-0.parquet"
        rows = len(columns["n"])
        arrays = {"user_id": pa.array([f"u{u}" for u in columns["user"]])}
        arrays |= {k: _arrow(v.astype(_KINDS[tables.SEQUENCES.column(k).kind])) for k, v in columns.items()}
        listed.append(_put(data, path, pa.table(arrays), rows))
    facts = {"types": 3, "static": [], "profile": 0, "half_lives": 0}
    _seal(root, tables.SEQUENCES, version, tuple(listed), facts)


def _write_items(root: Path) -> None:
    version = "0123456789ab-items"
    data = Path(versions.folder(str(root), "encoded_items", version)) / "data"
    item = np.arange(2, 2 + ITEMS, dtype=np.int32)
    table = pa.table({
        "item": item, "item_id": [f"i{i}" for i in item], "title": [None] * ITEMS, "id": item,
        "count": np.full(ITEMS, 5, np.int64), "tags": pa.array([[]] * ITEMS, pa.list_(pa.int32())),
        "text": pa.array([[]] * ITEMS, pa.list_(pa.int32())), "numeric": pa.array([[]] * ITEMS, pa.list_(pa.float32())),
    })  # fmt: skip
    half = ITEMS // 2
    listed = (_put(data, "part-1.parquet", table.slice(half), ITEMS - half),
              _put(data, "part-2.parquet", table.slice(0, half), half))  # fmt: skip
    facts = {"catalogue": ITEMS + 2, "trained": ITEMS + 2, "tags": 0, "text": 0, "numeric": 0}
    _seal(root, tables.ENCODED_ITEMS, version, listed, facts)


def _put(data: Path, path: str, table: pa.Table, rows: int) -> DataFile:
    target = data / path
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, target, **({"write_page_checksum": True} if VERIFIES_PAGES else {}))
    return DataFile(path, rows, target.stat().st_size)


def _seal(
    root: Path, contract: tables.Table, version: str, listed: tuple[DataFile, ...], facts: dict[str, Any]
) -> None:
    versions.seal(str(root), Manifest(
        table=contract.name, version=version, major=1, minor=0, job="test", job_version=1, skip_key="0123456789ab" * 5,
        fingerprint=f"{contract.name}-print", as_of="2020-01-01T00:00:00Z", facts=facts, files=listed,
        rows_out=sum(f.rows for f in listed),
    ))  # fmt: skip


def _arrow(array: np.ndarray) -> pa.Array:
    if array.ndim == 1:
        return pa.array(array)
    offsets = pa.array(np.arange(len(array) + 1, dtype=np.int32) * array.shape[1])
    return pa.ListArray.from_arrays(offsets, pa.array(array.reshape(-1)))
