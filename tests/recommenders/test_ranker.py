from __future__ import annotations

import random
import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lstmrec.recommenders import ranker

_ROW = {"everybody": True, "segments": None, "user_id": None, "segment": None, "seen": None, "item_id": None}
SCHEMA = pa.schema([
    ("part", pa.int32()), ("kind", pa.int32()), ("id", pa.int32()), ("item_id", pa.string()),
    ("everybody", pa.bool_()), ("segments", pa.list_(pa.string())), ("user_id", pa.string()),
    ("segment", pa.string()), ("seen", pa.list_(pa.int32())), ("keys", pa.list_(pa.int32())),
    ("weights", pa.list_(pa.int32())),
])  # fmt: skip


def weighed(items: ranker.Rows, peers: ranker.Rows) -> ranker.Score:
    """Item i: the user's first weight times its own, plus the weights of all peers and the user's number."""
    more = int(peers.weights.sum())
    return lambda keys, weights, own: items.weights.astype(np.int64) * int(weights[0]) + more + own


def world(rng: random.Random, parts: int = 3) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for part in range(parts):
        n = rng.choice([1, 4, 9])
        for i in range(n):
            whom = {"segments": rng.choice([None, [], ["a"], ["a", "b"]]), "everybody": rng.random() < 0.6}
            rows.append(_ROW | whom | {"part": part, "kind": 0, "id": i, "item_id": f"{part}.{i}",
                                       "weights": [rng.choice([-2, 0, 1, 1, 5])]})  # fmt: skip
        for i in range(rng.choice([0, 2])):
            rows.append(_ROW | {"part": part, "kind": 1, "id": i, "keys": None, "weights": [rng.choice([0, 1])]})
        for u in range(5):
            seen = rng.choice([None, rng.sample(range(n), rng.randrange(n + 1))])
            rows.append(_ROW | {"part": part, "kind": 2, "user_id": f"u{part}.{u}", "weights": [rng.choice([1, 3])],
                                "id": rng.choice([None, 0, 2]), "seen": seen,
                                "segment": rng.choice([None, "a", "b", "c"])})  # fmt: skip
    return rows


def oracle(rows: list[dict[str, Any]], k: int | None) -> dict[str, list[tuple[str, float]]]:
    out = {}
    for user in (r for r in rows if r["kind"] == 2):
        more = sum(r["weights"][0] for r in rows if r["kind"] == 1 and r["part"] == user["part"])
        votes = []
        for item in (r for r in rows if r["kind"] == 0 and r["part"] == user["part"]):
            vote = item["weights"][0] * user["weights"][0] + more + (-1 if user["id"] is None else user["id"])
            may = item["everybody"] or user["segment"] in (item["segments"] or [])
            if vote > 0 and may and item["id"] not in (user["seen"] or []):
                votes.append((-vote, item["id"], item["item_id"]))
        out[user["user_id"]] = [(name, -vote / 2) for vote, _, name in sorted(votes)][:k]
    return out


@pytest.mark.parametrize("k", [1, 3, None])
@pytest.mark.parametrize("batch", [1, 4, 1000])
def test_equals_plain_loops_however_batches_fall(k: int | None, batch: int) -> None:
    rows = world(random.Random(batch))
    table = pa.Table.from_pylist(rows, SCHEMA)
    found = partial(ranker.best, scorer=weighed, k=k, unit=2.0)(iter(table.to_batches(max_chunksize=batch)))
    got = {r["user_id"]: [(x["item_id"], x["score"]) for x in r["own"]] for b in found for r in b.to_pylist()}
    assert got == oracle(rows, k)
    assert any(got.values())


def test_ties_go_to_the_lower_place() -> None:
    assert ranker.first(np.array([0, 3, 7, 3, -1, 3]), 3).tolist() == [2, 1, 3]
    assert ranker.first(np.array([0, -1]), 3).tolist() == []


def test_no_pyspark_on_the_executor() -> None:
    code = ("import lstmrec.recommenders.ranker, lstmrec.recommenders.ease_solve, sys; "
            "assert 'pyspark' not in sys.modules")  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True)
