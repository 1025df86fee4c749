from __future__ import annotations

from collections import Counter
from math import floor
from typing import Any

import pytest

from lstmrec.config.recommenders import UpCf
from lstmrec.recommenders import up_cf
from tests.recommenders import logs
from tests.recommenders.test_baskets import of

USERS = [f"u{i}" for i in range(12)] + ["stranger"]
ONE = 1 << 20


def shares(rows: list[logs.Event], last: int) -> dict[str, Counter[str]]:
    out = {}
    for user, mine in of(rows).items():
        share = floor(ONE / min(last, len(mine)) + 0.5)
        out[user] = Counter({i: n * share for i, n in Counter(i for b in mine[:last] for i in b).items()})
    return out


@pytest.mark.parametrize(("last", "neighbours", "hide", "clock"), [(25, 300, False, True), (3, 2, True, False)])
def test_equals_plain_loops(spark: Any, last: int, neighbours: int, hide: bool, clock: bool) -> None:
    rows = logs.log(5, clock=clock)
    tie, mine = logs.hashes(spark, rows), shares(rows, last)
    peers = shares([r for r in rows if r[4] == "train"], last)
    number = dict(spark.createDataFrame([(u,) for u in peers], "u string").selectExpr("u", "xxhash64(u)").collect())

    def own(u: str) -> list[str]:
        votes: Counter[str] = Counter({i: w * ONE for i, w in mine.get(u, Counter()).items()})
        square, near = sum(w * w for w in mine.get(u, Counter()).values()), []
        for v, theirs in peers.items():
            dot = sum(w * theirs[i] for i, w in mine.get(u, Counter()).items())
            norm = float(square) ** 0.25 * float(sum(w * w for w in theirs.values())) ** 0.75
            if v != u and dot:
                near.append((-floor(dot / norm * ONE + 0.5), number[v], v))
        for similar, _, v in sorted(near)[:neighbours]:
            for i, w in peers[v].items():
                votes[i] += w * int((-similar / ONE) ** 2.0 * ONE + 0.5)
        return sorted((i for i in votes if votes[i]), key=lambda i: (-votes[i], tie[i], i))

    entry = UpCf(kind="up_cf", baskets=last, neighbours=neighbours, locality=2.0)
    got = logs.run(spark, up_cf, entry, rows, USERS, None, 6, hide)
    assert logs.names(got) == logs.filled(USERS, rows, tie, own, 6, hide)
    assert sum(reason == "history" for _, reason in got.values()) > 5
