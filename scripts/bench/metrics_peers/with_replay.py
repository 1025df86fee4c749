"""RePlay's metrics by its own Spark code, all in one `OfflineMetrics`. The last line is one JSON object.

    PYSPARK_SUBMIT_ARGS="--master local[2] ... pyspark-shell" python with_replay.py DATA --ks 1,5,10,100

Runs in RePlay's environment, not in ours.
"""

from __future__ import annotations

import argparse
import importlib.metadata

from clock import Clock
from pyspark.sql import SparkSession
from replay.metrics import MAP, MRR, NDCG, HitRate, OfflineMetrics, Precision, Recall

NAMES = {"Recall": "recall", "HitRate": "hr", "Precision": "precision", "NDCG": "ndcg", "MRR": "mrr", "MAP": "map"}


def figures(spark: SparkSession, data: str, ks: list[int]) -> dict[str, float]:
    """Under our names."""
    asked = [metric(ks) for metric in (Recall, HitRate, Precision, NDCG, MRR, MAP)]
    offline = OfflineMetrics(asked, query_column="user_id", item_column="item_id", rating_column="rating")
    found = offline(spark.read.parquet(f"{data}/pairs"), spark.read.parquet(f"{data}/truth"))
    return {f"{NAMES[name]}_{k}": value for (name, k), value in ((n.split("@"), v) for n, v in found.items())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--ks", required=True)
    args = parser.parse_args()
    spark = SparkSession.builder.appName("bench").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    spark.range(10).count()
    clock = Clock()
    found = figures(spark, args.data, [int(k) for k in args.ks.split(",")])
    clock.tell(0, 0, figures=found, version=importlib.metadata.version("replay-rec"))
    spark.stop()


if __name__ == "__main__":
    main()
