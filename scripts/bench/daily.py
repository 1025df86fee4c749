"""What every day costs: the daily flow, day by day, beside a run over everything with the same bundle.

    python scripts/bench/daily.py [--days 30] [--events 1000000] [--active 0.05] [--dir /tmp/lstmrec-daily] [--quick]

`scripts/make_events.py` makes a log, and a second one whose events are handed out day by day: `--active` of the users,
by hash, bring each day a tenth of what they have there (those with little there often nothing: `active_share` is what
came of it). The first run makes everything of the first log, and trains until it stops by itself (or `--epochs`). Then
each day twice, in one session, from files to published lists: as the daily flow goes on from the day before (s1 to s4,
s7 as an update, the judging of yesterday's lists, publish), and on a copy of the root without states, every table made
from all events (`daily.whole`), but for vectors of items that are as they were. Copies are hard links: no file is ever
written twice.

The last line is one JSON object. `daily_cost_share`: CPU seconds of the daily flows over those of the whole runs, JVM
and Python workers together, which other load on the machine disturbs less than wall time; `daily_cost_share_late`: of
the second half of the days, when the JVM has compiled both; `daily_cost_share_trained`: beside whole runs end to end,
that also cut sequences and train: what these two jobs took of the first run, on the smallest log and in a cold JVM, is
added to each. `days_equal`: days whose lists are those of the whole run, row by row (fingerprints). `storage_factor`:
bytes below the root after `prune`, which ends each day (one version of each table, and what is published; its time
counts nowhere), over those of the newest version of each table of the whole run, on the day where they are most.
`freshness_s`: the median day's wall seconds from its last event to published lists. Parts of it by job are printed as
they come. Ctrl-C ends it with the days that are done (`days` of `days_asked`): before the fifteenth no table that grows
by deltas was written anew (`compacted` counts such days), so that a few days look cheaper than thirty.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "score_peers"), str(HERE.parent)]
from clock import Tally  # noqa: E402  # scripts, found by these paths
from make_events import START, World, make  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402
from pyspark.sql import functions as F  # noqa: E402
from venvs import local_spark  # noqa: E402

from lstmrec import files, versions  # noqa: E402
from lstmrec.cli import flows  # noqa: E402
from lstmrec.config.load import validate  # noqa: E402
from lstmrec.config.run import Config  # noqa: E402
from lstmrec.contracts import tables  # noqa: E402
from lstmrec.store import door, prune  # noqa: E402
from lstmrec.store.publish import publish  # noqa: E402
from lstmrec.store.session import session  # noqa: E402

DAY = 86_400
BASE = 120  # days of the first log
_PARTS = 10  # of a user's later events: one each time the user's turn comes
Figures = dict[str, Any]


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """--quick: a few days of a small log, to see that it works."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the first log")
    parser.add_argument("--active", type=float, default=0.05, help="share of the users with new events a day")
    parser.add_argument("--dir", type=Path, default=Path("/tmp/lstmrec-daily"))
    parser.add_argument("--epochs", type=int, default=40, help="of training, at most")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--heap", default="3g")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args(argv)
    if args.quick:
        args.days, args.events, args.epochs = min(args.days, 2), min(args.events, 20_000), 1
    return args


def as_of(day: int) -> str:
    """Midnight at the end of a day; day 0 is the last of the first log."""
    return datetime.fromtimestamp(START + (BASE + day) * DAY, UTC).isoformat()[:19] + "Z"


