"""Training speed: ours, a bare torch loop, and three others; one and two ranks; the feed alone.

    python scripts/bench/train.py [--data ML1M] [--peers [NAME ...]] [--quick] [--dir runs/bench/train] [--json PATH]

Rates are of *real* next-item targets a second, padding not counted, length 200, width 128, one thread each, pinned to
one core, the start and the first steps left out. Ours is one LSTM layer of 256 units, trained as conf/movielens-1m.yaml
says, on the tables of s1 to s5, read through its reader; --data is MovieLens-1M (see scripts/data/movielens.py),
without it the log is made. The bare loop is the same net over the same windows, padded, in memory. Peers, each in an
environment of its own that is made below --dir: RecBole's GRU4Rec, RecTools' SASRec, RePlay's SASRec; one that cannot
be run is null, and the reason is told. rank_efficiency: two ranks with the batch of a solo process *each*, over two
independent solo processes at the same time (both with two cores), in turn and --rounds times; rank_efficiency_split:
with that batch dealt between them, as the config has it, which doubles the talk and halves the matrices. starved_share
is of that one too. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from venvs import Failed, environment, finish, spark

from lstmrec.config.load import load

HERE = Path(__file__).resolve().parent
PEERS = HERE / "train_peers"
NEEDS = {
    "recbole": ["recbole==1.2.1", "numpy<2", "pandas<3", "setuptools<80"],
    "rectools": ["rectools[torch]==0.19.0"],
    "replay": ["replay-rec[torch]==0.22.0"],
}
ENV = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS"), "1") | {"PYTHONWARNINGS": "ignore"}
Figures = dict[str, Any]


def begin(command: Sequence[str], cores: Sequence[int]) -> subprocess.Popen[str]:
    """A process on some cores, one thread; its errors go to ours."""
    return subprocess.Popen(list(command), stdout=subprocess.PIPE, text=True, env=os.environ | ENV,
                            preexec_fn=lambda: os.sched_setaffinity(0, cores))  # fmt: skip


def figures(*running: subprocess.Popen[str]) -> list[Figures]:
    """What processes print last, once all have ended."""
    said = [process.communicate()[0] for process in running]
    for process, text in zip(running, said, strict=True):
        if process.returncode:
            print(text[-2000:], file=sys.stderr)
            raise Failed(f"{Path(str(process.args[1])).name} ended with {process.returncode}")  # type: ignore[index]
    return [json.loads(text.splitlines()[-1]) for text in said]


def told(name: str, found: Figures) -> Figures:
    """The figures, said as soon as they are there: a whole bench takes half an hour."""
    print(f"{name}: {found['positions_s']:,.0f} positions/s", file=sys.stderr, flush=True)
    return found


class Bench:
    """The data, and one measurement a method."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.dir = args, args.dir
        self.cores = sorted(os.sched_getaffinity(0))[:2]
        self.one = self.cores[-1:]
        users = 300 if args.quick else 0
        events = 60_000 if args.quick else args.events
        self.root = args.dir / (f"movielens-{users or 'all'}" if args.data else f"made-{events}")
        command = [sys.executable, str(PEERS / "prepare.py"), str(self.root)]
        command += ["--data", str(args.data), "--users", str(users)] if args.data else ["--events", str(events)]
        submit = {"PYSPARK_SUBMIT_ARGS": spark(len(self.cores), args.heap)}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ | submit)
        if done.returncode:
            raise SystemExit(f"prepare.py ended with {done.returncode}")
        self.data: Figures = json.loads(done.stdout.splitlines()[-1])

    def python(self, name: str) -> str:
        """Of a peer's environment, which has our torch."""
        import torch

        ours = f"torch=={torch.__version__.partition('+')[0]}"
        return environment(self.dir / f"venv-{name}", [ours, *NEEDS[name]])

    def peer(self, name: str) -> Figures:
        python = sys.executable if name == "torch" else self.python(name)
        command = [python, str(PEERS / f"with_{name}.py"), str(self.root), "--seconds", str(self.args.seconds)]
        if name == "recbole" and self.args.quick:
            command += ["--batch", "256", "--users", "60"]
        return figures(begin(command, self.one))[0]

    def ours(self, *how: str, times: int = 1, cores: Sequence[int] = ()) -> list[Figures]:
        """Trainings of ours at the same time."""
        works = [self.dir / f"work-{i}" for i in range(times)]
        running = []
        for work in works:  # what an earlier training left would be gone on with
            shutil.rmtree(work, ignore_errors=True)
            command = [sys.executable, str(PEERS / "with_lstmrec.py"), str(self.root), str(work), *how]
            running.append(begin(command, cores or self.cores))
        found = figures(*running)
        for work in works:
            shutil.rmtree(work)
        return found

    def ranks(self) -> dict[str, Figures]:
        """Two solo processes at once, two ranks with as many rows each, two ranks that share those rows. A machine's
        speed drifts: they take turns, and medians are compared."""
        comm = ["--set", "train.ranks=2", "--set", f"train.comm={self.args.comm}"]
        batch = load([str(self.root / "conf.json")]).train.batch
        how = {"two ranks": [*comm, "--set", f"train.batch={2 * batch}"], "two ranks, batch dealt": comm}
        found: dict[str, list[Figures]] = {"two solo at once": [], **{name: [] for name in how}}
        for name in ("two solo at once", *how) * (1 if self.args.quick else self.args.rounds):
            runs = self.ours("ranks", *how[name]) if name in how else self.ours("solo", times=2)
            one = {"positions_s": sum(f["positions_s"] for f in runs), "starved": max(f["starved"] for f in runs),
                   "peak_bytes": max(f["peak_bytes"] for f in runs)}  # fmt: skip
            found[name].append(told(name, one))
        return {name: {"positions_s": statistics.median(f["positions_s"] for f in rounds),
                       "starved": max(f["starved"] for f in rounds), "peak_bytes": max(f["peak_bytes"] for f in rounds),
                       "rounds": rounds} for name, rounds in found.items()}  # fmt: skip

    def feed(self) -> Figures:
        command = [sys.executable, str(HERE / "feed.py"), "--conf", str(self.root / "conf.json")]
        return figures(begin(command + (["--quick"] if self.args.quick else []), self.one))[0]


