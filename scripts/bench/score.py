"""Scoring speed: ours from Parquet to Parquet, the bare torch limit, Spark's ALS, and two others.

    python scripts/bench/score.py [--users 200000] [--items 3400,100000,1000000] [--peers] [--quick] [--json PATH]

Everything is pinned to one core, Spark has one (`local[1]`), every process one thread, width 128, batches of one size
on all sides. Ours is SEQUENCES on disk -> `udf.recommend` of the scoring job -> a list a user on disk, a random net
over random histories (see score_peers/prepare.py), items a user had filtered out. The bare limit is LSTM, GEMM and
top-K of the same net in one process, nothing else, measured before and after ours. At history 50 and K 10 ours scores
`--users`; all else is sampled. ratio_bare is the smaller one of 3.4 k and 100 k items. ALS: rank 128, at 100 k items,
users sampled. update: the job over whole histories (carry), and as an update with 5 % of `--update-users` active, at
100 k items. --peers: RePlay's and RecTools' SASRec, their own prediction at 3.4 k items, length 50, each in an
environment of its own, below --venvs: --rounds times in turn with ours, since a machine may be a quarter slower some
minutes later. ratio_*: users/s over theirs (wall), means of the rounds; ratio_*_cpu: a CPU second, which other load on
the machine disturbs less. Start of session and worker are told, not counted. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from venvs import Failed, environment, finish, spark

HERE = Path(__file__).resolve().parent / "score_peers"
sys.path.insert(0, str(HERE))
from printed import report  # noqa: E402  # found by this path

NEEDS = {"replay": ["replay-rec[torch]==0.22.0"], "rectools": ["rectools[torch]==0.19.0"]}
ENV = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS"), "1") | {"PYTHONWARNINGS": "ignore"}
WIDTH = 128
SMALL, LARGE = 3400, 100_000  # catalogues whose ratios are the goal
Figures = dict[str, Any]


@dataclass(frozen=True)
class Case:
    items: int
    length: int
    k: int

    @property
    def name(self) -> str:
        return f"{self.items:,} items, history {self.length}, K {self.k}"

    @property
    def flops(self) -> int:
        """A user's, products alone: an LSTM of WIDTH units, then scores of all items."""
        return self.length * 2 * 4 * WIDTH * 2 * WIDTH + 2 * self.items * WIDTH

    @property
    def goal(self) -> bool:
        return self.items in (SMALL, LARGE) and (self.length, self.k) == (50, 10)


def sasrec_flops(case: Case, blocks: int = 2) -> int:
    """A user's, products alone: 4 projections, 2 layers of the feed-forward net and attention, then scores."""
    return blocks * case.length * (12 * WIDTH**2 + 4 * case.length * WIDTH) + 2 * case.items * WIDTH


class Bench:
    """One measurement a method; each prints its figures as they come."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.core = sorted(os.sched_getaffinity(0))[:1]

    def call(self, name: str, *more: object, python: str = sys.executable) -> Figures:
        command = [python, str(HERE / f"{name}.py"), *map(str, more)]
        submit = {"PYSPARK_SUBMIT_ARGS": spark(1, self.args.heap), "PYSPARK_PYTHON": sys.executable}
        env = os.environ | ENV | submit | {"LSTMREC_CACHE": str(self.args.dir / "cache")}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env,
                              preexec_fn=lambda: os.sched_setaffinity(0, self.core))  # fmt: skip
        if done.returncode:
            raise Failed(f"{name} ended with {done.returncode}")
        found: Figures = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
        if "users_s" in found:
            print(f"{name}: {found['users_s']:,.0f} users/s", file=sys.stderr, flush=True)
        return found

    def users(self, case: Case) -> int:
        """All for the goals; else about as many as `seconds` of a core are enough for."""
        some = int(self.args.seconds * 5e10 / case.flops)
        return self.args.users if case.goal else max(256, min(some, self.args.users))

    def root(self, case: Case) -> Path:
        users = max(self.users(Case(case.items, case.length, k)) for k in self.args.k)
        root: Path = self.args.dir / f"items-{case.items}-length-{case.length}-users-{users}"
        self.call("prepare", root, "--items", case.items, "--length", case.length, "--users", users)
        return root

    def case(self, case: Case) -> Figures:
        root, how = self.root(case), self.how(case)
        bare = [self.call("with_torch", root, *how, "--seconds", self.args.seconds)]
        ours = self.ours(root, case, self.users(case))
        bare.append(self.call("with_torch", root, *how, "--seconds", self.args.seconds))
        profile = self.call("with_profile", root, *how, "--users", max(1024, self.users(case) // 20))
        both = mean(bare)
        return {"ours": ours, "bare": both | {"parts": bare[0]["parts"]}, "worker": profile,
                "ratio": ours["users_s"] / both["users_s"],
                "ratio_cpu": ours["users_cpu_s"] / both["users_cpu_s"]}  # fmt: skip

    def how(self, case: Case) -> list[object]:
        return ["--k", case.k, "--batch", self.args.batch, "--block", self.args.block]

    def ours(self, root: Path, case: Case, users: int) -> Figures:
        return self.call("with_lstmrec", root, self.args.dir / "out", *self.how(case), "--users", users)

    def peers(self, case: Case) -> tuple[dict[str, Figures], dict[str, str]]:
        """Means of rounds of ours and of each peer, in turn; why a peer was not measured."""
        root, missing = self.root(case), {}
        each: dict[str, list[Figures]] = {"lstmrec": [], **{name: [] for name in NEEDS}}
        for _ in range(self.args.rounds):
            each["lstmrec"].append(self.ours(root, case, self.users(case)))
            for name in [n for n in NEEDS if n not in missing]:
                try:
                    each[name].append(self.peer(name, case))
                except Failed as error:
                    missing[name] = str(error)
        return {name: mean(found) for name, found in each.items() if name not in missing}, missing

    def als(self, case: Case) -> Figures:
        users = max(256, int(self.args.seconds * 4e7 / case.items))
        return self.call("with_als", self.args.dir / "als", "--items", case.items, "--k", case.k, "--users", users)

    def update(self, items: int) -> Figures:
        """A day's update with 5 % of the users active, as a share of the full run."""
        return self.call("with_update", self.args.dir / "update", "--items", items, "--users", self.args.update_users)

    def peer(self, name: str, case: Case) -> Figures:
        ours = f"torch=={version('torch').partition('+')[0]}"
        python = environment(self.args.venvs / f"venv-{name}", [ours, *NEEDS[name]])
        users = max(1024, int(self.args.seconds * 1e3))
        return self.call(f"with_{name}", self.args.dir / name, "--items", case.items, "--length", case.length, "--k",
                         case.k, "--batch", self.args.batch, "--users", users, python=python)  # fmt: skip


