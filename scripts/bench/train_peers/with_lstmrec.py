"""Our own trainer, through its own doors, over the tables of prepare.py; figures are of the last epoch.

    python with_lstmrec.py ROOT WORK {solo,ranks} [--set KEY=VALUE ...]

solo: one rank in this process. ranks: `train.ranks` of them by the launcher that the config names. One thread a rank;
an epoch before the last one takes the start and the first steps. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Generator, Sequence
from pathlib import Path

from lstmrec.config.load import load
from lstmrec.config.run import Config
from lstmrec.launch.rank import feed_of
from lstmrec.launch.start import start
from lstmrec.training.batches import COLUMNS
from lstmrec.training.comm import Solo
from lstmrec.training.feed import Columns, Feed, FileRead
from lstmrec.training.loop import train

BASE = ["train.threads=1", "train.epochs=2", "train.validation_users=64", "train.device=cpu",
        "train.checkpoint_steps=100000"]  # fmt: skip


class Clock:
    """A feed that notes when each epoch's first file came, and the CPU seconds until its last one was used up."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.first: list[float] = []
        self.cpu: list[float] = []

    def read(self, files: Sequence[FileRead], columns: Sequence[str]) -> Generator[Columns, None, None]:
        began, worked = time.perf_counter(), time.process_time()
        seen = False
        for item in self.feed.read(files, columns):
            if not seen and tuple(columns) == COLUMNS:
                self.first.append(time.perf_counter() - began)
            seen = True
            yield item
        self.cpu.append(time.process_time() - worked)


def solo(conf: Config, work: str) -> dict[str, float]:
    clock = Clock(feed_of(conf, 0))
    began = time.perf_counter()
    train(conf, Solo(), clock, work)
    # Reads: hashes of the validation users, then train and validation of each epoch.
    return {"first_file_s": clock.first[0], "cpu_seconds": clock.cpu[-2], "whole_s": time.perf_counter() - began}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("how", choices=["solo", "ranks"])
    parser.add_argument("--set", action="append", default=[])
    args = parser.parse_args()
    conf = load([str(args.root / "conf.json")], [*BASE, *args.set])
    more: dict[str, float] = {}
    if args.how == "solo":
        more = solo(conf, str(args.work))
    else:
        start(conf, str(args.work))
    rows = [json.loads(line) for line in (args.work / "export/log.jsonl").read_text().splitlines()]
    last = [row for row in rows if "validation_s" in row][-1]
    used = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    if more:
        more["positions_cpu_s"] = last["positions"] / more["cpu_seconds"]
    told = {key: last[key] for key in ("positions_s", "positions", "seconds", "starved", "loss")}
    print(json.dumps(told | {"peak_bytes": used * 1024, "batch": conf.train.batch, **more}))


if __name__ == "__main__":
    main()
