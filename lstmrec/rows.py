"""Rows of a version of a table by pyarrow, no Spark; what cannot be read is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.dataset as ds

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest

try:
    _CHECKED = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
except TypeError:  # pyarrow 14 has no such thing
    _CHECKED = ds.ParquetFragmentScanOptions()

Parts = Mapping[str, Sequence[str]]


def select(root: str, manifest: Manifest, columns: Sequence[str], where: Any = None,
           parts: Parts | None = None) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of a version as dictionaries, partition columns among them.

    where: a pyarrow expression over columns of the files. parts: partition column -> values; other files stay shut.
    DataError D825 names a file that is missing or damaged, by the checksums that Spark writes with each page too.
    """
    out: list[dict[str, Any]] = []
    for link, mine in _links(root, manifest, where):
        for partition, paths in _groups(root, link, parts):
            fixed = {k: v for k, v in partition.items() if k in columns}
            for batch in _read(paths, columns, mine):
                out += [row | fixed for row in batch.to_pylist()]
    return out


def batches(root: str, manifest: Manifest, columns: Sequence[str], where: Any = None,
            parts: Parts | None = None) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The same a batch at a time, without partition columns: memory holds no table."""
    for link, mine in _links(root, manifest, where):
        for _, paths in _groups(root, link, parts):
            yield from _read(paths, columns, mine)


def _links(root: str, manifest: Manifest, where: Any) -> Iterator[tuple[Manifest, Any]]:
    """A version and those that it goes on from (`Table.grows`), newest first; each with `where` for the rows of it that
    still count: of each value those of the newest version that has any."""
    contract = tables.table(manifest.table)
    chain = manifest.facts.get("chain", ()) if contract.grows else ()
    seen: set[Any] = set()
    for link in [manifest, *(versions.load(root, contract, v) for v in reversed(chain))]:
        mine = where
        if seen:
            others = ~ds.field(contract.grows).isin(sorted(seen))
            mine = others if where is None else where & others
        yield link, mine
        if link.version != (chain[0] if chain else manifest.version):
            for _, paths in _groups(root, link, None):
                for batch in _read(paths, [contract.grows], None):
                    seen |= set(batch.column(0).unique().to_pylist())


def _groups(root: str, manifest: Manifest, parts: Parts | None) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Partition and files."""
    place = files.join(versions.folder(root, manifest.table, manifest.version), "data")
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for f in manifest.files:
        if all(f.partition.get(k) in values for k, values in (parts or {}).items()):
            groups.setdefault(tuple(sorted(f.partition.items())), []).append(files.join(place, f.path))
    for partition, paths in groups.items():
        yield dict(partition), paths


def _read(paths: Sequence[str], columns: Sequence[str], where: Any) -> Iterator[pa.RecordBatch]:
    try:
        yield from _opened(paths, columns, where)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(paths, columns, where, error) from error


def _opened(paths: Sequence[str], columns: Sequence[str], where: Any) -> Iterator[pa.RecordBatch]:
    fs, _ = fsspec.core.url_to_fs(paths[0])
    inner = [fsspec.core.url_to_fs(p)[1] for p in paths]
    checked = ds.ParquetFileFormat(default_fragment_scan_options=_CHECKED)
    data = ds.dataset(inner, format=checked, filesystem=fs, partitioning=None)
    yield from data.to_batches(columns=[c for c in columns if c in data.schema.names], filter=where)


def _damaged(paths: Sequence[str], columns: Sequence[str], where: Any, error: Exception) -> DataError:
    """The error of the first file that cannot be read by itself."""
    for path in paths:
        try:
            for _ in _opened([path], columns, where):
                pass
        except (OSError, pa.ArrowException) as own:
            said = "it is not there" if isinstance(own, FileNotFoundError) else str(own).splitlines()[0][:200]
            return DataError("D825", f"cannot read a file of this table: {said}", path,
                             "run the job that writes it again, or go back: lstmrec rollback")  # fmt: skip
    return DataError("D825", f"cannot read this table: {error}", paths[0], "try again")
