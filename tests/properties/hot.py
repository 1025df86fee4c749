"""A log with one user who never sleeps and one item that is half of everything, walked through s1 to s5."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.store import door

JOBS = ("clean", "split", "normalise", "profile", "sequence")
START, DAYS = 1_577_836_800, 180  # 2020-01-01


def write(spark: Any, folder: str, hot: int, others: int, users: int, items: int) -> None:
    """`hot` events of user `hot`, `others` of `users` users; one item in half of all rows, the rest spread."""
    rows = spark.range(hot + others).selectExpr(
        f"if(id < {hot}, 'hot', concat('u', pmod(xxhash64(id, 1), {users}))) who",
        f"if(pmod(xxhash64(id, 2), 2) = 0, 'everywhere', concat('i', pmod(xxhash64(id, 3), {items}))) what",
        f"{START} + pmod(xxhash64(id, 4), {DAYS * 86_400}) at",
        "id",
    )
    rows.write.parquet(folder)


def config(root: str, source: str, cap: int, **sequence: Any) -> Config:
    return validate({
        "root": root, "as_of": "2020-06-29T00:00:00Z",
        "clean": {"events": {"path": [source], "user_id": "who", "item_id": "what", "time": "at", "time_unit": "s",
                             "event_id": "cast(id as string)"},
                  "bots": {"max_events": cap}, "max_reject_share": 1.0},
        "split": {"by": "time", "test_days": 28, "validation_days": 28},
        "profile": {"features": ["events", "items", "repeat_share", "active_days"]},
        "sequence": {"max_length": 200, "phases": 2, "history": "filter", **sequence},
    })  # fmt: skip


def walk(spark: Any, conf: Config) -> dict[str, Any]:
    """Walk s1 to s5; what was in, out and refused, and how many sequences of each role there are."""
    for name in JOBS:
        door.walk(importlib.import_module(f"lstmrec.jobs.{name}"), conf, spark=spark)
    events, made = (versions.current(conf.root, t) for t in (tables.EVENTS, tables.SEQUENCES))
    return {"in": events.rows_in, "out": events.rows_out, "rejected": events.facts["rejected"],
            "rows": made.facts["rows"]}  # fmt: skip


if __name__ == "__main__":
    from lstmrec.store.session import session

    place, n_hot, n_others = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with session("hot user") as own:
        write(own, f"{place}/source", n_hot, n_others, users=20_000, items=5_000)
        print(json.dumps(walk(own, config(f"{place}/run", f"{place}/source", cap=100_000))))
