"""Shared by all tests: one lazy Spark session, and small configs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
# Tests run much code once each, of every JVM that they start: the second compiler costs more than it gives (the jobs
# of a small shop: 306 CPU seconds with it, 214 without). Without it Java gives compiled code 48 MB, sweeps them all the
# time, and compiles anew what it swept (of 306 seconds 40).
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=256m")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """What a test draws from torch's own generator does not hang on the tests that its worker ran before it."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """One local session for the whole run: two cores and few partitions, as small tests want."""
    from pyspark.sql import SparkSession

    from lstmrec.store.session import configured

    session = (
        SparkSession.builder.master("local[2]")
        .appName("lstmrec-tests")
        .config("spark.driver.memory", "1g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.default.parallelism", "2")
        .config("spark.sql.codegen.cache.maxEntries", "5000")  # the same plans come again and again
        .config("spark.python.sql.dataFrameDebugging.enabled", "false")  # as in conf/spark
        .config("spark.buffer.pageSize", "4m")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    configured(session)
    yield session
    session.stop()
