"""Intermediate results of one job, written once and read back: two uses of one lineage would compute it twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import fsspec
from pyspark.sql import DataFrame

from lstmrec import files, versions
from lstmrec.store.commit import Ticket


@dataclass(frozen=True)
class Desk:
    """A job's private folder below the root."""

    folder: str

    def materialise(self, frame: DataFrame, name: str, *partitions: str) -> DataFrame:
        """Write the frame under a name of its own, and return it as read back from there (same schema)."""
        place = files.join(self.folder, name)
        frame.write.mode("errorifexists").partitionBy(*partitions).parquet(place)
        return frame.sparkSession.read.schema(frame.schema).parquet(place).select(*frame.columns)


@contextmanager
def desk(ticket: Ticket) -> Iterator[Desk]:
    """A fresh private folder, removed when the job ends, however it ends."""
    place = files.join(ticket.root, "_work", ticket.job, versions.new_version(ticket.skip_key))
    try:
        yield Desk(place)
    finally:
        fs, inner = fsspec.core.url_to_fs(place)
        if fs.exists(inner):
            fs.rm(inner, recursive=True)
