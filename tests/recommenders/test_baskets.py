from __future__ import annotations

from typing import Any

from lstmrec.recommenders import baskets
from tests.recommenders import logs


def of(rows: list[logs.Event]) -> dict[str, list[set[str]]]:
    """user -> baskets, newest first, by plain loops."""
    out = {}
    for user, mine in logs.by_user(rows).items():
        found: dict[Any, set[str]] = {}
        for r in mine:
            found.setdefault(r[2] if r[2] is not None else r[3], set()).add(r[1])
        out[user] = [found[when] for when in sorted(found, reverse=True)]
    return out


def test_a_basket_is_an_instant(spark: Any) -> None:
    for clock in (True, False):
        rows = logs.log(7, clock=clock)
        found = baskets.placed(spark.createDataFrame(rows, logs.DDL).repartition(3)).collect()
        want = {(u, i, back, len(mine)) for u, mine in of(rows).items() for back, b in enumerate(mine) for i in b}
        assert len(found) == len(want) and {tuple(r) for r in found} == want
        assert any(len(b) > 1 for mine in of(rows).values() for b in mine)


def test_peers_are_whole_users(spark: Any) -> None:
    weights = spark.createDataFrame([(f"u{u}", f"i{i}", u) for u in range(9) for i in range(3)],
                                    "user_id string, item_id string, weight bigint")  # fmt: skip
    tie = {r[0]: r[1] for r in weights.selectExpr("user_id", "xxhash64(user_id)").collect()}
    got = baskets.peers(weights, 4).collect()
    assert len(got) == 12 and {r["user_id"] for r in got} == set(sorted(tie, key=lambda u: tie[u])[:4])
