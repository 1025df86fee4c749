from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import floor
from typing import Any

import pytest

from lstmrec.config.recommenders import Markov
from lstmrec.recommenders import markov
from tests.recommenders import logs

USERS = [f"u{i}" for i in range(12)] + ["stranger"]


@pytest.mark.parametrize(("shrink", "neighbours", "hide"), [(5.0, 200, False), (0.0, 2, True)])
def test_equals_plain_loops(spark: Any, shrink: float, neighbours: int, hide: bool) -> None:
    rows = logs.log(5)
    tie, events = logs.hashes(spark, rows), logs.by_user(rows)
    steps: Counter[tuple[str, str]] = Counter()
    for mine in logs.by_user([r for r in rows if r[4] == "train"]).values():
        steps.update((a[1], b[1]) for a, b in pairwise(mine))
    every: Counter[str] = Counter()
    for (a, _), n in steps.items():
        every[a] += n

    def own(u: str) -> list[str]:
        if u not in events:
            return []
        last = events[u][-1][1]
        weight = {b: floor(n / (every[a] + shrink) * 2**20 + 0.5) for (a, b), n in steps.items() if a == last}
        return sorted(weight, key=lambda i: (-weight[i], tie[i], i))[:neighbours]

    got = logs.run(
        spark, markov, Markov(kind="markov", shrink=shrink, neighbours=neighbours), rows, USERS, None, 5, hide
    )
    assert logs.names(got) == logs.filled(USERS, rows, tie, own, 5, hide)
    assert sum(reason == "history" for _, reason in got.values()) > 5