def config(root: Path, log: Path, day: int, epochs: int = 1, **more: Any) -> Config:
    """A shop with states; more: top-level keys."""
    return validate({
        "root": str(root), "as_of": as_of(day),
        "clean": {
            "events": {"path": [str(log / "events")], "time": "ts", "time_unit": "s", "event_type": "event_type",
                       "event_id": "event_id", "value": "price", "quantity": "quantity"},
            "items": {"path": [str(log / "items")], "title": "title", "tags": ["category", "brand"],
                      "numeric": {"list_price": "list_price"}},
            "users": {"path": [str(log / "users")], "attributes": ["age", "region"]},
            "max_reject_share": 0.1, "session_gap_minutes": 30, "core": {"items": 3},
        },
        "split": {"by": "time", "test_days": 7, "validation_days": 7},
        "normalise": {"price": True, "text_buckets": 0},
        "profile": {"features": ["events", "items", "active_days", "value"]},
        "sequence": {"max_length": 64, "phases": 1, "files_multiple": 1},
        "train": {"launch": "solo", "reader": "arrow", "device": "cpu", "threads": 1, "shards": 1, "batch": 256,
                  "epochs": epochs, "model": {"dim": 64, "units": 64, "inputs": ["id", "tags", "numeric"],
                                         "use_static": True, "use_time": True, "use_types": True}},
        "score": {"mode": "carry", "roles": ["serve"], "recommenders": [{"kind": "model"}, {"kind": "popularity"}]},
        "evaluate": {"bootstrap": 0, "diversity_users": 0}, **more,
    })  # fmt: skip


def by_time(spark: SparkSession, log: Path) -> None:
    """The log as logs lie: in the order that it was written in."""
    plain = log / "as-made"
    (log / "events").rename(plain)
    rows = spark.read.parquet(str(plain))
    rows.repartitionByRange(8, "ts").sortWithinPartitions("ts").write.parquet(str(log / "events"))
    shutil.rmtree(plain)


def hand_out(spark: SparkSession, later: Path, log: Path, day: int, args: argparse.Namespace) -> int:
    """Add the events of a day to the log: how many users they are of."""
    rows = spark.read.parquet(str(later / "events"))
    turn = F.pmod(F.xxhash64("user_id", F.lit("turn")), F.lit(10_000)) + F.lit(int(day * args.active * 10_000))
    mine = rows.where(F.pmod(turn, F.lit(10_000)) < int(args.active * 10_000)).where("user_id LIKE 'u%'")
    mine = mine.where(F.pmod(F.xxhash64("event_id", "item_id"), F.lit(_PARTS)) == day % _PARTS)
    at = START + (BASE + day - 1) * DAY + F.pmod("ts", F.lit(DAY))
    mine = mine.withColumns({"ts": at, "event_id": F.concat(F.lit(f"d{day}-"), "event_id")})
    place = log / "events" / f"day-{day:03d}"  # Spark leaves names with a leading _ or . alone: it is seen whole
    mine.coalesce(1).write.parquet(str(log / "days" / f"{day:03d}"))
    for part in sorted((log / "days" / f"{day:03d}").glob("*.parquet")):
        shutil.move(part, f"{place}.parquet")
    return int(spark.read.parquet(f"{place}.parquet").select("user_id").distinct().count())


def walked(spark: SparkSession, conf: Config, jobs: Sequence[str], tally: Tally, published: bool = True) -> Figures:
    """Seconds and CPU seconds of the jobs and, where asked for, publish."""
    began, worked, parts = time.perf_counter(), tally.seconds(), {}
    for job in jobs:
        before = tally.seconds()
        door.walk(importlib.import_module(f"lstmrec.jobs.{job}"), conf, spark=spark)
        parts[job] = round(tally.seconds() - before, 1)
    if published:
        publish(conf)
    return {"seconds": time.perf_counter() - began, "cpu_seconds": tally.seconds() - worked, "jobs": parts}


