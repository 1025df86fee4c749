"""Stage a table's files in a new version folder, verify them from read-back, create the manifest last."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlparse

from pyspark.sql import DataFrame

from lstmrec import files, versions
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import DataFile, Manifest
from lstmrec.contracts.tables import Table
from lstmrec.store import checks


@dataclass(frozen=True)
class Ticket:
    """What a job's commits have in common: made by `store.door.ticket`.

    started: seconds of `time.monotonic` (durations alone read a clock).
    """

    root: str
    job: str
    job_version: int
    skip_key: str
    as_of: str
    parents: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def manifest(self, contract: Table, version: str, **more: Any) -> Manifest:
        """A manifest of this job for one table."""
        return Manifest(
            table=contract.name, version=version, major=contract.major, minor=contract.minor, job=self.job,
            job_version=self.job_version, skip_key=self.skip_key, fingerprint=more.pop("fingerprint", ""),
            as_of=self.as_of, parents=self.parents, config=self.config,
            seconds=round(time.monotonic() - self.started, 3), **more,
        )  # fmt: skip


def stage(frame: DataFrame, ticket: Ticket, contract: Table, *, one_file_per_partition: bool = False) -> str:
    """Write a frame's files into a new version folder; the version stays invisible. Returns its id.

    Columns must be exactly the contract's (DataError D113). one_file_per_partition: rows are brought together by the
    partition columns first, so that each partition folder gets one file, in the order of `contract.order`.
    """
    if sorted(frame.columns) != sorted(contract.names):
        raise DataError("D113", f"columns {sorted(set(frame.columns) ^ set(contract.names))} are not as declared",
                        f"table {contract.name}", "the job must select exactly the contract's columns")  # fmt: skip
    version = versions.new_version(ticket.skip_key)
    place = files.join(versions.folder(ticket.root, contract.name, version), "data")
    if one_file_per_partition:
        frame = frame.repartition(*contract.partitions).sortWithinPartitions(*contract.partitions, *contract.order)
    writer = frame.write.mode("errorifexists").partitionBy(*contract.partitions)
    writer.option("maxRecordsPerFile", 0).parquet(place)
    return version


def commit(frame: DataFrame, ticket: Ticket, contract: Table, *, rows_in: int | None = None, rows_rejected: int = 0,
           facts: Mapping[str, Any] | None = None, one_file_per_partition: bool = False, keys: bool = True
           ) -> Manifest:  # fmt: skip
    """Stage, verify, seal. rows_in: where given, rows_in = rows_out + rows_rejected is checked (DataError D114)."""
    version = stage(frame, ticket, contract, one_file_per_partition=one_file_per_partition)
    return seal_staged(frame.sparkSession, ticket, contract, version, rows_in=rows_in, rows_rejected=rows_rejected,
                       facts=facts, keys=keys)  # fmt: skip


def seal_staged(
    spark: Any, ticket: Ticket, contract: Table, version: str, *, rows_in: int | None = None, rows_rejected: int = 0,
    facts: Mapping[str, Any] | None = None, keys: bool = True,
) -> Manifest:  # fmt: skip
    """Verify a staged version from what was written, and seal it."""
    place = files.join(versions.folder(ticket.root, contract.name, version), "data")
    sizes = {p: n for p, n in files.walk(place).items() if not p.rsplit("/", 1)[-1].startswith(("_", "."))}
    checked = checks.Checked({}, "0:" + "0" * 32)
    if sizes:
        written = spark.read.schema(contract.ddl).option("basePath", place).parquet(
            *[files.join(place, p) for p in sizes]
        )  # fmt: skip
        checked = checks.check(written, contract, keys=keys)
    rows = {_below(uri, place): n for uri, n in checked.rows.items()}
    listed = tuple(DataFile(p, rows.get(p, 0), sizes[p]) for p in sorted(sizes) if rows.get(p, 0))
    if set(rows) - set(sizes):
        raise DataError("D115", f"files were read that were not written: {sorted(set(rows) - set(sizes))[:3]}", place)
    out = sum(f.rows for f in listed)
    if rows_in is not None and rows_in != out + rows_rejected:
        raise DataError("D114", f"{rows_in} rows in, {out} out and {rows_rejected} rejected: some are lost or doubled",
                        f"table {contract.name}")  # fmt: skip
    return versions.seal(
        ticket.root,
        ticket.manifest(
            contract, version, fingerprint=checked.fingerprint, files=listed, rows_out=out,
            rows_in=out + rows_rejected if rows_in is None else rows_in, rows_rejected=rows_rejected,
            facts=dict(facts or {}),
        ),
    )  # fmt: skip


def _below(uri: str, place: str) -> str:
    """A file's path below the data folder, from the URI Spark names it by."""
    path = unquote(urlparse(uri).path)
    tail = "/" + "/".join(place.split("://", 1)[-1].rstrip("/").split("/")[-3:]) + "/"
    return path[path.rindex(tail) + len(tail) :]
