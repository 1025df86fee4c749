"""Ours: SPLIT and RECOMMENDATIONS on disk -> frames of s8 -> figures. The last line is one JSON object.

PYSPARK_SUBMIT_ARGS="--master local[2] ... pyspark-shell" python with_lstmrec.py DATA --ks 1,5,10,100 [--bootstrap N]
"""

from __future__ import annotations

import argparse

from clock import Clock
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstmrec.frames import metrics, targets
from lstmrec.frames.sums import Asked
from lstmrec.store.session import session


def figures(spark: SparkSession, data: str, asked: Asked) -> dict[str, float]:
    """`ndcg_10` and so on of slice all."""
    events = spark.read.parquet(f"{data}/split")
    split = events.select("*", F.lit("test").alias("role"), F.lit(None).cast("bigint").alias("time"))
    lists: DataFrame = spark.read.parquet(f"{data}/recommendations")
    lists = lists.select(F.lit("ours").alias("recommender"), F.lit("test").alias("role"), "*")
    judged = metrics.judged(lists, targets.targets(split), [("ours", "test")], 1)
    rows = metrics.intervals(metrics.resampled(judged, asked)).where("slice = 'all'").collect()
    return {f"{r['metric']}_{r['k']}": r["value"] for r in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--ks", required=True)
    parser.add_argument("--bootstrap", type=int, default=0)
    args = parser.parse_args()
    with session("bench") as spark:
        spark.sparkContext.setLogLevel("ERROR")
        spark.range(10).count()
        clock = Clock()
        found = figures(spark, args.data, Asked(tuple(map(int, args.ks.split(","))), args.bootstrap))
        clock.tell(0, 0, figures=found, version=spark.version)


if __name__ == "__main__":
    main()
