"""Made lists against plain Python over pairs."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from lstmrec.contracts import tables
from lstmrec.frames import diversity

S = 0.5**0.5
#: item -> tags (1: unknown), vectors of widths 2 and 1 with their flags
ITEMS = {
    "a": ([2, 3], [1.0, 1.0, 0.0, 1.0, 1.0]), "b": ([3, 4], [1.0, S, S, 0.0, 0.0]), "c": ([1], [0.0] * 5),
    "d": ([2, 3], [1.0, 0.0, 1.0, 1.0, -1.0]), "e": ([], None),
}  # fmt: skip
LISTS = {("model", "a"): ["a", "b", "d", "c"], ("model", "b"): ["c", "e", "z"], ("pop", "a"): ["a", "d"]}


def unlike(one: str, two: str, metric: str) -> float | None:
    if metric == "diversity":
        left, right = ({t for t in ITEMS[i][0] if t > 1} for i in (one, two))
        return 1 - len(left & right) / len(left | right) if left and right else None
    found = []
    for flag, part in ((0, slice(1, 3)), (3, slice(4, 5))):
        left, right = (ITEMS[i][1] or [0.0] * 5 for i in (one, two))
        if left[flag] and right[flag]:
            found.append(sum(x * y for x, y in zip(left[part], right[part], strict=True)))
    return 1 - sum(found) / len(found) if found else None


def test_figures_are_means_over_lists_of_means_over_pairs(spark):
    rows = [(name, "test", user, [(i, float(9 - n), n + 1) for n, i in enumerate(items)], "history", None, 1, "m", 0,
             None, None) for (name, user), items in LISTS.items()]  # fmt: skip
    recommendations = spark.createDataFrame(rows, tables.RECOMMENDATIONS.ddl)
    catalogue = spark.createDataFrame([(i, *x) for i, x in ITEMS.items()],
                                      "item_id string, tags array<int>, vectors array<float>")  # fmt: skip
    chosen = spark.createDataFrame([("test", "a"), ("test", "b")], "role string, user_id string")
    made = diversity.within(recommendations, chosen, catalogue, [2, 1], [2, 4])
    assert set(made.columns) | {"protocol"} == set(tables.METRICS.names)
    got = {(r["recommender"], r["metric"], r["k"]): (r["value"], r["users"]) for r in made.collect()}
    want: dict[Any, Any] = {}
    for name, metric, k in itertools.product(("model", "pop"), diversity.METRICS, (2, 4)):
        means = []
        for (of, _), items in LISTS.items():
            pairs = [unlike(x, y, metric) for x, y in itertools.combinations([i for i in items[:k] if i in ITEMS], 2)]
            known = [p for p in pairs if p is not None]
            means += [float(np.mean(known))] if of == name and known else []
        if means:
            want[name, metric, k] = (pytest.approx(np.mean(means), abs=1e-6), len(means))
    assert got == want and ("model", "diversity", 4) in want
    alone = diversity.within(recommendations, chosen.where("user_id = 'b'"), catalogue, [], [4]).collect()
    assert alone == []  # no pair of its items has tags


def test_the_sample_is_by_hash(spark):
    wanted = spark.createDataFrame([("test", f"u{i}") for i in range(50)] + [("validation", "v")],
                                   "role string, user_id string")  # fmt: skip
    got = [r["user_id"] for r in diversity.sample(wanted, "test", 5, 1).collect()]
    assert sorted(got) == sorted(r["user_id"] for r in diversity.sample(wanted.repartition(7), "test", 5, 1).collect())
    assert len(got) == 5 and got != [r["user_id"] for r in diversity.sample(wanted, "test", 5, 2).collect()]
    assert {r["role"] for r in diversity.sample(wanted, "validation", 5, 1).collect()} == {"validation"}
