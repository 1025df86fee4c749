"""s8_evaluate: lists of validation and test -> ranking metrics with intervals, per slice, of every recommender."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import metrics
from lstmrec.report import summary
from lstmrec.store import collect, door
from lstmrec.store.commit import commit
from lstmrec.store.read import read
from lstmrec.store.work import desk

NEEDS = (tables.SPLIT, tables.CUTS, tables.ENCODED_ITEMS, tables.RECOMMENDATIONS)
GIVES = (tables.METRICS,)
SECTIONS = ("seed", "as_of", "split", "sequence.history", "train.model", "score.recommenders", "evaluate")
VERSION = 1
SPARK = True


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits METRICS; its facts hold the headline figures, the paired differences, and how large the data is.

    DataError D801 where no list of validation or test was scored.
    """
    t = door.ticket(sys.modules[__name__], conf)
    e, k = conf.evaluate, summary.headline_k(conf.evaluate.ks)
    lists = versions.current(conf.root, tables.RECOMMENDATIONS)
    scored = sorted({(f.partition["recommender"], f.partition["role"]) for f in lists.files})
    names = [pair for pair in scored if pair[1] in ("validation", "test")]
    if not names:
        raise DataError("D801", "no list of validation or test was scored", "table recommendations",
                        "add test to score.roles")  # fmt: skip
    events = read(spark, conf.root, tables.SPLIT)
    recommendations = read(spark, conf.root, tables.RECOMMENDATIONS)
    catalogue = read(spark, conf.root, tables.ENCODED_ITEMS)
    size = versions.current(conf.root, tables.ENCODED_ITEMS).rows_out
    with desk(t) as d:
        judged = d.materialise(
            metrics.judged(recommendations, metrics.targets(events), names, conf.seed), "judged", "recommender", "role"
        )
        means = d.materialise(metrics.resampled(judged, e.ks, e.bootstrap, e.repeats), "means")
        figures = metrics.intervals(means, e.ks).unionByName(metrics.coverage(recommendations, catalogue, size, e.ks))
        table = d.materialise(figures.withColumn("protocol", F.lit(summary.protocol(conf))).coalesce(1), "metrics")
        rows = [r.asDict() for r in collect.rows(table)]
        test = summary.headline(rows, k)
        empty = collect.rows(judged.where("missing").groupBy("recommender", "role").count())
        facts = {
            "k": k,
            "test": test,
            "validation": summary.headline(rows, k, "validation"),
            "differences": [r.asDict() for r in collect.rows(metrics.differences(means, f"ndcg_{k}", summary.MODEL))],
            "without_list": {f"{r['recommender']} {r['role']}": r["count"] for r in empty},
            "data": collect.rows(metrics.size(events))[0].asDict(),
            "told": summary.told(test, k),
            **summary.beats(test, conf, k),
        }
        return commit(table, t, tables.METRICS, facts=facts)


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
