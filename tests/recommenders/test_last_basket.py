from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from lstmrec.config.recommenders import LastBasket
from lstmrec.recommenders import last_basket
from tests.recommenders import logs

USERS = [f"u{i}" for i in range(12)] + ["stranger"]


@pytest.mark.parametrize(("clock", "hide"), [(True, False), (False, False), (True, True)])
def test_equals_a_plain_walk_back(spark: Any, clock: bool, hide: bool) -> None:
    rows = logs.log(3, clock=clock)
    tie, every = logs.hashes(spark, rows), Counter(r[1] for r in rows)
    events = logs.by_user(rows)

    def own(u: str) -> list[str]:
        mine = events.get(u, [])
        count = Counter(r[1] for r in mine)
        out: list[str] = []
        for when in sorted({(r[2], r[3]) for r in mine}, key=lambda w: w[0] if clock else w[1], reverse=True):
            basket = {r[1] for r in mine if (r[2], r[3]) == when} - set(out)
            out += sorted(basket, key=lambda i: (-count[i], -every[i], tie[i], i))
        return out

    got = logs.run(spark, last_basket, LastBasket(kind="last_basket"), rows, USERS, None, 5, hide)
    assert logs.names(got) == logs.filled(USERS, rows, tie, own, 5, hide)
