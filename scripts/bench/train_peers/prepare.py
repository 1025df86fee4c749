"""The data of the training bench: our tables s1 to s5 below ROOT, and the same train events as plain numbers.

    python prepare.py ROOT --data ML1M [--users N]    MovieLens-1M (see scripts/data/movielens.py), by its own config
    python prepare.py ROOT --events N                 a synthetic log of make_events.py, by the same split and windows

Writes ROOT/conf.json, which all our runs load; ROOT/events.npz: `user` and `item` (int64 from 0, every train event,
sorted by user and then by order), `items`, how many items there are. Jobs whose input is unchanged are skipped. The
last line is one JSON object.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from omegaconf import OmegaConf

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.store import door
from lstmrec.store.read import read
from lstmrec.store.session import session

SCRIPTS = Path(__file__).resolve().parents[2]
JOBS = ("clean", "split", "normalise", "profile", "sequence")


def movielens(root: Path, data: Path, users: int) -> dict[str, Any]:
    """The settings of conf/movielens-1m.yaml over this copy; users > 0: only the first so many."""
    source, laid = root / "source", root / "source/_laid_out"
    if not laid.exists():  # another write is another source to s1, and all would run again
        subprocess.run([sys.executable, str(SCRIPTS / "data/movielens.py"), "--from", str(data), "--out", str(source)],
                       check=True, stdout=sys.stderr)  # fmt: skip
        if users:
            ratings = pq.read_table(source / "ratings.parquet")
            pq.write_table(ratings.filter(pc.field("user_id") <= users), source / "ratings.parquet")
        laid.touch()
    conf = settings()
    for section, name in (("events", "ratings"), ("items", "movies"), ("users", "users")):
        conf["clean"][section]["path"] = [str(source / f"{name}.parquet")]
    return conf


def synthetic(root: Path, events: int) -> dict[str, Any]:
    """The split, windows and net of MovieLens over a log of make_events without its faults."""
    source = root / "source"
    if not (source / "_PLANTED.json").exists():
        shutil.rmtree(source, ignore_errors=True)
        subprocess.run([sys.executable, str(SCRIPTS / "make_events.py"), "--events", str(events), "--out", str(source),
                        "--clean"], check=True, stdout=sys.stderr)  # fmt: skip
    conf = settings()
    conf["as_of"] = json.loads((source / "_PLANTED.json").read_text())["as_of"]
    conf["clean"] = {"events": {"path": [f"{source}/events"], "time": "ts", "time_unit": "s"}, "duplicates": "exact",
                     "core": {"items": 5, "users": 5, "rounds": 1}, "fit_before": "all"}  # fmt: skip
    return conf


def settings() -> dict[str, Any]:
    """The recipe with the bench's own net: what recipes come to does not move it."""
    found = OmegaConf.to_container(OmegaConf.load(SCRIPTS.parent / "conf/movielens-1m.yaml"))
    assert isinstance(found, dict)
    found["train"]["model"] = {"dim": 128, "units": 256, "layers": 1, "inputs": ["id"]}
    return {str(key): value for key, value in found.items()}


def walk(conf: Config, root: Path) -> dict[str, Any]:
    """Run s1 to s5 and lay the train events out for the peers."""
    with session("bench") as spark:
        for name in JOBS:
            began = time.perf_counter()
            door.walk(importlib.import_module(f"lstmrec.jobs.{name}"), conf, spark=spark)
            print(f"{name}: {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
        rows = read(spark, conf.root, tables.SPLIT).where("role = 'train'").select("user_id", "item_id", "index")
        table = rows.toArrow().sort_by([("user_id", "ascending"), ("index", "ascending")])
    user = np.unique(table["user_id"].to_numpy(), return_inverse=True)[1].astype(np.int64)
    item = np.unique(table["item_id"].to_numpy(), return_inverse=True)[1].astype(np.int64)
    items = int(item.max()) + 1
    np.savez(root / "events.npz", user=user, item=item, items=items)
    sequences = versions.current(conf.root, tables.SEQUENCES)
    return {"users": int(user.max()) + 1, "items": items, "events": len(user), "sequences": sequences.version}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--users", type=int, default=0)
    parser.add_argument("--events", type=int, default=1_000_000)
    args = parser.parse_args()
    args.root = args.root.resolve()
    args.root.mkdir(parents=True, exist_ok=True)
    conf = movielens(args.root, args.data, args.users) if args.data else synthetic(args.root, args.events)
    conf["root"] = str(args.root / "tables")
    (args.root / "conf.json").write_text(json.dumps(conf, indent=1) + "\n", encoding="utf-8")  # JSON is YAML
    print(json.dumps(walk(validate(conf), args.root)))


if __name__ == "__main__":
    main()
