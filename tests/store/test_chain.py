"""A base and its deltas: of each user the newest row, however many versions there are."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.contracts import tables
from lstmrec.store import chain
from lstmrec.store.commit import Ticket
from tests.scoring import bundles
from tests.store import test_commit


def rows(users: dict[str, int]) -> list[tuple[Any, ...]]:
    return [(u, n, 0, 0, 0, b"state", b"user vector", [("a", 1.0)], False) for u, n in users.items()]


def states(spark: Any, root: Path, day: int, longest: int, types: tuple[str, ...] = ("buy",), **score: Any
           ) -> chain.States:  # fmt: skip
    t: Ticket = test_commit.ticket(root, f"{day:064d}")
    words = [("event_type", name, 2 + i, 1) for i, name in enumerate(types)]
    mode = "update" if day else "carry"
    conf = validate({"root": str(root), "as_of": "2018-01-01T00:00:00Z", "clean": {"events": {"path": ["x"]}},
                     "score": {"mode": mode, "roles": ["serve"], "compact": longest, **score}})  # fmt: skip
    vocabulary = spark.createDataFrame(words, tables.VOCABULARY.ddl)
    if not (root / "item_vectors").exists():
        for table in (tables.ITEM_VECTORS, tables.SPLIT):
            bundles.seal(root, table, [])
    vectors = versions.load(str(root), tables.ITEM_VECTORS, bundles.VERSION)
    return chain.states(spark, t, conf, vocabulary, vectors, lambda frame, _: frame, bundle="b")


def test_of_each_user_the_newest_row_is_read(spark: Any, tmp_path: Path) -> None:
    draw, known, chains = random.Random(0), dict[str, int](), list[int]()
    for day in range(5):
        at = states(spark, tmp_path, day, longest=2)
        before = at.before()
        if before is not None:
            assert {r["user_id"]: r["events"] for r in before.collect()} == known
        moved = {f"u{n}": 10 * day + n for n in (range(6) if day == 0 else draw.sample(range(8), 3))}
        known |= moved
        found = at.extend(spark.createDataFrame(rows(moved), tables.USER_STATES.ddl), bundles.VERSION, {}, []).collect()
        assert found[0].__fields__ == list(tables.USER_STATES.names)
        assert sorted((r["user_id"], r["events"]) for r in found) == sorted(known.items())
        newest = chain.newest(str(tmp_path), tables.USER_STATES, {"bundle": "b"})
        assert newest is not None
        chains.append(len(newest.facts["chain"]))
        assert newest.rows_out == (len(moved) if chains[-1] else len(known))
    assert chains == [0, 1, 2, 0, 1]  # then all are written anew
    assert chain.newest(str(tmp_path), tables.USER_STATES, {"bundle": "another"}) is None
    now = versions.current(str(tmp_path), tables.USER_STATES)
    for major in (now.major - 1, now.major + 1):  # of an earlier lstmrec, or a later one
        versions.seal(str(tmp_path), replace(now, version=f"of-{major}", major=major))
        assert chain.newest(str(tmp_path), tables.USER_STATES, {"bundle": "b"}) is None


def test_what_lists_and_bits_depend_on_begins_a_chain(spark: Any, tmp_path: Path) -> None:
    states(spark, tmp_path, 0, 2).extend(
        spark.createDataFrame(rows({"u": 1}), tables.USER_STATES.ddl), bundles.VERSION, {}, []
    )
    assert states(spark, tmp_path, 1, 5).before() is not None
    for more in ({"k": 11}, {"margin": 9}, {"batch": 128}):
        assert states(spark, tmp_path, 1, 5, **more).before() is None, more
    assert states(spark, tmp_path, 1, 5, types=("buy", "view")).before() is None
    assert states(spark, tmp_path, 0, 5).before() is None  # carry begins anew
