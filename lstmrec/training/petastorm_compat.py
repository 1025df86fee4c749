"""Makes petastorm 0.13.1 lose no rows, keep their order, and run beside pyarrow >= 15 and numpy 2.

Everything is put into petastorm's own modules, by `apply`:
- the mend: `ThreadPool.get_results` asks whether all work was handed out before it asks whether all work was done. As
  shipped it asks the other way round and drops what was handed out in between, and it moves on from a worker that has
  nothing to do *yet*, which disorders results.
- whole row groups: read, checked and converted in the worker thread, and each carries its file's name.
- the stand-ins, where pyarrow has dropped what petastorm needs: `ParquetDataset`, `ParquetDatasetPiece`, two modules.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from queue import Empty
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstmrec.contracts.errors import ConfigError, ResourceError
from lstmrec.training.feed import Columns, check_schema, named, open_parquet, to_numpy

TESTED = "0.13.1"


@dataclass(frozen=True)
class RowGroup:
    """What a mended worker hands over: the columns of one row group, and where they are from."""

    path: str
    columns: Columns


@cache
def apply() -> None:
    """Mend petastorm, once a process; ResourceError where it is missing or not the tested version."""
    try:
        found = version("petastorm")
    except PackageNotFoundError as error:
        hint = f"pip install --no-deps petastorm=={TESTED}, or train.reader=arrow"
        raise ResourceError("R611", "petastorm is not installed", hint=hint) from error
    if found != TESTED:
        what = f"petastorm {found} with pyarrow {pa.__version__}: only petastorm {TESTED} can be mended"
        hint = f"pip install --no-deps petastorm=={TESTED}, or train.reader=arrow"
        raise ResourceError("R612", what, hint=hint)
    put_stand_ins()
    from petastorm.arrow_reader_worker import ArrowReaderWorker, ArrowReaderWorkerResultsQueueReader
    from petastorm.workers_pool.thread_pool import ThreadPool

    ThreadPool.get_results = _get_results
    ArrowReaderWorker._load_rows = _load_rows
    ArrowReaderWorkerResultsQueueReader.read_next = _read_next


def needs_stand_ins() -> bool:
    """Whether this pyarrow has dropped what petastorm imports (since 15)."""
    return not hasattr(pq, "ParquetDatasetPiece")


# ---- the mend


def _get_results(self: Any) -> Any:
    """`ThreadPool.get_results` without loss or disorder: round robin over the workers, as work was handed out."""
    from petastorm.workers_pool import EmptyResultError, VentilatedItemProcessedMessage
    from petastorm.workers_pool.thread_pool import _VERIFY_END_OF_VENTILATION_PERIOD

    while True:
        # In this order: work handed out between two questions asked the other way round would be forgotten.
        handed_out = self._ventilator is None or self._ventilator.completed()
        if handed_out and self.all_workers_done():
            raise EmptyResultError
        worker = self._get_results_worker_id
        if handed_out and self.current_worker_done(worker):
            self._get_results_worker_id = (worker + 1) % self.workers_count
            continue
        try:
            result = self._results_queues[worker].get(timeout=_VERIFY_END_OF_VENTILATION_PERIOD)
        except Empty:
            continue
        if isinstance(result, VentilatedItemProcessedMessage):
            self._ventilated_items_processed_by_worker[worker] += 1
            if self._ventilator:
                self._ventilator.processed_item()
            self._get_results_worker_id = (worker + 1) % self.workers_count
        elif isinstance(result, Exception):
            self.stop()
            self.join()
            raise result
        else:
            return result


# ---- whole row groups


def _load_rows(self: Any, pq_file: Any, piece: Any, shuffle_row_drop_range: Any) -> RowGroup | Exception:
    """`ArrowReaderWorker._load_rows`: one row group as a RowGroup, converted here and not in the consumer's thread.

    An error is returned, not raised: the pool hands it to the consumer, and prints nothing.
    """
    columns = list(self._schema.fields)
    try:
        with named(piece.path):
            # petastorm's own way has a take of all rows in order, and an object per row in the conversion.
            table = piece.read(columns=columns, partitions=None)
        check_schema(piece.path, table.schema, columns)
        return RowGroup(piece.path, to_numpy(table, columns, piece.path))
    except Exception as error:
        return error


def _read_next(self: Any, workers_pool: Any, schema: Any, ngram: Any) -> RowGroup:
    """`ArrowReaderWorkerResultsQueueReader.read_next`: the RowGroup as it is, so that it keeps its file's name."""
    from petastorm.workers_pool import EmptyResultError

    try:
        return workers_pool.get_results()  # type: ignore[no-any-return]  # petastorm is untyped
    except EmptyResultError:
        raise StopIteration from None


