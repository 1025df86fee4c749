"""Ours, end to end: SEQUENCES Parquet -> `udf.recommend`, as the job runs it -> Parquet of one list a user.

    PYSPARK_SUBMIT_ARGS="--master local[1] ... pyspark-shell" python with_lstmrec.py ROOT OUT [--users 200000] [--k 10]

Start of the session and of the worker (imports, net, item matrix: a list for 8 users) are told, not counted. The last
line is one JSON object.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

from clock import Clock, anonymous, family
from prepare import VERSION

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.scoring import udf
from lstmrec.scoring.options import Options
from lstmrec.store.read import read
from lstmrec.store.session import session


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("out", type=Path)
    for name, value in (("users", 200_000), ("k", 10), ("batch", 256), ("block", 4096)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    root = str(args.root)
    options = Options(root, VERSION, VERSION, k=args.k, rows=args.batch, block=args.block)
    files = versions.current(root, tables.SEQUENCES).files
    shutil.rmtree(args.out, ignore_errors=True)
    began = time.perf_counter()
    with session("bench") as spark:
        spark.range(1).count()
        started = time.perf_counter()
        frame = read(spark, root, tables.SEQUENCES, where={"role": "serve"})
        udf.recommend(frame.limit(8), options).write.parquet(str(args.out / "warm"))
        warm = time.perf_counter()
        chosen, users = frame, sum(f.rows for f in files)
        if args.users < users:  # whole files
            number = max(1, args.users // files[0].rows)
            chosen, users = frame.where(frame["file"] < number), sum(f.rows for f in files[:number])
        clock = Clock()
        udf.recommend(chosen, options).write.parquet(str(args.out / "lists"))
        anon = anonymous(family()[1:])
        clock.tell(users, versions.current(root, tables.ITEM_VECTORS).rows_out, session_s=started - began,
                   worker_s=warm - started, worker_anon_bytes=anon)  # fmt: skip


if __name__ == "__main__":
    main()