def mean(each: Sequence[Figures]) -> Figures:
    """Rates of several measurements."""
    rates = {key: sum(f[key] for f in each) / len(each) for key in ("users_s", "users_cpu_s")}
    return rates | {"items": each[0]["items"], "each": [*each]}


def facts(cases: dict[Case, Figures], others: dict[str, Figures]) -> Figures:
    """The headline figures; null: not measured."""
    goals = {case.items: f for case, f in cases.items() if case.goal}
    out: Figures = {}
    for key, suffix in (("ratio", ""), ("ratio_cpu", "_cpu")):
        found = [f[key] for f in goals.values()]
        out[f"ratio_bare{suffix}"] = round(min(found), 3) if found else None
        rate = f"users{suffix}_s"
        for name, ours in (("als", goals.get(LARGE, {}).get("ours")), *((n, others.get("lstmrec")) for n in NEEDS)):
            both = ours is not None and name in others
            out[f"ratio_{name}{suffix}"] = round(ours[rate] / others[name][rate], 3) if both else None
    share = others.get("update", {})
    return out | {"update_cost_share": share.get("share"), "update_cost_share_cpu": share.get("share_cpu")}


def numbers(text: str) -> list[int]:
    return [int(n) for n in text.split(",")]


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--update-users", type=int, default=1_000_000, help="of the update, which in part costs the "
                        "same for any number; 0: leave it out")  # fmt: skip
    parser.add_argument("--items", type=numbers, default=[SMALL, LARGE, 1_000_000])
    parser.add_argument("--history", type=numbers, default=[50, 200])
    parser.add_argument("--k", type=numbers, default=[10, 100])
    parser.add_argument("--goals", action="store_true", help="history 50 and K 10 alone")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--block", type=int, default=4096, help="items a block of the top-K, ours and bare")
    parser.add_argument("--seconds", type=float, help="of a core each sample is meant to take; default: 20, quick 2")
    parser.add_argument("--peers", action="store_true", help="RePlay and RecTools too")
    parser.add_argument("--rounds", type=int, default=3, help="of ours and the peers in turn")
    parser.add_argument("--quick", action="store_true", help="2,048 users, --goals at 3.4 k and 100 k: that it runs")
    parser.add_argument("--heap", default="1g", help="of Spark's driver")
    parser.add_argument("--dir", type=Path, default=Path("runs/bench/score"))
    parser.add_argument("--venvs", type=Path, default=Path("runs/bench/train"), help="of the training bench: shared")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    args = parser.parse_args(argv)
    if args.quick:
        args.users, args.items, args.goals = min(args.users, 2048), [n for n in args.items if n <= LARGE], True
        args.update_users = min(args.update_users, args.users)
    if args.goals:
        args.history, args.k = [50], [10]
    args.seconds = args.seconds or (2.0 if args.quick else 20.0)
    args.dir, args.venvs = args.dir.resolve(), args.venvs.resolve()
    args.dir.mkdir(parents=True, exist_ok=True)
    (args.dir / "cache").mkdir(exist_ok=True, mode=0o700)
    return args


def main() -> None:
    args = arguments()
    bench, load = Bench(args), os.getloadavg()[0]
    cases = [Case(items, length, k) for items in args.items for length in args.history for k in args.k]
    results = {case: bench.case(case) for case in cases}
    others: dict[str, Figures] = {}
    missing: dict[str, str] = {}
    asked = {"als": lambda: bench.als(Case(LARGE, 50, 10))}
    asked |= {"update": lambda: bench.update(LARGE)} if args.update_users else {}
    for name, measure in asked.items():
        try:
            others[name] = measure()
        except Failed as error:
            missing[name] = str(error)
    if args.peers:
        found, why = bench.peers(Case(SMALL, 50, 10))
        others, missing = others | found, missing | why
    report(results, others)
    print(
        f"SASRec (2 blocks, width {WIDTH}, length 50) at {SMALL:,} items: "
        f"{sasrec_flops(Case(SMALL, 50, 10)) / 1e6:,.1f} MFLOP a user, ours {Case(SMALL, 50, 10).flops / 1e6:,.1f}"
    )
    told = {case.name: f for case, f in results.items()}
    finish(missing, facts(results, others) | {
        "missing": missing, "load_before": round(load, 2), "batch": args.batch, "block": args.block, "results": told,
        "others": others,
    }, args.json)  # fmt: skip


if __name__ == "__main__":
    main()
