"""What a source's files say of themselves before Spark opens them: broken ones, and columns they do not agree on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from lstmrec.contracts.errors import DataError

#: Of more files than this, as many evenly spaced ones are looked at: a mix among the others is an error of the scan.
LOOKED_AT = 256
_MAGIC = {"parquet": (b"PAR1", b"PARE"), "orc": (b"ORC",)}
_WIDER: tuple[tuple[type[T.DataType], ...], ...] = (
    (T.ByteType, T.ShortType, T.IntegerType, T.LongType), (T.FloatType, T.DoubleType)
)  # fmt: skip


def broken(fs: Any, files: Mapping[str, Any], form: str) -> dict[str, str]:
    """File -> why it cannot be a Parquet or ORC file: empty, no such beginning, no footer at its end."""

    def why(item: tuple[str, Any]) -> str:
        path, size = item[0], int(item[1]["size"])
        if size == 0:
            return "it is empty"
        with fs.open(path, "rb") as f:
            if not f.read(4).startswith(_MAGIC[form]):
                return f"it does not begin as {form}"
            if form == "parquet":
                f.seek(max(size - 8, 0))
                tail = f.read(8)
                if tail[4:] not in _MAGIC[form] or int.from_bytes(tail[:4], "little") + 12 > size:
                    return "its footer is missing: it was cut off"
        return ""

    if form not in _MAGIC:
        return {}
    with ThreadPoolExecutor(16) as pool:
        found = zip(files, pool.map(why, files.items()), strict=True)
    return {path: reason for path, reason in found if reason}


def agreed(spark: SparkSession, fs: Any, files: Sequence[str], urls: Mapping[str, str], key: str
           ) -> T.StructType | None:  # fmt: skip
    """The one schema of Parquet files that differ: every column of any of them, whole numbers (and floats) as wide as
    the widest; null where they do not differ. urls: file -> what Spark opens.

    DataError D306 naming column, both types and files where types do not go together; D309 for names that differ by
    case alone, or stand twice.
    """
    with ThreadPoolExecutor(16) as pool:
        schemas = list(pool.map(lambda path: _schema(fs, path), chosen := _spread(files)))
    kinds: dict[str, str] = {}
    for path, schema in zip(chosen, schemas, strict=True):
        if schema is not None:
            _distinct(schema, path, key)
            kinds.setdefault(str(schema.remove_metadata()), path)
    if len(kinds) < 2:
        return None
    merged: dict[str, tuple[T.StructField, str]] = {}
    for path in kinds.values():
        for field in spark.read.parquet(urls[path]).schema.fields:
            had, first = merged.get(field.name, (field, path))
            kind = _wider(had.dataType, field.dataType)
            if kind is None:
                raise DataError(
                    "D306", f"column {field.name} is {had.dataType.simpleString()} in {first} and "
                    f"{field.dataType.simpleString()} in {path}", f"{key}.path",
                    "write both as one type, or name the files of one kind and cast the others before",
                )  # fmt: skip
            merged[field.name] = (T.StructField(field.name, kind, True), first)
    lower = Counter(name.lower() for name in merged)
    if twins := sorted(name for name in merged if lower[name.lower()] > 1):
        raise DataError("D309", f"columns {', '.join(twins)} differ by case alone", f"{key}.path", "rename one of them")
    return T.StructType([field for field, _ in merged.values()])


def _spread(files: Sequence[str]) -> list[str]:
    if len(files) <= LOOKED_AT:
        return list(files)
    return [files[n * (len(files) - 1) // (LOOKED_AT - 1)] for n in range(LOOKED_AT)]


def _schema(fs: Any, path: str) -> pa.Schema | None:
    try:
        with fs.open(path, "rb") as f:
            return pq.read_schema(f)
    except (pa.ArrowException, OSError):
        return None  # Spark says what is wrong with it


def _distinct(schema: pa.Schema, path: str, key: str) -> None:
    lower = Counter(name.lower() for name in schema.names)
    twins = [name for name in schema.names if lower[name.lower()] > 1]
    if twins:
        raise DataError("D309", f"columns {', '.join(twins)} are one name to Spark, which does not tell case apart",
                        f"{key}.path · {path}", "rename one of them where the file is written")  # fmt: skip


def _wider(one: T.DataType, other: T.DataType) -> T.DataType | None:
    """The type both fit in without a change of value; null: none."""
    if one == other:
        return one
    for family in _WIDER:
        if type(one) in family and type(other) in family:
            return max(one, other, key=lambda kind: family.index(type(kind)))
    return None
