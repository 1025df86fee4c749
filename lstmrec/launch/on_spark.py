"""Ranks as the tasks of a Spark application: the one place where pyspark and horovod meet.

One task is one rank, so the application is its own (conf/spark/train.conf): as many task slots as ranks, speculation
and dynamic allocation off.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from pyspark.sql import SparkSession

from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError, ResourceError
from lstmrec.launch import processes


def run(conf: Config, work: str) -> None:
    """Start the ranks in the active Spark session (or one made and stopped here) and wait; see `start.start`."""
    try:
        import horovod.spark as horovod_spark
    except ImportError as error:
        raise ResourceError("R601", f"Horovod is not installed: {error}", "train.launch: on_spark",
                            "scripts/setup.sh builds it") from error  # fmt: skip
    if conf.train.comm != "horovod":
        raise ConfigError("C643", "train.launch: on_spark adds up by Horovod only", "train.comm",
                          "--set train.comm=horovod")  # fmt: skip
    attempt, _ = processes.new_attempt(conf, work)
    found = SparkSession.getActiveSession()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = found or SparkSession.builder.appName("lstmrec train").getOrCreate()
    try:
        slots, master = spark.sparkContext.defaultParallelism, spark.sparkContext.master or ""
        if slots < conf.train.ranks:
            raise ConfigError("C644", f"{slots} task slots for {conf.train.ranks} ranks", master,
                              "submit with as many cores as ranks: conf/spark/train.conf")  # fmt: skip
        network = conf.train.network or ("lo" if master.startswith("local") else None)
        executable = os.environ["PYSPARK_PYTHON"]
        try:
            horovod_spark.run(
                _rank, args=(conf.model_dump(mode="json"), work, attempt), num_proc=conf.train.ranks, use_gloo=True,
                nics=set(network.split(",")) if network else None, executable=executable, verbose=0,
                env=processes.environment({"HOROVOD_FUSION_THRESHOLD": "0",
                                           "HOROVOD_STALL_CHECK_TIME_SECONDS": str(int(conf.train.stall_s / 2) or 1),
                                           "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": str(int(conf.train.stall_s) or 1)}),
            )  # fmt: skip
        except Exception as error:
            raise processes.failure(attempt, []) from error
    finally:
        if found is None:
            spark.stop()


def _rank(conf: dict[str, Any], work: str, attempt: str) -> None:
    from lstmrec.launch.rank import run_rank

    run_rank(validate(conf), work, attempt)
