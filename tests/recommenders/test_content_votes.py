from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from lstmrec.recommenders import content_votes
from lstmrec.recommenders.ranker import Rows
from tests.recommenders.test_user_knn import rows

ONE = 1 << 20
NOBODY = rows(np.zeros((0, 1), int))


@pytest.mark.parametrize("seed", range(4))
def test_cosines_of_dense_arithmetic(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(12, 7)) * (rng.random((12, 7)) < 0.5)
    dense = np.floor(dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9) * ONE + 0.5).astype(int)
    mine, share = np.array([1, 4, 5], np.int32), np.array([ONE, ONE // 2, ONE // 8], np.int32)
    user = share.astype(float) @ dense[mine]
    want = dense / ONE @ (user / np.linalg.norm(user))
    got = content_votes.scorer(rows(dense), NOBODY)(mine, share, -1)
    np.testing.assert_allclose(got / ONE**2, want, atol=1e-5)
    assert len(got) == 12 and np.abs(want).max() > 0.5


def test_nothing_known_says_nothing() -> None:
    votes = content_votes.scorer(rows([[0, 0], [ONE, 0]]), NOBODY)
    assert votes(np.array([0], np.int32), np.array([ONE], np.int32), -1).tolist() == [0, 0]


def test_shares_of_groups_add_up() -> None:
    none = np.zeros(0, np.int32)
    every = Rows(np.array([0, 0, 0]), none, np.array([0, 1, 2]), np.array([7, 5], np.int32))
    groups = Rows(np.array([0, 1, 1]), np.array([1], np.int32), np.array([0, 2, 3]), np.array([3, 9, 4], np.int32))
    votes = content_votes.shares(every, groups)
    assert votes(np.array([0, 1], np.int32), none, -1).tolist() == [7 * 7, 5 * 7 + 9 * ONE]
    assert votes(np.array([1], np.int32), none, -1).tolist() == [28, 20]


def test_no_pyspark_on_the_executor() -> None:
    code = "import lstmrec.recommenders.content_votes, sys; assert 'pyspark' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
