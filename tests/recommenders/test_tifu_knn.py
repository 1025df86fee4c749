from __future__ import annotations

from collections import Counter
from math import floor
from typing import Any

import pytest

from lstmrec.config.recommenders import TifuKnn
from lstmrec.recommenders import tifu_knn
from tests.recommenders import logs
from tests.recommenders.test_baskets import of

USERS = [f"u{i}" for i in range(12)] + ["stranger"]
ONE = 1 << 20


def frequencies(rows: list[logs.Event], group: int) -> dict[str, Counter[str]]:
    """user -> item -> weight: groups of baskets from the newest, each a mean, and the mean of those."""
    out = {}
    for user, mine in of(rows).items():
        groups = [mine[start : start + group] for start in range(0, len(mine), group)]
        out[user] = Counter[str]()
        for back, some in enumerate(groups):
            for step, basket in enumerate(some):
                for i in basket:
                    out[user][i] += floor(0.9**step / len(some) * 0.7**back / len(groups) * ONE + 0.5)
    return out


@pytest.mark.parametrize(("group", "neighbours", "hide"), [(7, 300, False), (2, 3, True)])
def test_equals_plain_loops(spark: Any, group: int, neighbours: int, hide: bool) -> None:
    rows = logs.log(5)
    tie, mine = logs.hashes(spark, rows), frequencies(rows, group)
    peers = frequencies([r for r in rows if r[4] == "train"], group)
    number = dict(spark.createDataFrame([(u,) for u in peers], "u string").selectExpr("u", "xxhash64(u)").collect())

    def own(u: str) -> list[str]:
        if u not in mine:
            return []
        votes = Counter({i: w * round(0.7 * ONE) for i, w in mine[u].items()})
        far = {v: sum((mine[u][i] - p[i]) ** 2 for i in tie) for v, p in peers.items() if v != u}
        near = sorted(far, key=lambda v: (far[v], number[v]))[:neighbours]
        for v in near:
            for i, w in peers[v].items():
                votes[i] += w * round((1 - 0.7) / len(near) * ONE)
        return sorted((i for i in votes if votes[i]), key=lambda i: (-votes[i], tie[i], i))

    entry = TifuKnn(kind="tifu_knn", group=group, neighbours=neighbours)
    got = logs.run(spark, tifu_knn, entry, rows, USERS, None, 6, hide)
    assert logs.names(got) == logs.filled(USERS, rows, tie, own, 6, hide)
    assert sum(reason == "history" for _, reason in got.values()) > 5
