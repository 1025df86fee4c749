"""Which files below a folder hold a text: Parquet decoded, nested columns too; of every other file its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def holding(folder: Path, text: str) -> list[str]:
    """Their paths below it; a string column holds a text that is a part of a value."""
    return [
        str(path.relative_to(folder))
        for path in sorted(p for p in folder.rglob("*") if p.is_file())
        if (_in_table(path, text) if path.suffix == ".parquet" else text.encode() in path.read_bytes())
    ]


def _in_table(path: Path, text: str) -> bool:
    table = pq.ParquetFile(path).read()
    return any(text in value for column in table.columns for value in _strings(column.combine_chunks()))


def _strings(array: Any) -> Iterator[str]:
    if isinstance(array, pa.ChunkedArray):
        for chunk in array.chunks:
            yield from _strings(chunk)
    elif pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        yield from (v for v in array.to_pylist() if v is not None)
    elif pa.types.is_struct(array.type):
        for number in range(array.type.num_fields):
            yield from _strings(array.field(number))
    elif pa.types.is_map(array.type):
        yield from _strings(array.keys)
        yield from _strings(array.items)
    elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        yield from _strings(array.values)
