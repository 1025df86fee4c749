from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lstmrec.recommenders import user_knn
from lstmrec.recommenders.ranker import Rows

ONE = 1 << 20


def rows(dense: Any) -> Rows:
    some = [{"keys": np.flatnonzero(r).tolist(), "weights": r[np.flatnonzero(r)].tolist()} for r in np.asarray(dense)]
    schema = pa.schema([("keys", pa.list_(pa.int32())), ("weights", pa.list_(pa.int32()))])
    return Rows.of_batches([pa.RecordBatch.from_pylist(some, schema)])


@pytest.mark.parametrize("seed", range(5))
def test_equal_dense_arithmetic(seed: int) -> None:
    rng = np.random.default_rng(seed)
    peers = rng.integers(1, ONE, (20, 9)) * (rng.random((20, 9)) < 0.3)
    peers[:, 0] += 1  # nobody is empty
    items, all_ = rows(np.zeros((9, 0))), rows(peers)
    up, tifu = user_knn.up_cf(items, all_, 4, 0.3, 2.0), user_knn.tifu(items, all_, 4, 0.7)
    for own in (-1, 3):
        user = peers[3] if own == 3 else peers[5] // 2
        keys, weights = np.flatnonzero(user).astype(np.int32), user[user > 0].astype(np.int32)
        others = [p for p in range(20) if p != own]
        x, y = (user**2).sum(), (peers**2).sum(1)
        similar = peers @ user / (float(x) ** 0.3 * y.astype(float) ** 0.7)
        near = sorted(others, key=lambda p: -similar[p])[:4]
        want = user / ONE + sum(similar[p] ** 2 * peers[p] / ONE for p in near)
        np.testing.assert_allclose(up(keys, weights, own) / ONE**2, want, atol=1e-4)
        near = sorted(others, key=lambda p: (int(((peers[p] - user) ** 2).sum()), p))[:4]
        want = 0.7 * user / ONE + 0.3 * peers[near].mean(0) / ONE
        np.testing.assert_allclose(tifu(keys, weights, own) / ONE**2, want, atol=1e-5)


def test_without_neighbours_the_own_items_are_left() -> None:
    keys, weights = np.array([1, 2], np.int32), np.array([ONE, 5], np.int32)
    for votes in (user_knn.up_cf(rows(np.zeros((3, 0))), rows(np.zeros((0, 3), int)), 4, 0.3, 2.0),
                  user_knn.tifu(rows(np.zeros((3, 0))), rows(np.zeros((0, 3), int)), 4, 1.0)):  # fmt: skip
        assert votes(keys, weights, -1).tolist() == [0, ONE * ONE, 5 * ONE]


def test_no_pyspark_on_the_executor() -> None:
    code = "import lstmrec.recommenders.user_knn, sys; assert 'pyspark' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
