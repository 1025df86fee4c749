"""The Spark session of `lstmrec run`: the submitter's where there is one, else this machine's with plain settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import lstmrec
from lstmrec.cli.machine import GIB, memory_bytes
from lstmrec.contracts.errors import of_machine

#: A gateway or a master that somebody else chose: spark-submit, a notebook platform, Spark Connect.
_CHOSEN = ("PYSPARK_GATEWAY_PORT", "SPARK_REMOTE", "MASTER", "DATABRICKS_RUNTIME_VERSION")


class Sessions:
    """Starts Spark when it is first asked for, and stops it at the end if it was started here."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._spark: Any = None

    def get(self) -> Any:
        """The session. ResourceError R011 where Java does not start."""
        if self._spark is None:
            try:
                self._spark = self._stack.enter_context(_session())
            except Exception as error:
                if (lacks := of_machine(error)) is None:
                    raise
                raise lacks from error
        return self._spark

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _session() -> Any:
    import logging

    from pyspark.logger import PySparkLogger
    from pyspark.sql import SparkSession

    from lstmrec.store.session import session

    # Spark's Python side logs every analysis error as JSON besides raising it.
    PySparkLogger.getLogger("DataFrameQueryContextLogger").setLevel(logging.CRITICAL)
    if SparkSession.getActiveSession() is None and not chosen(os.environ):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        builder = SparkSession.builder.appName("lstmrec")
        for key, value in settings(conf_folder(), len(os.sched_getaffinity(0)), memory_bytes(), os.environ).items():
            builder = builder.config(key, value)
        started = builder.getOrCreate()
        return _Stopping(started)
    return session("lstmrec")


class _Stopping:
    """A session made here, with the correctness options set."""

    def __init__(self, spark: Any) -> None:
        self.spark = spark

    def __enter__(self) -> Any:
        from lstmrec.store.session import configured

        configured(self.spark)
        return self.spark

    def __exit__(self, *_: object) -> None:
        from lstmrec.store.session import apart

        apart(self.spark.stop)


def chosen(environ: Mapping[str, str]) -> bool:
    """Whether someone else decides where Spark runs."""
    return any(environ.get(k) for k in _CHOSEN) or "--master" in environ.get("PYSPARK_SUBMIT_ARGS", "")


def settings(folder: Path | None, cores: int, memory: int, environ: Mapping[str, str]) -> dict[str, str]:
    """spark/local.conf, and what depends on this machine: cores, memory, where the log settings lie."""
    out = {
        # 4: a failed task is tried again, as on a cluster
        "spark.master": environ.get("LSTMREC_SPARK_MASTER") or f"local[{cores},4]",
        "spark.driver.memory": environ.get("LSTMREC_DRIVER_MEMORY") or f"{driver_memory(memory)}m",
        "spark.sql.shuffle.partitions": str(2 * cores),
    }
    if folder is not None:
        out |= properties((folder / "spark" / "local.conf").read_text(encoding="utf-8"))
        log4j = folder / "log4j2.properties"
        out["spark.driver.extraJavaOptions"] = f'-Dlog4j2.configurationFile="{log4j.as_uri()}"'
    return out


def driver_memory(memory: int) -> int:
    """MiB for the JVM: a quarter of the machine's, 1 to 4 GiB; Python workers and training need the rest."""
    return int(min(max(memory / 4, GIB), 4 * GIB) // 2**20)


def properties(text: str) -> dict[str, str]:
    """A Spark properties file: `key value` lines, # comments."""
    pairs = (line.split(None, 1) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return {pair[0]: pair[1].strip() if len(pair) > 1 else "" for pair in pairs}


def conf_folder() -> Path | None:
    """`conf/` of the checkout, or where the wheel puts it; None where neither is."""
    for place in (Path(lstmrec.__file__).parent.parent / "conf", Path(sys.prefix) / "share" / "lstmrec" / "conf"):
        if (place / "spark" / "local.conf").is_file():
            return place
    return None
