from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from lstmrec.config.recommenders import Ease
from lstmrec.recommenders import ease
from tests.recommenders import logs

KEEP = {"keep": lambda frame, name: frame}
USERS = [f"u{i}" for i in range(12)] + ["stranger"]


@pytest.mark.parametrize(
    ("l2", "most_items", "most", "neighbours", "hide"),
    [(2.0, 100, 500, None, False), (0.5, 7, 4, None, True), (1.0, 100, 500, 3, True)],
)
def test_equals_the_closed_form(
    spark: Any, l2: float, most_items: int, most: int, neighbours: int | None, hide: bool
) -> None:
    rows = logs.log(5)
    tie, events = logs.hashes(spark, rows), logs.by_user(rows)
    train = logs.by_user([r for r in rows if r[4] == "train"])
    baskets = [list(dict.fromkeys(r[1] for r in reversed(mine)))[:most] for mine in train.values()]
    users = Counter(i for b in baskets for i in b)
    chosen = sorted(users, key=lambda i: (-users[i], tie[i], i))[:most_items]
    x = np.array([[float(i in b) for i in chosen] for b in baskets])
    p = np.linalg.inv(x.T @ x + l2 * np.eye(len(chosen)))
    weights = np.floor((np.eye(len(chosen)) - p / np.diag(p)) * 2**20 + 0.5)
    np.fill_diagonal(weights, 0)
    for row in weights if neighbours else []:
        order = sorted(range(len(chosen)), key=lambda j: (-abs(row[j]), tie[chosen[j]], chosen[j]))
        row[order[neighbours:]] = 0

    def own(u: str) -> list[str]:
        had = np.array([float(any(r[1] == i for r in events.get(u, []))) for i in chosen])
        votes = dict(zip(chosen, had @ weights, strict=True))
        return sorted((i for i in chosen if votes[i] > 0), key=lambda i: (-votes[i], tie[i], i))

    entry = Ease(kind="ease", l2=l2, max_items=most_items, max_user_items=most, neighbours=neighbours)
    got = logs.run(spark, ease, entry, rows, USERS, None, 5, hide, KEEP)
    assert logs.names(got) == logs.filled(USERS, rows, tie, own, 5, hide)
    assert sum(reason == "history" for _, reason in got.values()) > 5


def test_scores_are_sums_of_weights(spark: Any) -> None:
    rows = [("u0", "a", 0, None, "train", 0), ("u0", "b", 1, None, "train", 1), ("u1", "a", 0, None, "train", 0),
            ("u2", "a", 5, None, "test", 0)]  # fmt: skip
    got = logs.run(spark, ease, Ease(kind="ease", l2=1.0), rows, ["u2"], None, 1, True, KEEP)
    # X'X + I = [[3, 1], [1, 2]], its inverse [[2, -1], [-1, 3]] / 5: having a says 1/3 for b.
    assert got == {"u2": ([("b", pytest.approx(1 / 3, abs=2**-20))], "history")}
