"""What `train.init_from` is worth: week by week, a training that begins with last week's net beside one begun anew.

    python scripts/bench/refits.py [--config conf/demo.yaml] [--weeks 10] [--epochs 1] [--dir /tmp/lstmrec-refits]
                                   [--set A.B=C ...] [--quick]

The log of a config is walked with `as_of` a week later each time, ids grown from the week before
(`normalise.grow_from`): s1 to s5 once, then s6 to s8 twice over the same tables, copies of which are hard links. `anew`
trains as the config says; `begun` begins with the week before's `begun` and trains --epochs at the highest rate scaled
by --rate. Both are judged on the config's own test role; the first week both are the same net.

The last line is one JSON object, the first week left out: `cost_share`, seconds of training begun over anew (one
process, so that load disturbs both); `ndcg_begun`, `ndcg_anew`, means of test NDCG@10, and `gap`, their difference,
with `spread`, the standard deviation of the weeks' differences; `weeks`, one row each; `new_items`, items that the
begun net had not learnt, in the mean.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from venvs import local_spark

from lstmrec import versions
from lstmrec.config.load import load
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.store import door
from lstmrec.store.session import session

ROOT = Path(__file__).resolve().parents[2]
TABLES, NET = ("clean", "split", "normalise", "profile", "sequence"), ("train", "score", "evaluate")
#: One process trains, and the model's lists of test alone are made and judged. Of an earlier week all that came later
#: is refused, as many rows as it may be.
SETTINGS = ("clean.max_reject_share=1", "train.launch=solo", "train.reader=arrow", "train.ranks=1", "train.threads=1",
            "score.roles=[test]", "score.recommenders=[{kind: model}]", "evaluate.probes=null",
            "evaluate.cold_items=false", "evaluate.repeats=false", "evaluate.bootstrap=0", "evaluate.ips=null",
            "evaluate.baseline=model")  # fmt: skip
Row = dict[str, Any]


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """--quick: two weeks, to see that it works."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", action="append")
    parser.add_argument("--weeks", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=1, help="of a training that begins with an earlier net")
    parser.add_argument("--rate", type=float, default=0.5, help="of such a training, as a share of the config's")
    parser.add_argument("--dir", type=Path, default=Path("/tmp/lstmrec-refits"))
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a key of the config")
    parser.add_argument("--heap", default="3g")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args(argv)
    args.config = args.config or [str(ROOT / "conf" / "demo.yaml")]
    args.weeks = min(args.weeks, 2) if args.quick else args.weeks
    return args


def as_of(last: str, weeks: int) -> str:
    """So many weeks before an instant."""
    at = datetime.fromisoformat(last.replace("Z", "+00:00")).astimezone(UTC) - timedelta(weeks=weeks)
    return at.isoformat()[:19] + "Z"


def config(args: argparse.Namespace, week: int, kind: str) -> Config:
    """The config of a week, 0 the first. kind: anew, begun."""
    plain = load(args.config, args.set)
    own = [f"root={args.dir}/{kind}-{week:02d}", f"as_of={as_of(plain.as_of, args.weeks - week)}"]
    if week:
        own.append(f"normalise.grow_from={args.dir}/anew-{week - 1:02d}")
    if week and kind == "begun":
        rate = plain.train.learning_rate * args.rate
        own += [f"train.init_from={args.dir}/begun-{week - 1:02d}", f"train.epochs={args.epochs}",
                "train.schedule_epochs=null", f"train.learning_rate={rate}"]  # fmt: skip
    return load(args.config, [*args.set, *SETTINGS, *own])


def walked(spark: SparkSession, conf: Config, jobs: Sequence[str]) -> None:
    for job in jobs:
        door.walk(importlib.import_module(f"lstmrec.jobs.{job}"), conf, spark=spark)


def told(root: str) -> Row:
    """What a net cost and what it reached."""
    bundle, metrics = (versions.current(root, t) for t in (tables.BUNDLE, tables.METRICS))
    begun = bundle.facts.get("init_from") or {}
    return {"seconds": bundle.seconds, "ndcg": metrics.facts["test"]["model"][f"ndcg_{metrics.facts['k']}"],
            "new_items": begun.get("new")}  # fmt: skip


def measured(spark: SparkSession, args: argparse.Namespace) -> list[Row]:
    """A row a week."""
    rows = []
    for week in range(args.weeks + 1):
        anew, begun = (config(args, week, kind) for kind in ("anew", "begun"))
        walked(spark, anew, TABLES)
        shutil.copytree(anew.root, begun.root, copy_function=os.link)
        walked(spark, anew, NET)
        if week:
            walked(spark, begun, NET)
        else:
            shutil.rmtree(begun.root)
            shutil.copytree(anew.root, begun.root, copy_function=os.link)
        rows.append({"as_of": anew.as_of, "anew": told(anew.root), "begun": told(begun.root)})
        print(f"week {week}: {json.dumps(rows[-1])}", file=sys.stderr, flush=True)
    return rows


def facts(rows: Sequence[Row]) -> Row:
    """The last line, of what each week gave but the first."""
    later = rows[1:]
    ndcg = {kind: [r[kind]["ndcg"] for r in later] for kind in ("anew", "begun")}
    gaps = [b - a for a, b in zip(ndcg["anew"], ndcg["begun"], strict=True)]
    cost = {kind: sum(r[kind]["seconds"] for r in later) for kind in ("anew", "begun")}
    return {
        "cost_share": cost["begun"] / cost["anew"], "ndcg_anew": statistics.mean(ndcg["anew"]),
        "ndcg_begun": statistics.mean(ndcg["begun"]), "gap": statistics.mean(gaps),
        "spread": statistics.stdev(gaps) if len(gaps) > 1 else None,
        "new_items": statistics.mean(r["begun"]["new_items"] or 0 for r in later), "weeks": list(rows),
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    args = arguments(argv)
    shutil.rmtree(args.dir, ignore_errors=True)
    args.dir.mkdir(parents=True)
    local_spark(2, args.heap)
    with session("bench") as spark:
        found = facts(measured(spark, args))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
