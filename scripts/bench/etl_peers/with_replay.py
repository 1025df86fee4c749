"""The bench's job by RePlay's own Spark code: duplicates, counts, ids, leave-last-two, one ordered sequence a user.

    python with_replay.py EVENTS OUT [--heap 4g] [--cores 2] [--partitions 8] [--persist]

Comes in: Parquet of user_id, item_id (strings), ts (seconds). Goes out: Parquet of user_id, item_id and role as lists
(0 train, 1 validation, 2 test). Runs in RePlay's environment, not in ours; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time

import psutil
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from replay.data.nn.utils import groupby_sequences
from replay.preprocessing.filters import MinCountFilter
from replay.preprocessing.label_encoder import LabelEncoder, LabelEncodingRule
from replay.splitters import LastNSplitter


def cpu() -> float:
    """CPU seconds of this process, its JVM and the JVM's Python workers, living or reaped."""
    me, total = psutil.Process(), 0.0
    for process in [me, *me.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):  # a worker may end meanwhile: then its parent has its time
            total += sum(process.cpu_times()[:4])
    return total


def peak() -> int:
    """Largest resident set so far of the JVM, bytes."""
    sizes = [0]
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(OSError), open(f"/proc/{child.pid}/status", encoding="utf-8") as status:
            sizes += [int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM")]
    return max(sizes)


def last_one(events: DataFrame) -> tuple[DataFrame, DataFrame]:
    splitter = LastNSplitter(
        N=1, divide_column="user_id", query_column="user_id", item_column="item_id", timestamp_column="ts"
    )
    return splitter.split(events)


def job(spark: SparkSession, events: str, out: str, persist: bool) -> None:
    log = spark.read.parquet(events).select("user_id", "item_id", "ts").distinct()
    log = MinCountFilter(5, "item_id").transform(log)
    log = MinCountFilter(5, "user_id").transform(log)
    if persist:  # fit, transform's own count and the result would each compute all the above again
        log = log.persist()
    encoder = LabelEncoder([LabelEncodingRule("user_id"), LabelEncodingRule("item_id")])
    encoded = encoder.fit(log).transform(log)
    rest, test = last_one(encoded)
    train, validation = last_one(rest)
    roles = [frame.withColumn("role", F.lit(role)) for role, frame in enumerate((train, validation, test))]
    whole = roles[0].unionByName(roles[1]).unionByName(roles[2])
    groupby_sequences(whole, "user_id", "ts").drop("ts").write.mode("overwrite").parquet(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events")
    parser.add_argument("out")
    parser.add_argument("--heap", default="4g")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--persist", action="store_true", help="keep the filtered log between the encoder's passes")
    args = parser.parse_args()
    os.environ["PYSPARK_PYTHON"] = sys.executable
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(args.out))) as scratch:
        spark = (
            SparkSession.builder.master(f"local[{args.cores}]")
            .config("spark.driver.memory", args.heap)
            .config("spark.sql.shuffle.partitions", args.partitions)
            .config("spark.driver.maxResultSize", "4g")
            .config("spark.local.dir", scratch)
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .getOrCreate()
        )
        spark.sparkContext.setLogLevel("ERROR")
        spark.range(10).count()
        began, worked = time.perf_counter(), cpu()
        job(spark, args.events, args.out, args.persist)
        seconds, work, most = time.perf_counter() - began, cpu() - worked, peak()
        made = spark.read.parquet(args.out).agg(F.count("*"), F.sum(F.size("item_id"))).first()
        spark.stop()
    figures = {"seconds": seconds, "cpu_seconds": work, "peak_bytes": most, "users": made[0], "events": made[1]}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
