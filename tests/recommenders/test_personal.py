from __future__ import annotations

from collections import Counter, defaultdict
from math import floor
from typing import Any

import pytest

from lstmrec.config.recommenders import Personal
from lstmrec.recommenders import personal
from tests.recommenders import logs

USERS = [f"u{i}" for i in range(12)] + ["stranger"]


@pytest.mark.parametrize(("life", "hide"), [(None, False), (None, True), (2.5, False)])
def test_equals_a_plain_sum(spark: Any, life: float | None, hide: bool) -> None:
    rows = logs.log(2)
    tie, cut = logs.hashes(spark, rows), max(r[2] for r in rows) + logs.DAY  # type: ignore[type-var, operator]
    weight: dict[str, Counter[str]] = defaultdict(Counter)
    count: dict[str, Counter[str]] = defaultdict(Counter)
    for u, item, time, *_ in rows:
        assert time is not None
        one = 1.0 if life is None else 2.0 ** (-(cut - time) / (life * logs.DAY))
        weight[u][item] += floor(one * 2**20 + 0.5)
        count[u][item] += 1

    def own(u: str) -> list[str]:
        return sorted(weight[u], key=lambda i: (-weight[u][i], -count[u][i], tie[i], i))

    entry = Personal(kind="personal", half_life_days=life)
    got = logs.run(spark, personal, entry, rows, USERS, cut, 4, hide)
    assert logs.names(got) == logs.filled(USERS, rows, tie, own, 4, hide)
    for u, (items, reason) in got.items():
        for i, score in items if reason == "history" else []:
            assert score == pytest.approx(weight[u][i] / 2**20) if i in weight[u] else score < 0
