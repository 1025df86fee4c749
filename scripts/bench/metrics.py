"""Ranking metrics: six of them at four K, over lists of 100, ours in one Spark pass and beside RePlay's Spark code.

    python scripts/bench/metrics.py [--users 140000] [--items 20000] [--cores 2] [--quick] [--json PATH]

HR, Recall, Precision, NDCG, MRR and MAP at 1, 5, 10 and 100; lists and what users did next are made up
(metrics_peers/prepare.py): 1 to 10 targets a user, scores without ties, since RePlay's ties follow the item. Each side
reads its own form: ours the tables RECOMMENDATIONS and SPLIT, with text ids; RePlay one row a pair, with integer ids,
which is the lighter one. Same machine, cores and heap, one after the other, the session's start not counted; RePlay by
`OfflineMetrics` with its caching on, in an environment of its own below --venvs. Told besides: ours with a bootstrap
of 500 resamples, which RePlay does not do, and how far the figures lie apart (recall is over min(k, targets) here, over
all targets there: compared where k is no less). ratio_replay: RePlay's seconds by ours (wall); ratio_replay_cpu: by
CPU seconds, which other load on the machine disturbs less. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from venvs import Failed, environment, finish

HERE = Path(__file__).resolve().parent
PEERS = HERE / "metrics_peers"
NEEDS = ["replay-rec==0.22.0", "pyspark>=4,<5", "psutil", "setuptools"]
KS = (1, 5, 10, 100)
TARGETS = 10  # of a user at most: where k is at least this, both recalls are one
SPARK = (
    "--master local[{cores}] --driver-memory {heap} --conf spark.sql.shuffle.partitions={partitions} "
    "--conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false pyspark-shell"
)
Figures = dict[str, Any]


def call(args: argparse.Namespace, name: str, *more: object, python: str = sys.executable) -> Figures:
    """What a peer prints last. Raises Failed."""
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE / "score_peers"), os.environ.get("PYTHONPATH", "")])
    spark = {"PYSPARK_SUBMIT_ARGS": SPARK.format(**vars(args)), "PYSPARK_PYTHON": python, "PYTHONWARNINGS": "ignore"}
    command = [python, str(PEERS / f"{name}.py"), str(args.dir / "data"), *map(str, more)]
    load = os.getloadavg()[0]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ | spark | {"PYTHONPATH": path})
    if done.returncode:
        raise Failed(f"{name} ended with {done.returncode}")
    found: Figures = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
    if found:
        cpu = sum(found["cpu_seconds"].values())
        print(f"{name}: {found['seconds']:.1f} s, {cpu:.1f} CPU s", file=sys.stderr, flush=True)
    return found | {"load_before": round(load, 2)}


def apart(ours: Mapping[str, float], theirs: Mapping[str, float]) -> float:
    """The largest difference of a figure that both define alike; inf where one is missing."""
    same = [n for n in ours if not n.startswith("recall_") or int(n.rsplit("_", 1)[1]) >= TARGETS]
    return max(abs(ours[n] - theirs.get(n, float("inf"))) for n in same)


def facts(ours: Figures, boot: Figures, theirs: Figures | None) -> Figures:
    """The headline figures; null: not measured."""
    out: Figures = {"ratio_replay": None, "ratio_replay_cpu": None, "largest_difference": None}
    if theirs is not None:
        mine, other = (sum(f["cpu_seconds"].values()) for f in (ours, theirs))
        out = {
            "ratio_replay": round(theirs["seconds"] / ours["seconds"], 2),
            "ratio_replay_cpu": round(other / mine, 2),
            "largest_difference": apart(ours["figures"], theirs["figures"]),
        }
    return out | {"seconds": round(ours["seconds"], 2), "seconds_bootstrap": round(boot["seconds"], 2)}


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=140_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--partitions", type=int, default=8, help="shuffle partitions on both sides")
    parser.add_argument("--heap", default="4g", help="of Spark's driver, on both sides")
    parser.add_argument("--quick", action="store_true", help="2,000 users: that it runs")
    parser.add_argument("--dir", type=Path, default=Path("runs/bench/metrics"))
    parser.add_argument("--venvs", type=Path, default=Path("runs/bench/etl"), help="of the bench of s1 to s5: shared")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    args = parser.parse_args(argv)
    if args.quick:
        args.users = min(args.users, 2000)
    args.dir, args.venvs = args.dir.resolve(), args.venvs.resolve()
    args.dir.mkdir(parents=True, exist_ok=True)
    args.venvs.mkdir(parents=True, exist_ok=True)
    return args


def main() -> None:
    args, missing = arguments(), {}
    call(args, "prepare", "--users", args.users, "--items", args.items, "--targets", TARGETS)
    ks = ["--ks", ",".join(map(str, KS))]
    ours = call(args, "with_lstmrec", *ks)
    boot = call(args, "with_lstmrec", *ks, "--bootstrap", 500)
    theirs = None
    try:
        theirs = call(args, "with_replay", *ks, python=environment(args.venvs / "venv-replay", NEEDS))
    except Failed as error:
        missing["replay"] = str(error)
    sizes = {"users": args.users, "length": max(KS), "cores": args.cores}
    each = {"ours": ours, "bootstrap": boot, "replay": theirs}
    finish(missing, facts(ours, boot, theirs) | sizes | {"missing": missing} | each, args.json)


if __name__ == "__main__":
    main()
