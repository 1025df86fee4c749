from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lstmrec.recommenders import ease_solve
from lstmrec.recommenders.ranker import Rows

ROWS = pa.schema([("part", pa.int32()), ("mine", pa.list_(pa.int32())), ("basket", pa.list_(pa.int32()))])


def counted(rows: list[dict[str, Any]], batch: int = 2) -> dict[int, list[int]]:
    table = pa.Table.from_pylist(rows, ROWS)
    found = ease_solve.gram(iter(table.to_batches(max_chunksize=batch)))
    return {r["id"]: r["counts"] for b in found for r in b.to_pylist()}


def test_counts_users_together(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"part": 0, "mine": [0, 2], "basket": [0, 1, 2]}, {"part": 0, "mine": [2], "basket": [2, 3]}]
    assert counted(rows) == {0: [1, 1, 1], 2: [1, 1, 2, 1]}
    monkeypatch.setattr(ease_solve, "_FLUSH", 1)
    assert counted(rows, 1) == {0: [1, 1, 1], 2: [1, 1, 2, 1]}


def test_the_closed_form_solves_the_constrained_regression() -> None:
    """B minimises ||X - XB||^2 + l2 ||B||^2 with a zero diagonal: column j is a ridge regression on the others."""
    x = np.random.default_rng(3).integers(0, 2, (30, 6)).astype(float)
    got = ease_solve.closed_form([row.astype(np.int32) for row in x.T @ x], 1.5)
    for j in range(6):
        rest = [i for i in range(6) if i != j]
        ridge = np.linalg.solve(x[:, rest].T @ x[:, rest] + 1.5 * np.eye(5), x[:, rest].T @ x[:, j])
        np.testing.assert_allclose(got[rest, j], ridge, atol=1e-12)
        assert got[j, j] == 0


def test_kept_neighbours_and_all_of_them_vote_alike() -> None:
    counts = np.array([[3, 2, 1], [2, 4, 1], [1, 1, 2]], np.int32)
    batch = pa.RecordBatch.from_pydict({"id": [0, 1, 2], "counts": counts.tolist()})
    every, most = (list(ease_solve.solved(iter([batch]), 1.0, n, 1 << 20)) for n in (None, 3))
    dense, sparse = (ease_solve.scorer(Rows.of_batches(x), Rows.of_batches([])) for x in (every, most))
    none = np.zeros(0, np.int32)
    for keys in ([0], [0, 2], []):
        mine = np.array(keys, np.int32)
        assert dense(mine, none, -1).tolist() == sparse(mine, none, -1).tolist()
    one = next(ease_solve.solved(iter([batch]), 1.0, 1, 1 << 20)).to_pylist()
    assert [len(r["keys"]) for r in one] == [1, 1, 1] and all(r["id"] not in r["keys"] for r in one)
