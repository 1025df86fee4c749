"""The tables of the scoring bench, written straight by contract: no job runs and nothing is trained.

    python prepare.py ROOT --items 100000 --length 50 --users 200000

A random net's BUNDLE, random ITEM_VECTORS, and SEQUENCES of role serve, `length` random events a user, as s5 lays
them out. Another ROOT with the same numbers is the same, and one that is there already stays. The peers read
ROOT/sequences too, by pyarrow.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.contracts.kinds import arrow_schema
from lstmrec.contracts.manifest import DataFile, Manifest
from lstmrec.model.build import MODEL, build, save
from lstmrec.model.spec import NetSpec
from lstmrec.scoring.items import SCHEMA

VERSION = "0123456789ab-00000000"
_PART = 4096  # users a file of sequences, as sequence.rows_per_file is in a large setting


def manifest(table: tables.Table, **more: Any) -> Manifest:
    return Manifest(table.name, VERSION, table.major, table.minor, "bench", 1, "bench", "1:1", "now", **more)


def lists(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """Rows of a 2-D array as lists."""
    offsets = pa.array(np.arange(len(values) + 1, dtype=np.int32) * values.shape[1])
    return pa.ListArray.from_arrays(offsets, pa.array(values.reshape(-1)).cast(kind))


def write_bundle(root: Path, spec: NetSpec) -> None:
    folder = root / "bundle" / VERSION
    folder.mkdir(parents=True)
    save(build(spec, 1), str(folder))
    versions.seal_files(str(root), manifest(tables.BUNDLE))


def write_vectors(root: Path, items: int, dim: int) -> None:
    """Vectors of unit entries, as the tower's LayerNorm leaves them, a part a 100,000 items."""
    place = root / "item_vectors" / VERSION / "data"
    place.mkdir(parents=True)
    rng, listed = np.random.default_rng(2), []
    for low in range(0, items, 100_000):
        item = np.arange(low, min(low + 100_000, items)) + 2
        part = pa.table(
            [pa.array(item, pa.int32()), pa.array([f"item-{i}" for i in item]),
             lists(rng.standard_normal((len(item), dim), np.float32), pa.float32()),
             pa.array(rng.standard_normal(len(item), np.float32) * 0.5)],
            schema=SCHEMA,
        )  # fmt: skip
        pq.write_table(part, place / f"part-{low}.parquet")
        listed.append(DataFile(f"part-{low}.parquet", len(item)))
    sealed = manifest(tables.ITEM_VECTORS, rows_out=items, files=tuple(listed), facts={"events": 1000 * items})
    versions.seal(str(root), sealed)


def write_sequences(root: Path, items: int, length: int, users: int) -> None:
    place = root / "sequences" / VERSION / "data"
    rng, listed, whole = np.random.default_rng(3), [], arrow_schema(tables.SEQUENCES)
    inside = pa.schema([f for f in whole if f.name not in tables.SEQUENCES.partitions])
    for number, low in enumerate(range(0, users, _PART)):
        rows = min(_PART, users - low)
        ones = np.ones((rows, length), int)
        wide = {"items": rng.integers(2, items + 2, (rows, length)), "types": ones, "ends": ones,
                "times": np.sort(rng.integers(0, 10**9, (rows, length)), 1)}  # fmt: skip
        one = {"user_id": [f"user-{low + i}" for i in range(rows)], "user": rng.integers(0, 2**62, rows),
               "place": np.sort(rng.integers(-(2**62), 2**62, rows)), "n": np.full(rows, length)}  # fmt: skip
        columns = []
        for field in inside:
            if pa.types.is_list(field.type):
                columns.append(lists(wide.get(field.name, np.zeros((rows, 0))), field.type.value_type))
            else:
                columns.append(pa.array(one.get(field.name, np.zeros(rows, int))).cast(field.type))
        path = f"role=serve/phase=0/length={length}/before=0/after=0/file={number}/part-0.parquet"
        (place / path).parent.mkdir(parents=True)
        pq.write_table(pa.table(columns, schema=inside), place / path, use_dictionary=False, write_page_checksum=True)
        listed.append(DataFile(path, rows, (place / path).stat().st_size))
    versions.seal(str(root), manifest(tables.SEQUENCES, rows_out=users, files=tuple(listed)))


def make(root: Path, items: int, length: int, users: int, dim: int = 128, units: int = 128) -> None:
    """All three tables below `root`, whole or not at all."""
    spec = NetSpec(dim=dim, units=units, trained=items + 2, history="filter")
    told = root / "bundle" / VERSION / MODEL
    if told.exists() and json.loads(told.read_text()) == spec.to_dict():
        return
    shutil.rmtree(root, ignore_errors=True)
    stage = root.with_name(f".{root.name}.{os.getpid()}")
    try:
        write_bundle(stage, spec)
        write_vectors(stage, items, dim)
        write_sequences(stage, items, length, users)
        stage.rename(root)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    for name, value in (("items", 100_000), ("length", 50), ("users", 200_000), ("dim", 128), ("units", 128)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    make(args.root.resolve(), args.items, args.length, args.users, args.dim, args.units)


if __name__ == "__main__":
    main()
