"""Our own jobs s1 to s5 on a log of make_events, in one session, each job measured.

    python with_lstmrec.py LOG ROOT {lean,whole} [--heap 4g] [--cores 2] [--partitions 16]

lean: only the work that the peers do too. whole: everything these jobs can do, for a log with its dirt. Commits and
manifests are in, the session's start is not. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from lstmrec import versions
from lstmrec.config.load import load
from lstmrec.config.profile import CLOCK_FEATURES, FEATURES
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.store import door
from lstmrec.store.read import read
from lstmrec.store.session import session

JOBS = ("clean", "split", "normalise", "profile", "sequence")
TAG = "bench.job"  # the local property that tells whose stage it is, inherited by the threads of broadcasts


def lean(log: Path) -> dict[str, Any]:
    """Exact duplicates, items then users with 5 events in one round, ids, the last two out, sequences."""
    return {
        "clean": {"events": {"path": [f"{log}/events"], "time": "ts", "time_unit": "s"}, "duplicates": "exact",
                  "fit_before": "all", "core": {"items": 5, "users": 5, "rounds": 1}},
        "split": {"by": "leave_last", "last": 1, "labels": False},
        "normalise": {"text_buckets": 0, "drift": False},
        "profile": {"features": [], "items": False},
        "sequence": {"objective": "next_item", "history": "ignore", "phases": 1, "files_multiple": 2,
                     "roles": ["train", "validation", "test"]},
        "score": {"roles": ["validation", "test"]},
    }  # fmt: skip


def whole(log: Path) -> dict[str, Any]:
    """Every rule, feature and table; of settings that exclude each other the dearer."""
    events = {"path": [f"{log}/events"], "time": "ts", "time_unit": "s", "event_type": "event_type",
              "event_id": "event_id", "value": "price", "quantity": "quantity",
              "weights": {"view": 1, "cart": 2, "purchase": 4}}  # fmt: skip
    items = {"path": [f"{log}/items"], "title": "title", "tags": ["category", "brand"], "text": ["title"],
             "numeric": {"list_price": "list_price"}}  # fmt: skip
    users = {"path": [f"{log}/users"], "attributes": ["age", "region"]}
    return {
        "clean": {"events": events, "items": items, "users": users,
                  "unknown_items": "reject", "unique_event_id": True, "duplicates": "user_item_time",
                  "cancellations": "undo", "double_click_s": 3, "consecutive_repeats": "keep",
                  "session_gap_minutes": 30, "bots": {"per_day": 1000, "per_minute": 15},
                  "core": {"items": 5, "users": 5}},
        "split": {"by": "time", "test_days": 28, "validation_days": 28},
        "normalise": {"min_item_count": 5, "price": True, "text_buckets": 2048, "text_chars": [3, 4],
                      "tail_buckets": 16, "default": {"scale": "robust", "log": True, "clip": [0.01, 0.99]}},
        "profile": {"features": [*FEATURES, *CLOCK_FEATURES, "count:purchase"], "affinities": {"tags": 16}},
        "sequence": {"objective": "next_days", "history": "learn", "phases": 4, "files_multiple": 2},
    }  # fmt: skip


class Jvm:
    """What Spark's JVM, which does all the work, has used."""

    def __init__(self, spark: SparkSession) -> None:
        java = spark._jvm.java.lang  # type: ignore[union-attr]  # a session that is not remote has one
        self.proc = Path("/proc", str(java.ProcessHandle.current().pid()))

    def cpu(self) -> float:
        """CPU seconds of the JVM and of this process."""
        fields = (self.proc / "stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") + time.process_time()

    def forget_peak(self) -> None:
        (self.proc / "clear_refs").write_text("5")

    def peak(self) -> int:
        """Largest resident set since it was forgotten, bytes."""
        line = next(x for x in (self.proc / "status").read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024


def begin(args: argparse.Namespace, scratch: str) -> SparkSession:
    options = {
        "spark.driver.memory": args.heap, "spark.sql.shuffle.partitions": args.partitions, "spark.local.dir": scratch,
        "spark.eventLog.enabled": "true", "spark.eventLog.dir": scratch, "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false", "spark.ui.enabled": "false", "spark.log.level": "ERROR",
        "spark.ui.showConsoleProgress": "false", "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }  # fmt: skip
    builder = SparkSession.builder.master(f"local[{args.cores}]").appName("bench")
    for key, value in options.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.range(10).count()
    return spark


def walk(spark: SparkSession, conf: Config) -> dict[str, dict[str, float]]:
    """Seconds, CPU seconds and peak of each job."""
    jvm, out = Jvm(spark), {}
    for name in JOBS:
        job = importlib.import_module(f"lstmrec.jobs.{name}")
        spark.sparkContext.setLocalProperty(TAG, name)
        jvm.forget_peak()
        began, worked = time.perf_counter(), jvm.cpu()
        door.walk(job, conf, spark=spark, force=True)
        out[name] = {"seconds": time.perf_counter() - began, "cpu_seconds": jvm.cpu() - worked,
                     "peak_bytes": jvm.peak()}  # fmt: skip
        print(f"{name}: " + ", ".join(f"{k} {v:,.1f}" for k, v in out[name].items()), file=sys.stderr, flush=True)
    return out


def moved(lines: Iterable[str]) -> dict[str, dict[str, int]]:
    """An event log -> job -> bytes shuffled (written), and spilled to disk."""
    whose: dict[int, str] = {}
    out = {name: {"shuffle_bytes": 0, "spill_bytes": 0} for name in JOBS}
    for line in lines:
        if line.startswith('{"Event":"SparkListenerStageSubmitted"'):
            event = json.loads(line)
            whose[event["Stage Info"]["Stage ID"]] = event.get("Properties", {}).get(TAG, "")
        elif line.startswith('{"Event":"SparkListenerTaskEnd"'):
            event = json.loads(line)
            found, did = out.get(whose.get(event["Stage ID"], "")), event.get("Task Metrics")
            if found is not None and did:
                found["shuffle_bytes"] += did["Shuffle Write Metrics"]["Shuffle Bytes Written"]
                found["spill_bytes"] += did["Disk Bytes Spilled"]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("work", choices=["lean", "whole"])
    parser.add_argument("--heap", default="4g")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--partitions", type=int, default=16)
    args = parser.parse_args()
    planted = json.loads((args.log / "_PLANTED.json").read_text())
    args.root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.root.parent) as scratch:
        file = Path(scratch, "conf.yaml")  # JSON is YAML
        made = {"lean": lean, "whole": whole}[args.work](args.log)
        file.write_text(json.dumps({"root": str(args.root), "as_of": planted["as_of"], **made}))
        conf = load([str(file)], [])
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        spark = begin(args, scratch)
        app = spark.sparkContext.applicationId
        with session() as configured:
            jobs = walk(configured, conf)
            users = read(configured, conf.root, tables.CUTS).where("role = 'test'").collect()[0]["users"]
        spark.stop()
        with open(Path(scratch, app), encoding="utf-8") as log:
            for name, bytes_ in moved(log).items():
                jobs[name].update(bytes_)
    summed = ("seconds", "cpu_seconds", "shuffle_bytes", "spill_bytes")
    total = {key: sum(j[key] for j in jobs.values()) for key in summed}
    print(json.dumps({
        **total, "peak_bytes": max(j["peak_bytes"] for j in jobs.values()), "jobs": jobs, "users": users,
        "events": versions.current(conf.root, tables.SPLIT).rows_out,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
