"""A table nobody has described yet: format, dialect, columns and a sample, by pyarrow. No Spark."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.dataset as ds

from lstmrec.contracts.errors import ConfigError, DataError

SAMPLE_ROWS = 100_000
_SNIFFED = 1 << 18
_SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Opened:
    """A table: what `clean.*` says of it (path, format, Spark's reader options), its columns, and how to read it."""

    path: str
    format: str
    columns: tuple[str, ...]
    data: ds.Dataset
    options: dict[str, str] = field(default_factory=dict)

    def sample(self) -> pa.Table:
        """The first rows, SAMPLE_ROWS at most; DataError D851 where they cannot be read."""
        try:
            return self.data.head(SAMPLE_ROWS)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError("D851", f"cannot read {self.path}: {str(error).splitlines()[0]}", self.path,
                            "another separator: --sep; a broken line: mend it") from error  # fmt: skip


def opened(path: str, separator: str | None = None) -> Opened:
    """A CSV or Parquet file, folder or glob. CSV comes as text throughout, as Spark reads it.

    DataError D850 where nothing is there or it is neither; ConfigError C050 for column names that stand twice.
    """
    fs, listed = _listed(path)
    with fs.open(listed[0], "rb", compression="infer") as f:
        head = f.read(_SNIFFED)
    if head[:4] == b"PAR1":
        data = ds.dataset(listed, format="parquet", filesystem=fs, partitioning=None)
        return Opened(path, "parquet", _distinct(data.schema.names, path), data)
    if not head.strip() or b"\0" in head:
        raise DataError("D850", "this is neither CSV nor Parquet, or it is empty", listed[0],
                        "write the table as one of them")  # fmt: skip
    encoding = _encoding(head)
    text = head.decode(encoding, errors="ignore").removeprefix("\ufeff")
    rows, separator = _dialect(text, separator)
    header = _is_header(rows)
    names = _distinct(rows[0] if header else [f"_c{n}" for n in range(len(rows[0]))], path)
    options = {"header": str(header).lower(), "sep": separator, "escape": '"'}
    if encoding != "utf-8":
        options["encoding"] = "ISO-8859-1"
    broken = any("\n" in cell for row in rows for cell in row)
    if broken:
        options["multiLine"] = "true"
    form = ds.CsvFileFormat(
        parse_options=pacsv.ParseOptions(delimiter=separator, newlines_in_values=broken),
        read_options=pacsv.ReadOptions(column_names=list(names), skip_rows=int(header), encoding=encoding),
        convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), null_values=[""],
                                             strings_can_be_null=True),
    )  # fmt: skip
    schema = pa.schema([(n, pa.string()) for n in names])
    return Opened(path, "csv", names, ds.dataset(listed, schema, form, fs, partitioning=None), options)


def _listed(path: str) -> tuple[Any, list[str]]:
    """The file system and the data files behind a path, in order."""
    try:
        fs, inner = fsspec.core.url_to_fs(path)
        roots = sorted(fs.glob(inner)) if re.search(r"[*?\[]", inner) else [inner] if fs.exists(inner) else []
        found = [f for root in roots for f in sorted(fs.find(root)) if not _hidden(f.removeprefix(root)) and fs.size(f)]
    except (ImportError, ValueError, OSError) as error:
        raise DataError("D850", f"cannot look at {path}: {error}", path, "a file, folder or glob") from error
    if not found:
        raise DataError("D850", f"no data file is at {path}", path, "a file, folder or glob of CSV or Parquet")
    return fs, found


def _hidden(below: str) -> bool:
    return any(part.startswith((".", "_")) for part in below.split("/"))


def _encoding(head: bytes) -> str:
    """utf-8 where the bytes are (a character cut at the end is none of ours to judge), else latin-1."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=False)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _dialect(text: str, separator: str | None) -> tuple[list[list[str]], str]:
    """The first rows, and the separator: of the usual ones that which gives the most columns in the most rows."""
    best: tuple[float, list[list[str]], str] | None = None
    for candidate in [separator] if separator else _SEPARATORS:
        rows = [r for r in csv.reader(io.StringIO(text), delimiter=candidate) if r]
        rows = rows[:-1] if len(rows) > 1 and len(text) >= _SNIFFED - 4 else rows  # the last one may be cut
        rows = rows[:500]
        width = len(rows[0])
        score = sum(len(r) == width for r in rows) / len(rows) * (min(width, 50) if width > 1 else 0.1)
        if best is None or score > best[0]:
            best = score, rows, candidate
    assert best is not None
    return best[1], best[2]


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Names, none of them empty or a number."""
    return all(cell.strip() and not re.fullmatch(r"[-+]?[\d.,]+", cell.strip()) for cell in rows[0])


def _distinct(names: Sequence[str], path: str) -> tuple[str, ...]:
    twice = sorted({n for n in names if [m.lower() for m in names].count(n.lower()) > 1})
    if twice:
        raise ConfigError(
            "C050", f"columns whose names Spark cannot tell apart: {', '.join(twice)}", path, "rename one"
        )
    return tuple(names)
