"""Spark's ALS: `recommendForAllUsers` of random factors of rank 128, written as Parquet.

    PYSPARK_SUBMIT_ARGS="--master local[1] ... pyspark-shell" python with_als.py WORK --items 100000 --users 4096

The model is a tiny one that was fitted, its factors replaced in its saved form. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from clock import Clock
from prepare import lists
from pyspark.ml.recommendation import ALS, ALSModel
from pyspark.sql import SparkSession


def factors(folder: Path, rows: int, rank: int, seed: int) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    values = np.random.default_rng(seed).standard_normal((rows, rank), np.float32)
    table = pa.table({"id": pa.array(np.arange(rows), pa.int32()), "features": lists(values, pa.float32())})
    pq.write_table(table, folder / "part-0.parquet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    for name, value in (("items", 100_000), ("users", 4096), ("k", 10), ("rank", 128)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    began = time.perf_counter()
    spark = SparkSession.builder.appName("bench").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    ratings = spark.createDataFrame(
        [(u, i, 1.0) for u in range(3) for i in range(3)], "user int, item int, rating float"
    )
    ALS(rank=args.rank, maxIter=1, implicitPrefs=True).fit(ratings).save(str(args.work / "model"))
    factors(args.work / "model/itemFactors", args.items, args.rank, 1)
    factors(args.work / "model/userFactors", args.users, args.rank, 2)
    model = ALSModel.load(str(args.work / "model"))
    some = spark.range(8).selectExpr("cast(id as int) as user")
    model.recommendForUserSubset(some, args.k).write.parquet(str(args.work / "warm"))
    started, clock = time.perf_counter() - began, Clock()
    model.recommendForAllUsers(args.k).write.parquet(str(args.work / "lists"))
    clock.tell(args.users, args.items, session_s=started, version=spark.version)
    spark.stop()


if __name__ == "__main__":
    main()
