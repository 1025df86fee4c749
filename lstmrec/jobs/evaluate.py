"""s8_evaluate: lists of validation and test -> ranking metrics with intervals, per slice, of every recommender."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import metrics
from lstmrec.recommenders import lists
from lstmrec.report import summary
from lstmrec.scoring import cold, probes
from lstmrec.scoring.bench import Bench
from lstmrec.scoring.options import Options
from lstmrec.store import collect, door
from lstmrec.store.commit import commit
from lstmrec.store.read import read
from lstmrec.store.work import Desk, desk

NEEDS = (tables.EVENTS, tables.SPLIT, tables.CUTS, tables.VOCABULARY, tables.ENCODED_ITEMS, tables.ENCODED_USERS,
         tables.USER_PROFILES, tables.SEQUENCES, tables.BUNDLE, tables.ITEM_VECTORS,
         tables.RECOMMENDATIONS)  # fmt: skip
GIVES = (tables.METRICS,)
SECTIONS = ("seed", "as_of", "split", "sequence", "profile", "train.model", "score.recommenders", "score.filters",
            "evaluate")  # fmt: skip
VERSION = 2
SPARK = True


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits METRICS; its facts hold the headline figures, the paired differences, the size of the data, and what
    `measured` finds. DataError D801 where no list of validation or test was scored."""
    t, e, k = door.ticket(sys.modules[__name__], conf), conf.evaluate, summary.headline_k(conf.evaluate.ks)
    made = versions.current(conf.root, tables.RECOMMENDATIONS)
    scored = sorted({(f.partition["recommender"], f.partition["role"]) for f in made.files})
    names = [pair for pair in scored if pair[1] in ("validation", "test")]
    if not names:
        raise DataError("D801", "no list of validation or test was scored", "table recommendations",
                        "add test to score.roles")  # fmt: skip
    events, recommendations, catalogue = (
        read(spark, conf.root, x) for x in (tables.SPLIT, tables.RECOMMENDATIONS, tables.ENCODED_ITEMS)
    )
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
            "k": k, "test": test, "validation": summary.headline(rows, k, "validation"),
            "differences": [r.asDict() for r in collect.rows(metrics.differences(means, f"ndcg_{k}", summary.MODEL))],
            "without_list": {f"{r['recommender']} {r['role']}": r["count"] for r in empty},
            "data": collect.rows(metrics.size(events))[0].asDict(),
            "told": summary.told(test, k),
            **summary.beats(test, conf, k), **measured(spark, conf, k, d),
        }  # fmt: skip
        return commit(table, t, tables.METRICS, facts=facts)


def measured(spark: SparkSession, conf: Config, k: int, d: Desk) -> dict[str, Any]:
    """What else the bundle is asked: how it takes short and dirty histories, and items it was not trained on."""
    s, hide = conf.score, lists.Shown(conf.score.filters.hides(conf.sequence.history))
    if not (conf.evaluate.probes or conf.evaluate.cold_items):
        return {}
    frames = {t.name: read(spark, conf.root, t) for t in NEEDS if t != tables.BUNDLE}
    known = {t.name: versions.current(conf.root, t) for t in NEEDS}
    options = Options(conf.root, known["bundle"].version, known["item_vectors"].version, s.k, s.batch, s.block)
    bench = Bench(
        conf, frames, known, options, d.materialise, collect.rows,
        lambda users, every, own: lists.filled(users, None, lists.popular(every, s.k, hide), own, s.k, hide),
    )  # fmt: skip
    return {"probes": probes.walk(bench, k), "cold": cold.walk(bench)}


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
