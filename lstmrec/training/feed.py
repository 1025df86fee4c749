"""What the trainer reads rows through: one interface for both readers, and the checks they share.

A Parquet file of the trainer holds rows of one list length per list column, scalars and lists of int32, int64, float32
and float64, no nulls. Both readers refuse everything else, by the same code, so that their arrays are the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lstmrec.contracts.errors import ConfigError, DataError, LstmrecError

Columns = dict[str, npt.NDArray[Any]]
"""Columns of some rows: a scalar column is (rows,), a list column (rows, length). Arrays may be read-only views."""

# Petastorm unpickles what stands in these files: whoever can write them runs code in the trainer.
_PICKLED = ("_common_metadata", "_metadata")
VERIFIES_PAGES = "page_checksum_verification" in inspect.signature(pq.ParquetFile.__init__).parameters
"""Whether this pyarrow (15 and later) finds flipped bits by the checksums that Spark writes with each page."""

_TYPES = (pa.int32(), pa.int64(), pa.float32(), pa.float64())


@dataclass(frozen=True)
class FileRead:
    """A local Parquet file and the number of rows the manifest says it has."""

    path: str
    rows: int


class Feed(Protocol):
    """A reader of Parquet files that is always a little ahead of its consumer."""

    def read(self, files: Sequence[FileRead], columns: Sequence[str]) -> Generator[Columns, None, None]:
        """Yield one item per file, in the order asked, read ahead in the background.

        Raises ConfigError for a call that makes no sense, DataError naming rank and file for a file that is missing,
        broken, or not what the manifest says. Closing or dropping the generator stops the background and waits for it.
        """
        ...


# Ranks: one launcher prints what many of them say.
@contextmanager
def on_rank(rank: int) -> Iterator[None]:
    """Put the rank into the `where` of any error that passes."""
    try:
        yield
    except LstmrecError as error:
        where = f"rank {rank} · {error.where}" if error.where else f"rank {rank}"
        raise type(error)(error.code, error.what, where, error.hint) from error


def missing(path: str) -> DataError:
    """A file that the manifest lists and nobody has."""
    return DataError("D611", "file is missing", path, "the manifest lists it: fetch it, or run sequence")


@contextmanager
def named(path: str) -> Iterator[None]:
    """Turn what Arrow and the system raise into a DataError that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise missing(path) from error
    except (pa.ArrowException, OSError) as error:
        raise DataError("D612", f"cannot read file: {error}", path, "damaged: restore it, or run sequence") from error


def check_request(files: Sequence[FileRead], columns: Sequence[str]) -> None:
    """Refuse, before anything is opened, columns and paths that no reader can be trusted with."""
    if not columns or len(set(columns)) != len(columns):
        raise ConfigError("C611", f"columns must be named, each once: {list(columns)}")
    folders = set()
    for read in files:
        path = Path(read.path)
        # A URL ends at # and ?, and its parser drops control characters: petastorm would open another file.
        if "://" in read.path or any(c in "#?" or not c.isprintable() for c in read.path):
            raise ConfigError("C612", "path is a URL or has #, ? or a control character in it", read.path, "rename it")
        if path.is_dir():
            raise DataError("D613", "path is a folder, not a file", read.path, "name the files of the manifest")
        folders.add(path.parent)
    for folder in folders:
        for name in _PICKLED:
            if (folder / name).exists():
                hint = "remove it: petastorm unpickles it, which runs whatever code it holds"
                raise DataError("D614", f"a folder of the trainer holds {name}", str(folder), hint)


def check_schema(path: str, schema: pa.Schema, columns: Sequence[str]) -> None:
    """Refuse a column that is missing or of a type that readers drop, convert or corrupt."""
    for name in columns:
        index = schema.get_field_index(name)
        if index < 0:
            what = "column is missing" if name not in schema.names else "column is there more than once"
            raise DataError("D615", what, f"{path} · column {name}", f"the file has {', '.join(schema.names)}")
        kind = schema.field(index).type
        if (kind.value_type if pa.types.is_list(kind) else kind) not in _TYPES:
            hint = "int, bigint, float, double, or an array of one of them"
            raise DataError("D616", f"column has the unsupported type {kind}", f"{path} · column {name}", hint)


