from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from lstmrec.recommenders import session_votes
from tests.recommenders.test_user_knn import rows


@pytest.mark.parametrize("seed", range(5))
def test_equals_plain_loops(seed: int) -> None:
    rng = random.Random(seed)
    sessions = [set(rng.sample(range(8), rng.randrange(2, 5))) for _ in range(25)]
    mine = dict(zip(rng.sample(range(8), 3), (9, 6, 3), strict=True))
    votes = session_votes.scorer(
        rows(np.zeros((8, 0))), rows([[int(i in s) for i in range(8)] for s in sessions]), 10, 4
    )
    for own in (-1, 2):
        met = [s for s in range(25) if s != own and sessions[s] & set(mine)][:10]
        like = {s: sum(w for i, w in mine.items() if i in sessions[s]) for s in met}
        want: Counter[int] = Counter()
        for s in sorted(met, key=lambda s: (-like[s], s))[:4]:
            for i in sessions[s]:
                want[i] += like[s] * max(w for j, w in mine.items() if j in sessions[s])
        got = votes(np.array([*mine], np.int32), np.array([*mine.values()], np.int32), own)
        assert got.tolist() == [want[i] for i in range(8)]


def test_no_pyspark_on_the_executor() -> None:
    code = "import lstmrec.recommenders.session_votes, sys; assert 'pyspark' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