def copied(root: Path, to: Path) -> None:
    """The root as hard links, without states: whatever goes on from them begins anew."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(root, to, copy_function=os.link, ignore=lambda at, _: ["user_states"] if Path(at) == root else [])


def differing(one: Path, other: Path) -> list[str]:
    """Tables whose newest versions hold other rows."""
    names = ("events", "split", "encoded_items", "encoded_users", "windows", "user_profiles", "recommendations")
    made = [[versions.current(str(r), tables.table(n)).fingerprint for n in names] for r in (one, other)]
    return [n for n, a, b in zip(names, *made, strict=True) if a != b]


def bytes_below(root: Path) -> int:
    return sum(files.walk(str(root)).values())


def newest(root: Path) -> int:
    """Bytes of the newest version of each table, with those that it goes on from."""
    found = [versions.current(str(root), t) for t in tables.ALL if versions.log(str(root), t.name)]
    return sum(bytes_below(root / m.table / v) for m in found for v in (*m.facts.get("chain", ()), m.version))


def pruned(root: Path) -> int:
    """Bytes that are left after `prune`."""
    for one in prune.old(str(root), 1):
        prune.remove(str(root), one)
    return bytes_below(root)


def facts(days: Sequence[Figures], trained: float, asked: int) -> Figures:
    """The last line, of what each day gave: daily, whole (see `walked`), differing (tables), users, moved, kept, full
    (bytes after prune, of the whole run's newest), anew (tables that grow, written whole). trained: CPU seconds of the
    first run's sequences and training; asked: days that there were to be."""

    def share(some: Sequence[Figures], more: float = 0.0) -> float:
        return sum(d["daily"]["cpu_seconds"] for d in some) / sum(d["whole"]["cpu_seconds"] + more for d in some)

    return {
        "daily_cost_share": share(days), "daily_cost_share_late": share(days[len(days) // 2 :]),
        "daily_cost_share_trained": share(days, trained), "trained_cpu_s": trained,
        "days_equal": sum("recommendations" not in d["differing"] for d in days), "days": len(days),
        "days_asked": asked, "compacted": sum(bool(d["anew"]) for d in days),
        "days_equal_in_all": sum(not d["differing"] for d in days),
        "storage_factor": max(d["kept"] / d["full"] for d in days),
        "freshness_s": statistics.median(d["daily"]["seconds"] for d in days),
        "active_share": statistics.mean(d["moved"] / d["users"] for d in days),
        "daily_cpu_s": statistics.median(d["daily"]["cpu_seconds"] for d in days),
        "whole_cpu_s": statistics.median(d["whole"]["cpu_seconds"] for d in days),
    }  # fmt: skip


def measured(spark: SparkSession, args: argparse.Namespace) -> Figures:
    root, _, log, later = places(args)
    tally = Tally()
    users, items = max(20, args.events // 50), max(1_000, args.events // 400)
    for place, seed in ((log, 1), (later, 2)):
        make(spark, World(args.events, users, items, BASE, seed, False), str(place), 2)
    by_time(spark, log)
    first = config(root, log, 0, args.epochs)
    begun = walked(spark, first, flows.JOBS[:7], tally, published=False)
    print(f"first run: {begun}", file=sys.stderr, flush=True)
    days: list[Figures] = []
    try:
        for day in range(1, args.days + 1):
            days.append(both(spark, args, day, tally))
            print(f"day {day}: {json.dumps(days[-1])}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        if not days:
            raise
    return facts(days, begun["jobs"]["sequence"] + begun["jobs"]["train"], args.days)


def both(spark: SparkSession, args: argparse.Namespace, day: int, tally: Tally) -> Figures:
    """A day by the daily flow and from all events; what each cost, where they differ, what prune leaves."""
    root, whole, log, later = places(args)
    moved = hand_out(spark, later, log, day, args)
    copied(root, whole)
    conf = config(root, log, day, flow="daily")
    one: Figures = {"moved": moved, "daily": walked(spark, conf, flows.jobs(conf), tally), "anew": anew(root)}
    conf = config(whole, log, day, flow="daily", daily={"whole": True})
    return one | {"whole": walked(spark, conf, flows.jobs(conf), tally), "differing": differing(root, whole),
                  "users": versions.current(str(root), tables.USERS).rows_out, "full": newest(whole),
                  "kept": pruned(root)}  # fmt: skip


def anew(root: Path) -> list[str]:
    """Tables that grow by deltas whose newest version holds all rows."""
    grow = (tables.EVENTS, tables.SPLIT, tables.WINDOWS, tables.USER_PROFILES, tables.USER_STATES)
    return [t.name for t in grow if not versions.current(str(root), t).facts.get("chain")]


def places(args: argparse.Namespace) -> list[Path]:
    return [args.dir / name for name in ("root", "whole", "log", "later")]


def main(argv: Sequence[str] | None = None) -> None:
    args = arguments(argv)
    shutil.rmtree(args.dir, ignore_errors=True)
    args.dir.mkdir(parents=True)
    os.environ["LSTMREC_CACHE"] = str(args.dir / "cache")
    local_spark(args.cores, args.heap)
    with session("bench") as spark:
        print(json.dumps(measured(spark, args)))


if __name__ == "__main__":
    main()
