"""Small Parquet parts as the trainer reads them, for the tests of the feeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstmrec.training.feed import VERIFIES_PAGES, FileRead

COLUMNS = ["user", "items", "gap", "weight"]


def arrays(rows: int, length: int, seed: int) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    return {
        "user": rng.integers(-(2**62), 2**62, rows, dtype=np.int64),
        "items": rng.integers(0, 2**31 - 1, (rows, length), dtype=np.int32),
        "gap": rng.random((rows, length), dtype=np.float32),
        "weight": rng.random(rows),
    }


def as_table(columns: dict[str, np.ndarray[Any, Any]]) -> pa.Table:
    return pa.table({name: as_arrow(array) for name, array in columns.items()})


def as_arrow(array: np.ndarray[Any, Any]) -> pa.Array:
    if array.ndim == 1:
        return pa.array(array)
    rows, length = array.shape
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * length)
    return pa.ListArray.from_arrays(offsets, pa.array(array.reshape(-1)))


def write(path: Path, table: pa.Table, **options: Any) -> FileRead:
    checksums = {"write_page_checksum": True} if VERIFIES_PAGES else {}
    pq.write_table(table, path, **checksums, **options)
    return FileRead(str(path), table.num_rows)


def write_parts(
    folder: Path, count: int, rows: int = 5, length: int = 3
) -> tuple[list[FileRead], list[dict[str, np.ndarray[Any, Any]]]]:
    """`count` files of random rows, and what stands in them."""
    wanted = [arrays(rows, length, seed) for seed in range(count)]
    return [write(folder / f"part-{i:03}.parquet", as_table(w)) for i, w in enumerate(wanted)], wanted


def same(got: dict[str, np.ndarray[Any, Any]], wanted: dict[str, np.ndarray[Any, Any]]) -> bool:
    """Equal in names, order of names, types, shapes and bits."""
    return list(got) == list(wanted) and all(
        got[n].dtype == wanted[n].dtype and got[n].shape == wanted[n].shape and got[n].tobytes() == wanted[n].tobytes()
        for n in wanted
    )
