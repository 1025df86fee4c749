"""Jobs s1 to s5 on a synthetic log: seconds, CPU, memory, shuffle, spill; and beside them others at the same job.

    python scripts/bench/etl.py --events 20000000 [--peers] [--scale] [--heap 4g] [--dir runs/bench/etl] [--json PATH]

The job: drop what is told twice, then items, then users with fewer than 5 events (one round), number users and items
densely, leave each user's last event for test and the one before for validation, write ordered sequences as Parquet.
Ours with only that work switched on; with --peers RePlay's own Spark code (same cores and heap) and DuckDB, each in an
environment of its own that is made below the work folder, and `spark`, the least that we know the job to take in
Spark's own operators; with --scale ours on five times the log; and then the whole of s1 to s5, with every rule
and feature, on the same log with its dirt. One after the other, each in a process of its own, sessions' start excluded,
never on more than --cores. Logs stay in --dir. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from venvs import environment

HERE = Path(__file__).resolve().parent
PEERS = HERE / "etl_peers"
QUIET = "--conf spark.ui.showConsoleProgress=false --conf spark.ui.enabled=false"
#: Who does the same job, and what its environment holds; none: it runs in ours.
NEEDS = {"replay": ["replay-rec==0.22.0", "pyspark>=4,<5", "psutil", "setuptools"], "duckdb": ["duckdb"], "spark": []}
Figures = dict[str, Any]


def log(folder: Path, events: int, clean: bool, heap: str) -> Path:
    """A log of make_events, made where it is not there yet."""
    out = folder / f"{'clean' if clean else 'dirty'}-{events}"
    if not (out / "_PLANTED.json").exists():
        shutil.rmtree(out, ignore_errors=True)
        command = [sys.executable, str(HERE.parent / "make_events.py"), "--events", str(events), "--out", str(out)]
        submit = f"--master local[*] --driver-memory {heap} {QUIET} pyspark-shell"
        run(command + (["--clean"] if clean else []), PYSPARK_SUBMIT_ARGS=submit)
    return out


def run(command: list[str], **env: str) -> str:
    """What a process printed; its errors go to ours."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **env})
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout


def measured(command: list[str], out: Path) -> Figures:
    """The figures a process prints last. Its output folder is cleared before and after."""
    shutil.rmtree(out, ignore_errors=True)
    load = os.getloadavg()[0]
    found: Figures = json.loads(run(command).splitlines()[-1])
    shutil.rmtree(out, ignore_errors=True)
    return {**found, "load_before": round(load, 2)}


def ours(args: argparse.Namespace, made: Path, work: str) -> Figures:
    root = args.dir / f"root-{work}"
    command = [sys.executable, str(PEERS / "with_lstmrec.py"), str(made), str(root), work, "--heap", args.heap,
               "--cores", str(args.cores), "--partitions", str(args.partitions)]  # fmt: skip
    return measured(command, root)


def theirs(args: argparse.Namespace, made: Path, peer: str) -> Figures:
    out = args.dir / f"out-{peer}"
    python = environment(args.dir / f"venv-{peer}", NEEDS[peer]) if NEEDS[peer] else sys.executable
    command = [python, str(PEERS / f"with_{peer}.py"), str(made / "events"), str(out)]
    if peer == "replay":  # not persisted it takes half as long again
        command += ["--heap", args.heap, "--cores", str(args.cores), "--partitions", "8", "--persist"]
    elif peer == "spark":
        command += ["--heap", args.heap, "--cores", str(args.cores), "--partitions", str(args.partitions)]
    else:
        command += ["--threads", str(args.cores), "--memory", args.heap.upper().removesuffix("B") + "B"]
    return measured(command, out)


def shown(results: dict[str, Figures], rows: dict[str, int]) -> Table:
    table = Table(title="one row a job; rates are of rows of the log")
    for name in ("job", "seconds", "events/s", "CPU s", "peak MiB", "shuffle MiB", "spill MiB"):
        table.add_column(name, justify="left" if name == "job" else "right")

    def line(name: str, f: Figures, events: int) -> None:
        sizes = [f"{f[k] / 2**20:,.0f}" if k in f else "" for k in ("peak_bytes", "shuffle_bytes", "spill_bytes")]
        table.add_row(name, f"{f['seconds']:,.1f}", f"{events / f['seconds']:,.0f}", f"{f['cpu_seconds']:,.1f}", *sizes)

    for name, f in results.items():
        for job, part in f.get("jobs", {}).items():
            line(f"  {job}", part, rows[name])
        line(name, f, rows[name])
        table.add_section()
    return table


def same(results: dict[str, Figures]) -> str:
    """What is wrong where who did the same job kept other users or events; empty if nothing is."""
    kept = {name: (f["users"], f["events"]) for name, f in results.items() if name in ("lean", *NEEDS)}
    return f"not the same job: users and events kept are {kept}" if len(set(kept.values())) > 1 else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--peers", nargs="*", choices=list(NEEDS), help="these too, installed once; alone: all")
    parser.add_argument("--scale", action="store_true", help="ours on five times the log too")
    parser.add_argument("--no-whole", action="store_true", help="leave the whole of s1 to s5 out")
    parser.add_argument("--heap", default="4g", help="of Spark's driver, ours, RePlay's and plain; DuckDB's memory")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--partitions", type=int, default=16, help="our shuffle partitions, at 20 million events")
    parser.add_argument("--dir", type=Path, default=Path("runs/bench/etl"))
    parser.add_argument("--json", type=Path, help="write the figures there too")
    args = parser.parse_args()
    args.dir = args.dir.resolve()
    args.dir.mkdir(parents=True, exist_ok=True)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.cores])  # children inherit it

    made = log(args.dir, args.events, True, args.heap)
    results: dict[str, Figures] = {"lean": ours(args, made, "lean")}
    if args.peers is not None:
        results |= {peer: theirs(args, made, peer) for peer in args.peers or NEEDS}
    if args.scale:
        results["lean x5"] = ours(args, log(args.dir, 5 * args.events, True, args.heap), "lean")
    if not args.no_whole:
        results["whole"] = ours(args, log(args.dir, args.events, False, args.heap), "whole")

    Console(width=120).print(shown(results, {name: args.events * (5 if "x5" in name else 1) for name in results}))
    facts: Figures = {"events": args.events, "heap": args.heap, "cores": args.cores, "results": results}
    mine = results["lean"]
    for peer in NEEDS:
        if peer in results:
            facts[f"ratio_{peer}"] = round(results[peer]["seconds"] / mine["seconds"], 3)
            facts[f"ratio_{peer}_cpu"] = round(results[peer]["cpu_seconds"] / mine["cpu_seconds"], 3)
    if args.scale:
        facts["cost_100m_20m"] = round(results["lean x5"]["seconds"] / mine["seconds"], 3)
        facts["cost_100m_20m_cpu"] = round(results["lean x5"]["cpu_seconds"] / mine["cpu_seconds"], 3)
    line = json.dumps(facts)
    if args.json:
        args.json.write_text(line + "\n", encoding="utf-8")
    print(line)
    if wrong := same(results):
        raise SystemExit(wrong)


if __name__ == "__main__":
    main()