def check_rows(read: FileRead, rows: int) -> None:
    """Refuse a number of rows that is not the manifest's."""
    if rows != read.rows:
        what = f"{rows:,} rows where the manifest says {read.rows:,}"
        raise DataError("D617", what, read.path, "a reader lost rows, or the file is of another version")


class SameTypes:
    """Holds the element types of the first file; another type in a later file would pass silently otherwise."""

    def __init__(self) -> None:
        self._first: dict[str, np.dtype[Any]] = {}

    def check(self, path: str, columns: Columns) -> None:
        for name, array in columns.items():
            if (first := self._first.setdefault(name, array.dtype)) != array.dtype:
                what = f"column is {array.dtype} here and {first} in the first file"
                raise DataError("D618", what, f"{path} · column {name}", "write the table again with one schema")


def to_numpy(table: pa.Table, columns: Sequence[str], path: str) -> Columns:
    """Columns of a table (checked by `check_schema`) without an object per row: flatten, then reshape."""
    return {name: _column(table.column(name), f"{path} · column {name}") for name in columns}


def _column(column: pa.ChunkedArray, where: str) -> npt.NDArray[Any]:
    pieces = [_chunk(chunk, where) for chunk in column.chunks if len(chunk)]
    if not pieces:
        is_list = pa.types.is_list(column.type)
        kind = column.type.value_type if is_list else column.type
        return np.empty((0, 0) if is_list else (0,), dtype=kind.to_pandas_dtype())
    return join(pieces, where)


def join(pieces: Sequence[npt.NDArray[Any]], where: str) -> npt.NDArray[Any]:
    """Pieces of one column in order, as one array; DataError naming `where` if their lists differ in length."""
    if len({piece.shape[1:] for piece in pieces}) > 1:
        raise _ragged({piece.shape[1] for piece in pieces}, where)
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _chunk(chunk: pa.Array, where: str) -> npt.NDArray[Any]:
    if chunk.null_count:
        raise DataError("D619", f"{chunk.null_count:,} nulls", where, "a column of the trainer has none")
    if not pa.types.is_list(chunk.type):
        return np.asarray(chunk.to_numpy(zero_copy_only=True))
    lengths = np.diff(chunk.offsets.to_numpy())
    if (lengths != lengths[0]).any():
        raise _ragged(set(lengths.tolist()), where)
    values = _chunk(chunk.flatten(), where)
    return values.reshape(len(chunk), int(lengths[0]))


def _ragged(lengths: set[int], where: str) -> DataError:
    found = ", ".join(map(str, sorted(lengths)[:5]))
    return DataError("D620", f"lists of several lengths in one file: {found}", where, "one length class per file")


def open_parquet(path: str, metadata: pq.FileMetaData | None = None) -> pq.ParquetFile:
    """Open a local Parquet file, page checksums verified where pyarrow can; metadata: its footer, if read before."""
    verify = {"page_checksum_verification": True} if VERIFIES_PAGES else {}
    return pq.ParquetFile(path, metadata=metadata, **verify)


def read_file(read: FileRead, columns: Sequence[str]) -> Columns:
    """All rows of one file, every check applied; row groups are joined."""
    with named(read.path), open_parquet(read.path) as file:
        check_schema(read.path, file.schema_arrow, columns)
        check_rows(read, file.metadata.num_rows)
        # One thread: the ranks of a machine share its cores, and a second one gains nothing here.
        table = file.read(columns=list(columns), use_threads=False)
        check_rows(read, table.num_rows)
        return to_numpy(table, columns, read.path)


def read_footers(files: Sequence[FileRead], columns: Sequence[str]) -> Mapping[str, pq.FileMetaData]:
    """The footers of all files by path, each with the right columns and rows."""
    footers: dict[str, pq.FileMetaData] = {}
    for read in files:
        if read.path not in footers:
            with named(read.path):
                footer = pq.read_metadata(read.path)
                check_schema(read.path, footer.schema.to_arrow_schema(), columns)
            footers[read.path] = footer
        check_rows(read, footers[read.path].num_rows)
    return footers
