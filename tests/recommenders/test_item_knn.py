from __future__ import annotations

from collections import Counter
from math import floor, sqrt
from typing import Any

import pytest

from lstmrec.config.recommenders import ItemKnn
from lstmrec.recommenders import item_knn
from tests.recommenders import logs

USERS = [f"u{i}" for i in range(12)] + ["stranger"]
CASES = [(100, 50, 500, 10.0, 1.0, False), (2, 2, 3, 0.0, 0.5, False), (5, 50, 6, 1.5, 0.8, True)]


@pytest.mark.parametrize(("neighbours", "recent", "most", "shrink", "decay", "hide"), CASES)
def test_equals_plain_loops(
    spark: Any, neighbours: int, recent: int, most: int, shrink: float, decay: float, hide: bool
) -> None:
    rows = logs.log(5)
    tie = logs.hashes(spark, rows)
    baskets = [newest(mine)[:most] for mine in logs.by_user([r for r in rows if r[4] == "train"]).values()]
    users = Counter(i for b in baskets for i in b)
    co = Counter((a, b) for basket in baskets for a in basket for b in basket if a != b)
    order = {i: place for place, i in enumerate(sorted(users, key=lambda i: (-users[i], tie[i], i)))}
    near: dict[str, list[tuple[int, str]]] = {}
    for a in users:
        weights = [
            (floor(n / (sqrt(users[a] * users[b]) + shrink) * 2**20 + 0.5), b) for (x, b), n in co.items() if x == a
        ]
        near[a] = sorted(weights, key=lambda w: (-w[0], order[w[1]]))[:neighbours]
    events = logs.by_user(rows)

    def own(u: str) -> list[str]:
        votes: Counter[str] = Counter()
        for back, a in enumerate(newest(events.get(u, []))[:recent]):
            for w, b in near.get(a, []):
                votes[b] += floor(w * decay**back + 0.5)
        return sorted(votes, key=lambda i: (-votes[i], tie[i], i))

    entry = ItemKnn(
        kind="item_knn", neighbours=neighbours, recent=recent, max_user_items=most, shrink=shrink, decay=decay
    )
    got = logs.run(spark, item_knn, entry, rows, USERS, None, 5, hide)
    assert logs.names(got) == logs.filled(USERS, rows, tie, own, 5, hide)
    assert any(reason == "history" for _, reason in got.values())


def newest(mine: list[logs.Event]) -> list[str]:
    """Distinct items, the one met last first."""
    return list(dict.fromkeys(r[1] for r in reversed(mine)))
