"""Stage a table's files in a new version folder, verify them from read-back, create the manifest last."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlparse

from pyspark.sql import DataFrame

from lstmrec import files, versions
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import DataFile, Manifest
from lstmrec.contracts.tables import Table
from lstmrec.store import checks, layout
from lstmrec.store.read import opened
from lstmrec.store.session import told


@dataclass(frozen=True)
class Ticket:
    """What a job's commits have in common: made by `store.door.ticket`.

    started: seconds of `time.monotonic` (durations alone read a clock). unsealed: folders of staged versions, which
    `store.work.desk` removes when the job ends without having sealed them.
    """

    root: str
    job: str
    job_version: int
    skip_key: str
    as_of: str
    parents: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    unsealed: list[str] = field(default_factory=list, compare=False)

    def manifest(self, contract: Table, version: str, **more: Any) -> Manifest:
        """A manifest of this job for one table."""
        return Manifest(
            table=contract.name, version=version, major=contract.major, minor=contract.minor, job=self.job,
            job_version=self.job_version, skip_key=self.skip_key, fingerprint=more.pop("fingerprint", ""),
            as_of=self.as_of, parents=self.parents, config=self.config,
            seconds=round(time.monotonic() - self.started, 3), **more,
        )  # fmt: skip


@dataclass(frozen=True)
class Staged:
    """A version whose files lie there, invisible until it is sealed.

    place: its data folder. sizes: path below it -> bytes, of the table's rows alone. buckets: what its rows lie by.
    rows: the table, read back. whole: all that was written, with columns that the contract has not and rows that
    `stage(apart=...)` kept out of the table.
    """

    version: str
    place: str
    sizes: Mapping[str, int]
    buckets: int
    rows: DataFrame
    whole: DataFrame
    apart: str | None = None


def stage(frame: DataFrame, ticket: Ticket, contract: Table, *, buckets: int = 0, apart: str | None = None,
          one_file_per_partition: bool = False, finish: Callable[[DataFrame], DataFrame] | None = None,
          different: Sequence[str] = ()) -> Staged:  # fmt: skip
    """Write a frame's files into a new version folder.

    Columns must be exactly the contract's (DataError D113). buckets: lay a clustered table out by so many.
    apart: a flag column of the frame; rows that have it are written in the same job but are not of the table; the
    frame may then have more columns. one_file_per_partition: rows are brought together by the partition columns first,
    so that each partition folder gets one file, in the order of `contract.order`; `finish` makes the columns that are
    too wide to travel, after that. different: columns whose values are all different (and instants are).
    """
    extra = set(frame.columns) ^ set(contract.names) if finish is None else set()
    if extra and (apart is None or not set(contract.names) < set(frame.columns)):
        raise DataError("D113", f"columns {sorted(extra)} are not as declared",
                        f"table {contract.name}", "the job must select exactly the contract's columns")  # fmt: skip
    version = versions.new_version(ticket.skip_key)
    place = files.join(versions.folder(ticket.root, contract.name, version), "data")
    ticket.unsealed.append(versions.folder(ticket.root, contract.name, version))
    told(frame.sparkSession, ticket.job, f"table {contract.name}")
    partitions = [*([apart] if apart else []), *contract.partitions]
    if buckets:
        buckets = layout.write(frame, place, contract.cluster, contract.order, buckets, partitions=partitions)
    else:
        if one_file_per_partition:
            frame = frame.repartition(*contract.partitions).sortWithinPartitions(*contract.partitions, *contract.order)
        frame = finish(frame) if finish else frame
        writer = frame.write.mode("errorifexists").partitionBy(*partitions)
        for column in contract.columns:
            if column.kind == "array<bigint>" or column.name in different:  # a dictionary is tried in vain
                inside = ".list.element" if column.kind.startswith("array") else ""
                writer.option(f"parquet.enable.dictionary#{column.name}{inside}", "false")
        writer.option("maxRecordsPerFile", 0).parquet(place)
    sizes = {p: n for p, n in files.walk(place).items() if not p.rsplit("/", 1)[-1].startswith(("_", "."))}
    others = [p for p in sizes if apart and p.startswith(f"{apart}=true/")]
    ours = {p: sizes[p] for p in sorted(sizes) if p not in others}
    spark = frame.sparkSession
    rows = opened(spark, place, [files.join(place, p) for p in ours], contract, buckets)
    whole = rows
    if apart:
        whole = spark.createDataFrame([], frame.schema)
    if apart and sizes:
        reader = spark.read.schema(frame.schema).option("basePath", place)
        whole = reader.parquet(*[files.join(place, p) for p in sizes])
        whole = layout.known(whole, contract.cluster, contract.order, buckets).select(*frame.columns)
    return Staged(version, place, ours, buckets, rows, whole, apart)


def commit(frame: DataFrame, ticket: Ticket, contract: Table, *, rows_in: int | None = None, rows_rejected: int = 0,
           facts: Mapping[str, Any] | None = None, buckets: int = 0, one_file_per_partition: bool = False,
           finish: Callable[[DataFrame], DataFrame] | None = None, keys: bool = True, different: Sequence[str] = ()
           ) -> Manifest:  # fmt: skip
    """Stage, verify, seal. rows_in: where given, rows_in = rows_out + rows_rejected is checked (DataError D114)."""
    staged = stage(frame, ticket, contract, buckets=buckets, one_file_per_partition=one_file_per_partition,
                   finish=finish, different=different)  # fmt: skip
    return seal(staged, ticket, contract, rows_in=rows_in, rows_rejected=rows_rejected, facts=facts, keys=keys)


def seal(staged: Staged, ticket: Ticket, contract: Table, *, rows_in: int | None = None, rows_rejected: int = 0,
         facts: Mapping[str, Any] | None = None, keys: bool = True, onto: tuple[str, str] | None = None,
         total: int | None = None, name: str = "head") -> Manifest:  # fmt: skip
    """Verify a staged version from what was written, and seal it; what lay apart is removed.

    onto: of a version that holds what moved alone, the fingerprint of the one it goes on from and that of the rows of
    it which count no more. The manifest then tells of all rows: its rows_out and fingerprint are those of a version
    written whole; rows_in and rows_rejected are what the job says of the rows it read. total: all rows, where the job
    knows how many these have to be (D114). name: what then points there.
    """
    checked = checks.Checked({}, "0:" + "0" * 32)
    if staged.sizes:
        told(staged.rows.sparkSession, ticket.job, f"checks of {contract.name}")
        checked = checks.check(staged.rows, contract, keys=keys)
    place, sizes = staged.place, staged.sizes
    rows = {_below(uri, place): n for uri, n in checked.rows.items()}
    listed = tuple(DataFile(p, rows.get(p, 0), sizes[p]) for p in sorted(sizes) if rows.get(p, 0))
    if set(rows) - set(sizes):
        raise DataError("D115", f"files were read that were not written: {sorted(set(rows) - set(sizes))[:3]}", place)
    out = sum(f.rows for f in listed)
    print_ = checked.fingerprint
    if onto is not None:
        print_ = checks.moved(onto[0], onto[1], print_)
        out = int(print_.partition(":")[0])
    if total is not None and total != out:
        raise DataError("D114", f"{out} rows with those of before, {total} are due: some are lost or doubled",
                        f"table {contract.name}")  # fmt: skip
    if onto is None and rows_in is not None and rows_in != out + rows_rejected:
        raise DataError("D114", f"{rows_in} rows in, {out} out and {rows_rejected} rejected: some are lost or doubled",
                        f"table {contract.name}")  # fmt: skip
    if staged.apart:
        files.remove(files.join(place, f"{staged.apart}=true"))
    sealed = versions.seal(
        ticket.root,
        ticket.manifest(
            contract, staged.version, fingerprint=print_, files=listed, rows_out=out,
            rows_in=out + rows_rejected if rows_in is None else rows_in, rows_rejected=rows_rejected,
            facts=dict(facts or {}), buckets=staged.buckets,
        ),
        name,
    )  # fmt: skip
    ticket.unsealed.remove(versions.folder(ticket.root, contract.name, staged.version))
    return sealed


def _below(uri: str, place: str) -> str:
    """A file's path below the data folder, from the URI Spark names it by."""
    path = unquote(urlparse(uri).path)
    tail = "/" + "/".join(place.split("://", 1)[-1].rstrip("/").split("/")[-3:]) + "/"
    return path[path.rindex(tail) + len(tail) :]
