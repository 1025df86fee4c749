"""Votes added up in Python, against the plain form: a row a vote, added up by Spark."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lstmrec.recommenders import lists, vote_sums, votes
from tests.recommenders import logs


@pytest.mark.parametrize(("seen", "decay", "k"), [("none", 0.7, 4), ("history", 1.0, 30), ("history", 0.83, 3)])
def test_the_plain_form_gives_the_same(spark: Any, seen: str, decay: float, k: int) -> None:
    rng, rows = random.Random(k), logs.log(9, users=30)
    history = spark.createDataFrame(rows, logs.DDL).repartition(3)
    near = [(f"i{a}", f"i{b}", rng.randrange(1 << rng.choice([1, 20, 40]))) for a in range(12) for b in range(14)
            if rng.random() < 0.6]  # fmt: skip
    rules = spark.createDataFrame(near, "item string, item_id string, weight bigint").repartition(2)
    last = [(u, r[1], back) for u, mine in logs.by_user(rows).items() for back, r in enumerate(mine[::-1][:6])]
    asked = spark.createDataFrame(last, "user_id string, item string, back int"), rules, decay, history, k
    shown = lists.Shown(seen)
    got, want = ({r["user_id"]: r["own"] for r in f(*asked, shown).collect()} for f in (votes.best, lists.best_votes))
    assert got == want and len(got) > 25


def test_users_go_on_from_batch_to_batch() -> None:
    rows = [("a", None, [7], None), ("a", 0.5, [3, 7], [5, 90]), ("a", 1.0, [3, 9], [2, 5]), ("b", None, [1], None),
            ("c", 1.0, [4], [0]), ("d", 1.0, [2, 5, 1], [6, 6, 1])]  # fmt: skip
    kinds = [pa.string(), pa.float64(), pa.list_(pa.int32()), pa.list_(pa.int64())]
    names = ["user_id", "factor", "keys", "weights"]
    for size in (1, 2, 6):
        batches = [pa.record_batch([pa.array(c, t) for c, t in zip(zip(*rows[i : i + size], strict=True), kinds,
                                                                   strict=True)], names=names)
                   for i in range(0, len(rows), size)]  # fmt: skip
        found = [tuple(r.values()) for b in vote_sums.best(iter(batches), 2) for r in b.to_pylist()]
        assert found == [("a", 3, 5), ("a", 9, 5), ("d", 2, 6), ("d", 5, 6)]  # 5 / 2 rounds to 3; c has no vote above 0
    assert list(vote_sums.best(iter([]), 2)) == []
    assert vote_sums._summed([(np.array([1]), None)], 3)[0].size == 0
