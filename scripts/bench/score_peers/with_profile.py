"""Where the time of a Python worker goes: `worker.recommend` over SEQUENCES in memory, no Spark, under a profiler.

    python with_profile.py ROOT [--users 8192] [--k 10] [--batch 256] [--block 4096]

Shares of CPU time by part; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import cProfile
import itertools
import json
import os
import pstats
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from clock import anonymous
from prepare import VERSION

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.contracts.kinds import arrow_type
from lstmrec.scoring import worker
from lstmrec.scoring.options import COLUMNS, Options

#: Part -> functions whose time, with all they call, is in it; earlier parts are taken out of later ones.
PARTS = {
    "lstm": ("advance",), "gemm": ("addmm",), "top_k": ("search",), "exact_order": ("_best", "_merged"),
    "seen": ("_history",), "rest_of_the_net": ("user_vectors",), "arrow": ("_lists",),
}  # fmt: skip
INSIDE = {"top_k": ("gemm",), "exact_order": ("top_k", "gemm"), "rest_of_the_net": ("lstm",),
          "arrow": ("lstm", "gemm", "top_k", "exact_order", "seen", "rest_of_the_net")}  # fmt: skip


def batches(root: Path, users: int, rows: int = 4096) -> Iterator[pa.RecordBatch]:
    """What the JVM hands over, without the JVM."""
    for file in itertools.cycle(versions.current(str(root), tables.SEQUENCES).files):
        table = pq.read_table(root / tables.SEQUENCES.name / VERSION / "data" / file.path, partitioning=None)
        for name in ("length", "before"):
            kind = arrow_type(tables.SEQUENCES.column(name).kind)
            table = table.append_column(name, pa.array([int(file.partition[name])] * len(table), kind))
        for batch in table.slice(0, users).select(COLUMNS).combine_chunks().to_batches(max_chunksize=rows):
            yield batch
            users -= batch.num_rows
        if users <= 0:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    for name, value in (("users", 8192), ("k", 10), ("batch", 256), ("block", 4096)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    options = Options(str(args.root), VERSION, VERSION, k=args.k, rows=args.batch, block=args.block)
    list(worker.recommend(batches(args.root, 8), options))
    given = list(batches(args.root, args.users))
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    users = sum(made.num_rows for made in worker.recommend(iter(given), options))
    profile.disable()
    stats = pstats.Stats(profile)
    cumulated: dict[str, float] = {}
    for (_, _, function), (_, _, _, seconds, _) in stats.stats.items():  # type: ignore[attr-defined]
        name = function.removeprefix("<built-in method torch.").rstrip(">")
        cumulated[name] = cumulated.get(name, 0.0) + seconds
    whole = stats.total_tt  # type: ignore[attr-defined]
    gross = {part: sum(cumulated.get(name, 0.0) for name in names) for part, names in PARTS.items()}
    net: dict[str, float] = {}
    for part, seconds in gross.items():
        net[part] = seconds - sum(net[inner] for inner in INSIDE.get(part, ()))
    parts = {part: seconds / whole for part, seconds in net.items()}
    print(json.dumps({"users_cpu_s": users / whole, "users": users, "parts": parts,
                      "anon_bytes": anonymous([os.getpid()])}))  # fmt: skip


if __name__ == "__main__":
    main()
