from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from lstmrec.recommenders import als_solve
from lstmrec.recommenders.ranker import Rows

RNG = np.random.default_rng(3)
FACTORS = RNG.normal(size=(30, 8)) / 3
USERS = [(np.sort(RNG.choice(30, n, replace=False)), RNG.integers(1, 9, n)) for n in (1, 2, 5, 17, 30)]


def dense(keys: np.ndarray, counts: np.ndarray, reg: float, alpha: float) -> np.ndarray:
    """The minimum by its normal equations over all items, nothing left out (Hu et al. 2008, equation 4)."""
    p, c = np.zeros(30), np.ones(30)
    p[keys], c[keys] = 1, 1 + alpha * counts
    return np.linalg.solve(FACTORS.T @ np.diag(c) @ FACTORS + reg * len(keys) * np.eye(8), FACTORS.T @ (c * p))


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("reg", "alpha"), [(0.05, 10.0), (2.0, 0.5)])
def test_a_user_is_folded_in_by_exact_least_squares(user: tuple[np.ndarray, np.ndarray], reg: float, alpha: float
                                                    ) -> None:  # fmt: skip
    got = als_solve.folded(FACTORS, FACTORS.T @ FACTORS, *user, reg, alpha)
    assert got == pytest.approx(dense(*user, reg, alpha), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("user", USERS)
def test_a_user_is_folded_in_as_implicit_does(user: tuple[np.ndarray, np.ndarray]) -> None:
    """`implicit` shrinks all vectors alike: with the user's own share of it the solution is the same."""
    sparse, als = pytest.importorskip("scipy.sparse"), pytest.importorskip("implicit.cpu.als")
    keys, counts = user
    model = als.AlternatingLeastSquares(factors=8, regularization=0.1 * len(keys), use_cg=False, dtype=np.float64)
    model.item_factors = FACTORS
    row = sparse.csr_matrix((1 + 3.0 * counts, (np.zeros(len(keys), int), keys)), shape=(1, 30))
    theirs = model.recalculate_user([0], row)[0]
    assert als_solve.folded(FACTORS, FACTORS.T @ FACTORS, *user, 0.1, 3.0) == pytest.approx(theirs, rel=1e-6, abs=1e-8)


def test_votes_are_whole_numbers_and_none_of_an_empty_catalogue() -> None:
    whole = np.floor(FACTORS * 2**20 + 0.5).astype(np.int32)
    none = np.zeros(0, np.int32)
    rows = Rows(np.zeros(31, np.int64), none, np.arange(31) * 8, whole.ravel())
    empty = Rows(np.zeros(1, np.int64), none, np.zeros(1, np.int64), none)
    for keys, counts in USERS:
        votes = als_solve.scorer(rows, empty, 0.05, 10.0)(keys, counts, -1)
        assert votes.dtype == np.int64
        assert votes / 2.0**40 == pytest.approx(FACTORS @ dense(keys, counts, 0.05, 10.0), abs=1e-4)
    assert len(als_solve.scorer(empty, empty, 1.0, 1.0)(none, none, -1)) == 0


def test_it_loads_no_spark() -> None:
    code = "import lstmrec.recommenders.als_solve, sys; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
