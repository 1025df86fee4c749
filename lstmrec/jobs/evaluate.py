"""s8_evaluate: lists of validation and test -> ranking metrics with intervals, per slice, of every recommender."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lstmrec import versions
from lstmrec.config import blends
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import evaluation, metrics, paired, pictures, targets
from lstmrec.recommenders import beside, content_votes
from lstmrec.report import judged, summary
from lstmrec.scoring import cold, faithful, probes
from lstmrec.scoring.bench import Bench
from lstmrec.scoring.options import Options
from lstmrec.store import bundled, collect, door, touched
from lstmrec.store.commit import commit
from lstmrec.store.read import read
from lstmrec.store.work import Desk, desk

NEEDS = (tables.EVENTS, tables.USERS, tables.SPLIT, tables.CUTS, tables.VOCABULARY, tables.ENCODED_ITEMS,
         tables.ENCODED_USERS, tables.USER_PROFILES, tables.SEQUENCES, tables.BUNDLE, tables.ITEM_VECTORS,
         tables.RECOMMENDATIONS)  # fmt: skip
GIVES = (tables.METRICS,)
SECTIONS = ("seed", "as_of", "split", "sequence", "profile", "train.model", "score.recommenders", "score.filters",
            "evaluate")  # fmt: skip
VERSION = 5
SPARK = True
_rows = collect.dicts


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits METRICS; its facts hold the headline figures, paired differences, gaps between groups, size and pictures
    of the data, how often test was looked at, and what `measured` finds. DataError D801 where no list of validation or
    test was scored."""
    t, e, k = door.ticket(sys.modules[__name__], conf), conf.evaluate, summary.headline_k(conf.evaluate.ks)
    bundled.vectors(conf.root, bundled.bundle(conf.root))
    frames = {x.name: read(spark, conf.root, x) for x in NEEDS if x != tables.BUNDLE}
    known = {x.name: versions.current(conf.root, x) for x in NEEDS}
    names, popular = judged.scored(conf, known["recommendations"])
    if not names:
        raise DataError("D801", "no list of validation or test was scored", "table recommendations",
                        "add test to score.roles")  # fmt: skip
    asked, items = evaluation.asked(e, popular is not None, conf.has_clock), known["encoded_items"]
    fitted, widths = blends.fitted(conf.score.recommenders), [int(w) for _, w in items.facts.get("vectors", [])]
    with desk(t) as d:
        wanted = d.materialise(evaluation.wanted(e, frames, popular, conf.seed if fitted else None),
                               "targets", "role")  # fmt: skip
        every = metrics.judged(frames["recommendations"], wanted, names, conf.seed)
        means = d.materialise(metrics.resampled(every, asked), "means")
        rows = evaluation.figures(e, means, wanted, frames, items.rows_out, widths, conf.seed)
        rows = evaluation.told(rows, summary.protocol(conf), [b.name for b in fitted])
        table = d.materialise(rows.coalesce(1), "metrics")
        against, whole = paired.differences(means, f"ndcg_{k}", e.baseline), means.where("slice='all' AND resample=0")
        gains = [x for b in fitted for x in _rows(paired.differences(means, f"ndcg_{k}", b.name, blends.JUDGED))]
        lines = _rows(table)
        facts = judged.facts(conf, k, lines, paired.holm(_rows(against)), _rows(whole)) | {
            "gaps": _rows(paired.gaps(means, f"ndcg_{k}")), "data": _rows(metrics.size(frames["split"]))[0],
            "ips": _rows(targets.effective(wanted, e.ips.clip)) if e.ips else [],
            "pictures": pictures.figures(_rows(pictures.counted(frames, items.rows_out, conf.has_clock))),
            "blends": judged.blended(fitted, k, lines, gains), **measured(conf, k, d, frames, known),
        }  # fmt: skip
        if any(role == "test" for _, role in names):
            line = {"bundle": known["bundle"].fingerprint, "protocol": summary.protocol(conf), "as_of": conf.as_of}
            facts["test_touched"] = touched.touch(conf.root, "test", line | {"run": d.name})
        return commit(table, t, tables.METRICS, facts=facts)


def measured(conf: Config, k: int, d: Desk, frames: dict[str, DataFrame], known: dict[str, Manifest]) -> dict[str, Any]:
    """What else the bundle is asked: short and dirty histories, items it was not trained on, its reasons."""
    s = conf.score
    if not (conf.evaluate.probes or conf.evaluate.cold_items or conf.evaluate.because):
        return {}
    options = Options(conf.root, known["bundle"].version, known["item_vectors"].version, s.k, s.batch, s.block)
    bench = Bench(conf, frames, known, options, d.materialise, collect.rows, beside.plain(conf), beside.near(conf),
                  content_votes.over)  # fmt: skip
    return {"probes": probes.walk(bench, k), "cold": cold.walk(bench), "because": faithful.walk(bench)}


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
