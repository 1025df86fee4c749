from __future__ import annotations

from collections import Counter, defaultdict
from math import floor
from typing import Any

import pytest

from lstmrec.config.recommenders import Rules
from lstmrec.recommenders import rules
from tests.recommenders import logs

USERS = [f"u{i}" for i in range(12)] + ["stranger"]


@pytest.mark.parametrize(
    ("steps", "decay", "neighbours", "hide"), [(3, 0.7, 4, True), (10, 1.0, 100, False), (1, 0.5, 1, False)]
)
def test_equals_plain_loops(spark: Any, steps: int, decay: float, neighbours: int, hide: bool) -> None:
    rows = logs.log(4)
    tie, weight = logs.hashes(spark, rows), defaultdict(Counter)
    for mine in logs.by_user([r for r in rows if r[4] == "train"]).values():
        for i, a in enumerate(mine):
            for s in range(1, steps + 1):
                if i + s < len(mine):
                    weight[a[1]][mine[i + s][1]] += round(2**20 / s)
    kept = {a: sorted(w.items(), key=lambda x: (-x[1], tie[x[0]], x[0]))[:neighbours] for a, w in weight.items()}
    events = logs.by_user(rows)

    def own(u: str) -> list[str]:
        votes: Counter[str] = Counter()
        for back, r in enumerate(reversed(events.get(u, []))):
            for b, w in kept.get(r[1], []):
                votes[b] += floor(w * decay**back + 0.5)
        return sorted(votes, key=lambda i: (-votes[i], tie[i], i))

    entry = Rules(kind="rules", steps=steps, decay=decay, neighbours=neighbours)
    got = logs.run(spark, rules, entry, rows, USERS, None, 5, hide)
    assert logs.names(got) == logs.filled(USERS, rows, tie, own, 5, hide)
    assert any(reason == "history" for _, reason in got.values())
