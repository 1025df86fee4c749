"""The default reader: petastorm's workers over an explicit list of files, one reader an epoch."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from os.path import abspath
from typing import Any

import pyarrow.parquet as pq

from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.training import petastorm_compat
from lstmrec.training.feed import (
    Columns,
    FileRead,
    SameTypes,
    check_request,
    check_rows,
    join,
    on_rank,
    read_file,
    read_footers,
)


class PetastormFeed:
    """A `Feed` over petastorm's thread pool; rank is named in errors.

    Each worker holds about four row groups ready. Order is the plan's for any number of workers.
    Raises ResourceError where petastorm is missing or is not the version that can be mended.
    """

    def __init__(self, workers: int = 1, rank: int = 0) -> None:
        if workers < 1:
            raise ConfigError("C614", f"workers must be 1 or more, not {workers}")
        petastorm_compat.apply()
        self.workers = workers
        self.rank = rank

    def read(self, files: Sequence[FileRead], columns: Sequence[str]) -> Generator[Columns, None, None]:
        """See `Feed.read`. Wrong columns and paths raise here, wrong footers before the first item."""
        with on_rank(self.rank):
            check_request(files, columns)
        return self._items([FileRead(abspath(read.path), read.rows) for read in files], list(columns))

    def _items(self, files: list[FileRead], columns: list[str]) -> Generator[Columns, None, None]:
        with on_rank(self.rank):
            # A file of no rows has no row group that petastorm would hand over: it is read here, for its types.
            full = [read for read in files if read.rows]
            footers = read_footers(full, columns)
            types = SameTypes()
            reader = _open(full, columns, self.workers, footers) if full else None
            try:
                for read in files:
                    item = _join(reader, read, footers[read.path], columns) if read.rows else read_file(read, columns)
                    check_rows(read, len(item[columns[0]]))
                    types.check(read.path, item)
                    yield item
                if reader is not None and next(reader, None) is not None:
                    raise DataError("D621", "petastorm handed over more rows than there are")
            finally:
                if reader is not None:
                    reader.stop()  # not `with`: its exit prints
                    reader.join()


def _open(files: list[FileRead], columns: list[str], workers: int, footers: Mapping[str, pq.FileMetaData]) -> Any:
    from petastorm import make_batch_reader
    from petastorm.unischema import UnischemaField

    return make_batch_reader(
        # Raw, not quoted: petastorm does not unquote. `check_request` has refused what a URL would cut.
        ["file://" + read.path for read in files],
        # Fields, not names: names are taken for regular expressions.
        schema_fields=[UnischemaField(name, None, ()) for name in columns],
        workers_count=workers,
        results_queue_size=workers,
        shuffle_row_groups=False,
        num_epochs=1,
        filesystem=petastorm_compat.LocalFiles(footers) if petastorm_compat.needs_stand_ins() else None,
    )


def _join(reader: Any, read: FileRead, footer: pq.FileMetaData, columns: list[str]) -> Columns:
    """The row groups of one file as one item; DataError for any that is lost, cut or out of order."""
    groups: list[Columns] = []
    for index in range(footer.num_row_groups):
        group = next(reader, None)
        if group is None:
            raise DataError("D622", f"petastorm lost row group {index + 1} of {footer.num_row_groups}", read.path)
        if group.path != read.path:
            raise DataError("D623", f"petastorm handed over {group.path} out of order", read.path)
        if len(group.columns[columns[0]]):  # an empty one has no list length
            groups.append(group.columns)
    return {name: join([group[name] for group in groups], f"{read.path} · column {name}") for name in columns}