# ---- the stand-ins


class LocalFiles:
    """Stands in for `pyarrow.localfs`: files are opened by path, and their footers are known already."""

    def __init__(self, footers: Mapping[str, pq.FileMetaData] | None = None) -> None:
        self.footers = footers or {}

    def open(self, path: str) -> str:
        return path


class Piece:
    """Stands in for `pyarrow.parquet.ParquetDatasetPiece`: a file, or one row group of it."""

    def __init__(self, path: str, open_file_func: Any, row_group: int | None = None, partition_keys: Any = ()) -> None:
        self.path, self.row_group, self.partition_keys = path, row_group, partition_keys
        self._open_file_func = open_file_func
        self._footer = open_file_func.__self__.footers.get(path)

    def get_metadata(self) -> pq.FileMetaData:
        if self._footer is None:
            with named(self.path):
                self._footer = pq.read_metadata(self._open_file_func(self.path))
        return self._footer

    def read(self, columns: Collection[str], partitions: Any = None) -> pa.Table:
        with named(self.path), open_parquet(self._open_file_func(self.path), self._footer) as file:
            return file.read_row_group(self.row_group or 0, columns=list(columns), use_threads=False)


class Dataset:
    """Stands in for `pyarrow.parquet.ParquetDataset`: a list of files. It looks for no `_common_metadata`."""

    partitions = metadata = common_metadata = None

    def __init__(self, paths: Sequence[str], filesystem: Any = None, **ignored: Any) -> None:
        if isinstance(paths, str):
            hint = "name the files: a folder's _common_metadata would be unpickled"
            raise ConfigError("C615", "petastorm was handed a folder", paths, hint)
        self.fs = filesystem or LocalFiles()
        self.paths = list(paths)
        self.pieces = [Piece(path, self.fs.open) for path in paths]


def put_stand_ins() -> None:
    """Load petastorm; where pyarrow has dropped what it needs, with the stand-ins in its modules."""
    if not needs_stand_ins():
        return
    namenode = ModuleType("petastorm.hdfs.namenode")
    namenode.__dict__.update(HdfsNamenodeResolver=object, HdfsConnector=object)
    sys.modules.setdefault("petastorm.hdfs.namenode", namenode)
    # petastorm.utils wants one class of it while it loads; nobody else shall see it.
    filesystem = ModuleType("pyarrow.filesystem")
    filesystem.__dict__.update(LocalFileSystem=LocalFiles)
    before = sys.modules.get("pyarrow.filesystem")
    sys.modules["pyarrow.filesystem"] = filesystem
    try:
        from petastorm import arrow_reader_worker, reader, unischema
        from petastorm.etl import dataset_metadata
    finally:
        del sys.modules["pyarrow.filesystem"]
        if before is not None:
            sys.modules["pyarrow.filesystem"] = before
    parquet = SimpleNamespace(ParquetDataset=Dataset, ParquetDatasetPiece=Piece)
    for module in (reader, arrow_reader_worker, dataset_metadata):
        module.pq = parquet
    arrow_reader_worker.ParquetFile = lambda opened: opened  # a third look at the footer, never used
    unischema._numpy_and_codec_from_arrow_type = _numpy_type(unischema._numpy_and_codec_from_arrow_type)


def _numpy_type(original: Any) -> Any:
    """`_numpy_and_codec_from_arrow_type` without `np.unicode_`, which numpy 2 has not."""
    return lambda kind: np.str_ if pa.types.is_string(kind) else original(kind)
