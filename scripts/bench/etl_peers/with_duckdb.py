"""The bench's job in DuckDB's SQL: duplicates, counts, ids, leave-last-two, one ordered sequence a user.

    python with_duckdb.py EVENTS OUT [--threads 2] [--memory 4GB]

Comes in: Parquet of user_id, item_id (strings), ts (seconds). Goes out: Parquet of user_id, item_id and role as lists
(0 train, 1 validation, 2 test). Runs in DuckDB's environment, not in ours; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time

import duckdb

STEPS = [
    """CREATE TEMP TABLE once AS SELECT DISTINCT user_id, item_id, ts FROM read_parquet('{events}')""",
    """CREATE TEMP TABLE kept AS
       WITH items AS (SELECT item_id FROM once GROUP BY item_id HAVING count(*) >= 5),
            of_items AS (SELECT once.* FROM once SEMI JOIN items USING (item_id)),
            users AS (SELECT user_id FROM of_items GROUP BY user_id HAVING count(*) >= 5)
       SELECT of_items.* FROM of_items SEMI JOIN users USING (user_id)""",
    """DROP TABLE once""",
    """CREATE TEMP TABLE users AS
       SELECT user_id, (row_number() OVER (ORDER BY user_id) - 1)::INT AS u FROM (SELECT DISTINCT user_id FROM kept)""",
    """CREATE TEMP TABLE items AS
       SELECT item_id, (row_number() OVER (ORDER BY item_id) - 1)::INT AS i FROM (SELECT DISTINCT item_id FROM kept)""",
    """COPY (
         WITH sequences AS (
           SELECT u AS user_id, list(i ORDER BY ts, i) AS item_id
           FROM kept JOIN users USING (user_id) JOIN items USING (item_id) GROUP BY u)
         SELECT user_id, item_id,
                [CASE WHEN x < len(item_id) - 1 THEN 0 WHEN x < len(item_id) THEN 1 ELSE 2 END
                 FOR x IN range(1, len(item_id) + 1)] AS role
         FROM sequences
       ) TO '{out}' (FORMAT parquet)""",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events")
    parser.add_argument("out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="4GB")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    out = f"{args.out}/sequences.parquet"
    with tempfile.TemporaryDirectory(dir=args.out) as scratch:
        base = duckdb.connect(f"{scratch}/base.duckdb")  # a file: temporary tables may then leave memory
        base.execute(f"SET threads={args.threads}; SET memory_limit='{args.memory}'; SET temp_directory='{scratch}/t'")
        base.execute("SET preserve_insertion_order=false")
        began, worked = time.perf_counter(), time.process_time()
        for step in STEPS:
            base.execute(step.format(events=f"{args.events}/*.parquet", out=out))
        seconds, work = time.perf_counter() - began, time.process_time() - worked
        users, events = base.execute(f"SELECT count(*), sum(len(item_id)) FROM read_parquet('{out}')").fetchall()[0]
        base.close()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {"seconds": seconds, "cpu_seconds": work, "peak_bytes": most, "users": users, "events": int(events)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
