"""The bench's job in Spark's own operators, in the fewest passes that we know of.

    python with_spark.py EVENTS OUT [--heap 4g] [--cores 2] [--partitions 16]

Items become numbers before anything travels; events travel once, to their users, and are sorted there as one array a
user; one table is written, and none is read back. No order among ties but the item's, no reasons, no second table, no
proof, and numbers with gaps (of users, and where an item was refused): less than a road needs, and more memory a user
than it allows. Comes in: Parquet of user_id, item_id (strings),
ts (seconds). Goes out: Parquet of user_id, item_id and role as lists (0 train, 1 validation, 2 test). The last line is
one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from with_lstmrec import Jvm, begin

_ROLES = "transform(item_id, (x, j) -> CASE size(item_id) - j WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE 0 END)"


def job(spark: SparkSession, events: str, out: str) -> None:
    log = spark.read.parquet(events).select("user_id", "item_id", "ts")
    ids = sorted(r["item_id"] for r in log.select("item_id").distinct().collect())
    words = spark.createDataFrame(list(zip(ids, range(len(ids)), strict=True)), "item_id string, i int")
    told = F.array_distinct(F.sort_array(F.collect_list(F.struct("ts", "i")))).getField("i").alias("item_id")
    users = log.join(F.broadcast(words), "item_id").groupBy("user_id").agg(told)
    users = users.persist(StorageLevel.MEMORY_AND_DISK)  # else counting and writing would each sort them
    counts = users.select(F.explode("item_id").alias("i")).groupBy("i").agg(F.count(F.lit(1)).alias("n"))
    rare = [r["i"] for r in counts.where("n < 5").collect()]
    kept = users.select("user_id", F.filter("item_id", lambda x: ~x.isin(rare)).alias("item_id"))
    kept = kept.where("size(item_id) >= 5")
    number = F.monotonically_increasing_id().alias("user_id")
    kept.select(number, "item_id", F.expr(_ROLES).alias("role")).write.parquet(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events")
    parser.add_argument("out")
    parser.add_argument("--heap", default="4g")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--partitions", type=int, default=16)
    args = parser.parse_args()
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    with tempfile.TemporaryDirectory(dir=Path(args.out).resolve().parent) as scratch:
        spark = begin(args, scratch)
        jvm = Jvm(spark)
        began, worked = time.perf_counter(), jvm.cpu()
        job(spark, args.events, args.out)
        seconds, work, most = time.perf_counter() - began, jvm.cpu() - worked, jvm.peak()
        made = spark.read.parquet(args.out).agg(F.count("*"), F.sum(F.size("item_id"))).first()
        spark.stop()
    assert made is not None
    figures = {"seconds": seconds, "cpu_seconds": work, "peak_bytes": most, "users": made[0], "events": made[1]}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
