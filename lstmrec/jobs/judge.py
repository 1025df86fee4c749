"""Of flow daily, in the place of s8: the lists that were published, by what users have done since."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession

from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import evaluation, metrics, served, variants
from lstmrec.report import experiment, summary
from lstmrec.store import collect, daily, door
from lstmrec.store.commit import commit
from lstmrec.store.read import read, read_version
from lstmrec.store.work import desk

NEEDS = (tables.SPLIT, tables.USERS)
GIVES = (tables.JUDGED,)
SECTIONS = ("seed", "as_of", "evaluate")
VERSION = 1
SPARK = True


def sources(conf: Config) -> dict[str, str]:
    """Which lists are judged, and of an experiment what the days before know."""
    found = daily.judge.published(conf)
    trial = daily.judge.trial(conf, found, summary.headline_k(conf.evaluate.ks))
    which = {"lists": found.fingerprint if found else "", "since": found.as_of if found else ""}
    return which | ({"experiment": trial.print} if trial else {})


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits JUDGED, empty where no earlier list was published. Facts: since (as_of of the lists), users (judged),
    new (active users who had no list yet), k, days (headline figures by recommender), and where the lists were made in
    an experiment variants (`report.experiment.facts`), by each variant's own users (slices variant:NAME)."""
    t, e, k = door.ticket(sys.modules[__name__], conf), conf.evaluate, summary.headline_k(conf.evaluate.ks)
    found = daily.judge.published(conf)
    if found is None:
        none = {"since": None, "users": 0, "new": 0, "k": k, "days": {}, "told": {"lists": "none was published"}}
        return commit(spark.createDataFrame([], tables.JUDGED.ddl), t, tables.JUDGED, facts=none)
    lists = read_version(spark, conf.root, tables.RECOMMENDATIONS, found, where={"role": "serve"})
    with desk(t) as d:
        since, until = daily.judge.span(conf, found)
        split, users = daily.judge.moved(spark, conf, since), read(spark, conf.root, tables.USERS)
        active = d.materialise(served.active(split, since, until), "active")
        lists = lists.join(active, "user_id", "left_semi")
        had = d.materialise(served.listed(lists), "had")
        who, trial = served.wanted(e, split, users, active, had, since, until), daily.judge.trial(conf, found, k)
        wanted = d.materialise(variants.sliced(who, lists) if trial else who, "targets")
        names = [(name, served.ROLE) for name in daily.judge.names(found)]
        every = metrics.judged(served.relabelled(lists), wanted, names, conf.seed)
        means = d.materialise(metrics.resampled(every, served.asked(e)), "means")
        said = f"lists of {found.as_of} by the events up to {conf.as_of}; {summary.protocol(conf)}"
        table = d.materialise(evaluation.told(metrics.intervals(means), said, ()).coalesce(1), "judged")
        lines = collect.dicts(table)
        days = summary.headline(lines, k, served.ROLE)
        judged, new = collect.count(wanted), collect.count(active.join(had, "user_id", "left_anti"))
        told = {"lists of": found.as_of, "users judged": f"{judged:,}", "not listed yet": f"{new:,}"}
        told |= {f"ndcg@{k} {name}": f"{v[f'ndcg_{k}']:.4f}" for name, v in sorted(days.items())[:3]}
        facts: dict[str, Any] = {"since": found.as_of, "lists": found.version, "users": judged, "new": new, "k": k,
                                 "days": days}  # fmt: skip
        if trial:
            asked = experiment.Asked(trial.variants, trial.key, conf.as_of, k, e.sequential, trial.before)
            drawn = collect.dicts(variants.own(means, trial.variants, f"ndcg_{k}"))
            facts["variants"] = experiment.facts(asked, lines, drawn)
            told |= experiment.told(facts["variants"])
        return commit(served.back(table), t, tables.JUDGED, facts=facts | {"told": told})


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
