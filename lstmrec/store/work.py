"""Intermediate results of one job, written once and read back: two uses of one lineage would compute it twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import DataFrame

from lstmrec import files, versions
from lstmrec.contracts import manifest as manifests
from lstmrec.store import layout
from lstmrec.store.commit import Ticket
from lstmrec.store.session import halt, told


@dataclass(frozen=True)
class Desk:
    """A job's private folder below the root."""

    folder: str

    @property
    def job(self) -> str:
        """Whose it is."""
        return self.folder.rsplit("/", 2)[-2]

    @property
    def name(self) -> str:
        """What tells this run of the job from every other."""
        return self.folder.rsplit("/", 1)[-1]

    def materialise(self, frame: DataFrame, name: str, *partitions: str, cluster: Sequence[str] = (),
                    order: Sequence[str] = (), buckets: int = 0) -> DataFrame:  # fmt: skip
        """Write the frame under a name of its own, and return it as read back from there (same schema).

        cluster, order, buckets: laid out as `store.layout` does it; then there are no partitions.
        """
        place, spark = files.join(self.folder, name), frame.sparkSession
        told(spark, self.job, name)
        if buckets:
            buckets = layout.write(frame, place, cluster, order, buckets)
        else:
            frame.write.mode("errorifexists").partitionBy(*partitions).parquet(place)
        back = spark.read.schema(frame.schema).parquet(place)
        return layout.known(back, cluster, order, buckets).select(*frame.columns)


@contextmanager
def desk(ticket: Ticket) -> Iterator[Desk]:
    """A fresh private folder, removed when the job ends, however it ends; and so are versions it staged and did not
    seal. One with a manifest stays: a job that is stopped right after sealing it has a name pointing there."""
    place = files.join(ticket.root, "_work", ticket.job, versions.new_version(ticket.skip_key))
    try:
        yield Desk(place)
    except (SystemExit, KeyboardInterrupt):
        halt(ticket.job)
        raise
    finally:
        for folder in [place, *ticket.unsealed]:
            if not files.exists(files.join(folder, manifests.NAME)):
                files.remove(folder)
