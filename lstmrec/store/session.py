"""The Spark session: found or made, never stopped unless made here. Correctness options only (DESIGN of the session:
properties set in code outrank spark-submit's flags, so master, memory and cores are never set here)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from py4j.protocol import Py4JError, Py4JNetworkError  # type: ignore[import-untyped]  # it has no types
from pyspark import SparkContext
from pyspark.errors import PySparkAttributeError, PySparkNotImplementedError
from pyspark.sql import SparkSession

from lstmrec.contracts.errors import text_of

#: What the results depend on, whether there are any, and what readers may count on; the rest is the submitter's.
CORRECTNESS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.execution.arrow.pyspark.fallback.enabled": "false",
    "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
    # A row of SEQUENCES holds thousands of numbers: a batch of 4096, Spark's default, filled a heap of 1 GiB (seen).
    "spark.sql.parquet.columnarReaderBatchSize": "256",
    # Files of `store.layout` are sorted, one a bucket: readers may count on it.
    "spark.sql.legacy.bucketedTableScan.outputOrdering": "true",
    "spark.sql.sources.bucketing.autoBucketedScan.enabled": "false",
    # ... and groups what lies in order as it comes by, without a table of all groups.
    "spark.sql.execution.replaceHashWithSortAgg": "true",
    # Rows that lie by user need not travel to be joined by user and place.
    "spark.sql.requireAllClusterKeysForCoPartition": "false",
}

_OUT_OF_MEMORY = 52  # org.apache.spark.util.SparkExitCode.OOM


def configured(spark: SparkSession) -> dict[str, str | None]:
    """Set the correctness options on a session; returns what they were before."""
    before: dict[str, str | None] = {}
    for key, value in CORRECTNESS.items():
        before[key] = spark.conf.get(key, None)
        spark.conf.set(key, value)
    return before


@contextmanager
def session(app: str = "lstmrec") -> Iterator[SparkSession]:
    """The active session with correctness options set, put back afterwards; a new one (stopped afterwards) if none."""
    found = SparkSession.getActiveSession()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = found or SparkSession.builder.appName(app).getOrCreate()
    before = configured(spark)
    try:
        yield spark
    finally:
        if found is None:
            apart(spark.stop)
        else:
            for key, value in before.items():
                if value is None:
                    spark.conf.unset(key)
                else:
                    spark.conf.set(key, value)


def told(spark: SparkSession, job: str, what: str = "") -> None:
    """Name what Spark's own page shows from here on: the job of the road as the group, `what` it makes as the
    description. Nothing where the session has no page of its own (Spark Connect)."""
    try:
        spark.sparkContext.setJobGroup(f"lstmrec {job}", f"{job}: {what}" if what else job)
    except (PySparkAttributeError, PySparkNotImplementedError):
        return


def apart(act: Callable[[], object], patience_s: float | None = None) -> None:
    """Do it in a thread of its own, which has a connection to the JVM of its own: a signal may have cut short the
    answer that was under way on this one, and the next answer read from it is of another question (seen). Where the JVM
    has gone there is nobody left to do it."""

    def if_there() -> None:
        with suppress(ConnectionError, Py4JNetworkError):
            act()

    thread = threading.Thread(target=if_there, daemon=True)
    thread.start()
    thread.join(patience_s)


def halt(job: str, patience_s: float = 10.0) -> None:
    """Have Spark leave off what it does for a job that was stopped, so that it writes no more."""
    context = getattr(SparkContext, "_active_spark_context", None)  # known to Python, without asking the JVM
    if context is None:
        return

    def cancel() -> None:
        with suppress(Exception):  # on the way out: the JVM may be gone
            context.cancelJobGroup(f"lstmrec {job}")
            until = time.monotonic() + patience_s
            while context.statusTracker().getActiveJobsIds() and time.monotonic() < until:
                time.sleep(0.05)

    apart(cancel, patience_s)


def starved(error: Exception, patience_s: float = 3.0) -> bool:
    """Whether Spark had too little memory: its JVM or an executor's says so, or this process' own ends of it. One that
    is dying answers anything, or nothing: it has `patience_s` to be gone."""
    text = text_of(error)
    if "OutOfMemoryError" in text or "Java heap space" in text:
        return True
    started: Any = getattr(SparkContext._gateway, "proc", None)
    if started is None or not isinstance(error, Py4JError | ConnectionError):
        return False
    with suppress(subprocess.TimeoutExpired):
        return bool(started.wait(patience_s) == _OUT_OF_MEMORY)
    return False


def parallelism(spark: SparkSession) -> int:
    """Cores the session has for tasks; 2 where it will not say (Spark Connect)."""
    try:
        return max(int(spark.sparkContext.defaultParallelism), 1)
    except (PySparkAttributeError, PySparkNotImplementedError):
        return 2


@contextmanager
def checkpoints(spark: SparkSession, place: str) -> Iterator[None]:
    """MLlib cuts its lineages in a folder of ours for as long as this lasts: uncut, 25 rounds of ALS overflow the stack
    of the JVM (seen). Not where the session will not say (Spark Connect): its server sees to it."""
    try:
        context = spark.sparkContext
    except (PySparkAttributeError, PySparkNotImplementedError):
        yield
        return
    before = context.getCheckpointDir()
    context.setCheckpointDir(place)
    try:
        yield
    finally:
        if before is not None:
            context.setCheckpointDir(before.rsplit("/", 1)[0])


def credentials(spark: SparkSession, scheme: str) -> str:
    """Whose credentials Spark goes by for paths of a scheme, as far as it tells: names, never secrets."""
    try:
        context: Any = spark.sparkContext
        if scheme not in ("s3", "s3a", "s3n"):
            return f"user {context.sparkUser()}"
        hadoop = context._jsc.hadoopConfiguration()
        key, way = hadoop.get("fs.s3a.access.key"), hadoop.get("fs.s3a.aws.credentials.provider")
        return f"fs.s3a.access.key {key[:4]}..." if key else f"provider {way}"
    except (PySparkAttributeError, PySparkNotImplementedError):  # Spark Connect does not say
        return "not told"
