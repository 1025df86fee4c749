"""A base and its deltas: of each user the newest row, however many versions there are."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from lstmrec.contracts import tables
from lstmrec.store import chain
from lstmrec.store.commit import Ticket
from tests.store import test_commit


def rows(users: dict[str, int]) -> list[tuple[Any, ...]]:
    return [(u, n, 0, 0, 0, [float(n)], [0.5], [("a", 1.0)], False) for u, n in users.items()]


def states(spark: Any, root: Path, day: int, longest: int) -> chain.States:
    t: Ticket = test_commit.ticket(root, f"{day:064d}")
    return chain.states(spark, t, {"bundle": "b"}, day > 0, longest)


def test_of_each_user_the_newest_row_is_read(spark: Any, tmp_path: Path) -> None:
    draw, known, chains = random.Random(0), dict[str, int](), list[int]()
    for day in range(5):
        at = states(spark, tmp_path, day, longest=2)
        before = at.before()
        if before is not None:
            assert {r["user_id"]: r["events"] for r in before.collect()} == known
        moved = {f"u{n}": 10 * day + n for n in (range(6) if day == 0 else draw.sample(range(8), 3))}
        known |= moved
        found = at.extend(spark.createDataFrame(rows(moved), tables.USER_STATES.ddl), "v", {}).collect()
        assert found[0].__fields__ == list(tables.USER_STATES.names)
        assert sorted((r["user_id"], r["events"]) for r in found) == sorted(known.items())
        newest = chain.newest(str(tmp_path), tables.USER_STATES, {"bundle": "b"})
        assert newest is not None
        chains.append(len(newest.facts["chain"]))
        assert newest.rows_out == (len(moved) if chains[-1] else len(known))
    assert chains == [0, 1, 2, 0, 1]  # then all are written anew
    assert chain.newest(str(tmp_path), tables.USER_STATES, {"bundle": "another"}) is None
