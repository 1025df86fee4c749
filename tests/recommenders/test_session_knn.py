from __future__ import annotations

from collections import Counter
from math import floor
from typing import Any

import pytest

from lstmrec.config.recommenders import SessionKnn
from lstmrec.recommenders import session_knn
from tests.recommenders import logs

USERS = [f"u{i}" for i in range(12)] + ["stranger"]
ONE = 1 << 20


def split(mine: list[logs.Event], gap: float | None) -> list[list[logs.Event]]:
    out: list[list[logs.Event]] = []
    for event in mine:
        if not out or (gap is not None and event[2] - out[-1][-1][2] > gap * logs.DAY / 24):  # type: ignore[operator]
            out.append([])
        out[-1].append(event)
    return out


@pytest.mark.parametrize(
    ("gap", "sample", "neighbours", "most", "hide", "clock"),
    [(24.0, 4, 3, 100, False, True), (None, 100, 100, 100, True, False), (24.0, 100, 100, 9, False, True)],
)
def test_equals_plain_loops(
    spark: Any, gap: float | None, sample: int, neighbours: int, most: int, hide: bool, clock: bool
) -> None:
    rows = logs.log(5, clock=clock)
    tie, events = logs.hashes(spark, rows), logs.by_user(rows)
    number = dict(spark.createDataFrame([(u,) for u in events], "u string").selectExpr("u", "xxhash64(u)").collect())
    peers = []
    for u, mine in logs.by_user([r for r in rows if r[4] == "train"]).items():
        for n, some in enumerate(split(mine, gap)):
            if len({r[1] for r in some}) > 1:
                newest = -max(r[2] for r in some) if clock else 0  # type: ignore[type-var, operator]
                peers.append((newest, number[u], u, -n, {r[1] for r in some}))
    peers = sorted(peers, key=lambda p: p[:4])[:most]

    def own(u: str) -> list[str]:
        if u not in events:
            return []
        parts = split(events[u], gap)
        last = list(dict.fromkeys(r[1] for r in reversed(parts[-1])))
        weight = {i: floor((len(last) - back) / len(last) * ONE + 0.5) for back, i in enumerate(last)}
        met = [p for p in peers if p[4] & set(last) and (p[2], -p[3]) != (u, len(parts) - 1)][:sample]
        like = [sum(w for i, w in weight.items() if i in p[4]) for p in met]
        votes: Counter[str] = Counter()
        for n in sorted(range(len(met)), key=lambda n: (-like[n], n))[:neighbours]:
            for i in met[n][4]:
                votes[i] += like[n] * max(w for j, w in weight.items() if j in met[n][4])
        return sorted(votes, key=lambda i: (-votes[i], tie[i], i))

    entry = SessionKnn(kind="session_knn", gap_hours=gap, sample=sample, neighbours=neighbours, max_sessions=most)
    got = logs.run(spark, session_knn, entry, rows, USERS, None, 6, hide)
    assert logs.names(got) == logs.filled(USERS, rows, tie, own, 6, hide)
    assert sum(reason == "history" for _, reason in got.values()) > 5