def shown(results: dict[str, Figures]) -> Table:
    table = Table(title="real next-item targets a second")
    for name in ("run", "positions/s", "a CPU second", "ours is", "starved", "peak MiB"):
        table.add_column(name, justify="left" if name == "run" else "right")
    mine = results["ours"]["positions_s"]
    for name, f in results.items():
        cpu = f"{f['positions_cpu_s']:,.0f}" if "positions_cpu_s" in f else ""
        starved = f"{f['starved']:.1%}" if "starved" in f else ""
        table.add_row(name, f"{f['positions_s']:,.0f}", cpu, f"{mine / f['positions_s']:.2f}x", starved,
                      f"{f['peak_bytes'] / 2**20:,.0f}")  # fmt: skip
    return table


def facts(results: dict[str, Figures], feed: Figures, missing: dict[str, str], cores: int) -> Figures:
    """The headline figures; null: not measured."""
    mine = results["ours"]
    out: Figures = {"starved_share": round(results["two ranks, batch dealt"]["starved"], 4),
                    "ratio_feed_arrow": feed["trained"]["ratio_petastorm_plain"]}  # fmt: skip
    for key, name in {"padded_bare": "torch", **{peer: peer for peer in NEEDS}}.items():
        their = results.get(name)
        out[f"ratio_{key}"] = round(mine["positions_s"] / their["positions_s"], 3) if their else None
        out[f"ratio_{key}_cpu"] = round(mine["positions_cpu_s"] / their["positions_cpu_s"], 3) if their else None
    solo = results["two solo at once"]["positions_s"]
    for key, name in {"": "two ranks", "_split": "two ranks, batch dealt"}.items():
        share = round(results[name]["positions_s"] / solo, 4)
        out[f"rank_efficiency{key}"] = share if cores > 1 else None  # on one core it says nothing
    return out | {"first_file_s": round(mine["first_file_s"], 4), "missing": missing}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="MovieLens-1M; without it a log is made")
    parser.add_argument("--peers", nargs="*", choices=list(NEEDS), help="these too, installed once; alone: all")
    parser.add_argument("--quick", action="store_true", help="300 users and a few seconds each: proves that it runs")
    parser.add_argument("--seconds", type=float, help="of each peer and of the bare loop; default: 75, quick 6")
    parser.add_argument("--events", type=int, default=1_000_000, help="of the made log")
    parser.add_argument("--rounds", type=int, default=3, help="of two ranks beside two solo processes")
    parser.add_argument("--comm", choices=["horovod", "torch"], default="horovod")
    parser.add_argument("--heap", default="2g", help="of Spark's driver, for the tables")
    parser.add_argument("--dir", type=Path, default=Path("runs/bench/train"))
    parser.add_argument("--json", type=Path, help="write the figures there too")
    args = parser.parse_args()
    args.seconds = args.seconds or (6.0 if args.quick else 75.0)
    args.dir = args.dir.resolve()
    args.dir.mkdir(parents=True, exist_ok=True)
    bench, busy, missing = Bench(args), os.getloadavg()[0], {}

    results = {
        "ours": told("ours", bench.ours("solo", cores=bench.one)[0]),
        "torch": told("torch", bench.peer("torch")),
    }
    for name in (args.peers or NEEDS) if args.peers is not None else ():
        try:
            results[name] = told(name, bench.peer(name))
        except Failed as error:
            missing[name] = str(error)
    results |= bench.ranks()
    feed = bench.feed()

    Console(width=120).print(shown(results))
    finish(missing, facts(results, feed, missing, len(bench.cores)) | {
        "data": bench.data, "cores": len(bench.cores), "load_before": round(busy, 2), "results": results, "feed": feed,
    }, args.json)  # fmt: skip


if __name__ == "__main__":
    main()
