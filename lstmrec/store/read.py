"""Read a table by its contract: no manifest, no table."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstmrec import files, versions
from lstmrec.contracts.manifest import Manifest
from lstmrec.contracts.tables import Table
from lstmrec.store import layout


def read(spark: SparkSession, root: str, contract: Table, name: str = "head", *, where: dict[str, str] | None = None
         ) -> DataFrame:  # fmt: skip
    """The rows of the version that `name` points to, columns as declared.

    where: partition column -> value; only those folders are opened. Raises DataError D104 / D105 / D102 where the
    table is incomplete, was never written, or is of another major contract.
    """
    return read_version(spark, root, contract, versions.current(root, contract, name), where=where)


def read_version(spark: SparkSession, root: str, contract: Table, manifest: Manifest, *,
                 where: dict[str, str] | None = None) -> DataFrame:  # fmt: skip
    """The rows of one version: exactly the files of its manifest, and where it holds what moved alone (`Table.grows`)
    those of the versions it goes on from."""
    if contract.grows and manifest.facts.get("chain"):
        return grown(spark, root, contract, manifest)
    place = files.join(versions.folder(root, contract.name, manifest.version), "data")
    wanted = [
        files.join(place, f.path)
        for f in manifest.files
        if all(f.partition.get(k) == v for k, v in (where or {}).items())
    ]
    return opened(spark, place, wanted, contract, manifest.buckets)


def grown(spark: SparkSession, root: str, contract: Table, manifest: Manifest) -> DataFrame:
    """All rows of a version with a chain: of each value of `contract.grows` those of the newest version that has any.

    One scan of the files of all versions, so that rows still lie by their buckets; who moved is few, and travels.
    """
    every = (*(versions.load(root, contract, v) for v in manifest.facts["chain"]), manifest)
    links = [m for m in every if m.files]
    paths = {m.version: [files.join(versions.folder(root, contract.name, m.version), "data", f.path) for f in m.files]
             for m in links}  # fmt: skip
    buckets = links[0].buckets if len({m.buckets for m in links}) == 1 else 0
    above, key = files.join(root, contract.name), contract.grows
    if len(links) < 2:  # nothing moved since
        return opened(spark, above, [p for found in paths.values() for p in found], contract, buckets)

    def rows(of: Sequence[Manifest], buckets: int = 0) -> DataFrame:
        frame = opened(spark, above, [p for m in of for p in paths[m.version]], contract, buckets)
        # Not input_file_name: what depends on the row's place in a task keeps filters from the files.
        file, at = F.col("_metadata.file_path"), F.lit(0)
        for place, m in enumerate([*links[1:], links[0]], 1):  # most rows are of the first: it is asked for first
            at = F.when(F.contains(file, F.lit(f"/{m.version}/data/")), place % len(links)).otherwise(at)
        return frame.withColumn("__at", at)

    newest = rows(links[1:]).groupBy(key).agg(F.max("__at").alias("__newest"))
    found = rows(links, buckets).join(F.broadcast(newest), key, "left")
    return found.where(F.col("__at") == F.coalesce("__newest", F.lit(0))).select(*contract.names)


def opened(spark: SparkSession, place: str, paths: Sequence[str], contract: Table, buckets: int) -> DataFrame:
    """Data files below `place` as rows of the contract, with the promise of their layout where there is one. A flipped
    bit is an error: Spark writes a checksum with each page."""
    if not paths:
        return spark.createDataFrame([], contract.ddl)
    reader = spark.read.schema(contract.ddl).option("basePath", place)
    frame = reader.option("parquet.page.verify-checksum.enabled", "true").parquet(*paths)
    frame = layout.known(frame, contract.cluster, contract.order, buckets)
    return frame.select(*[F.col(c.name).cast(c.kind).alias(c.name) for c in contract.columns])
