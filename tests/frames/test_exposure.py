"""Made lists against plain Python over the whole catalogue."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lstmrec.contracts import tables
from lstmrec.frames import exposure

COUNTS = {"u": 0, "v": 1, "w": 1, "x": 8, "y": 30}
LISTS = {
    ("model", "test", "a"): ["x", "y", "z"], ("model", "test", "b"): ["x", "v"], ("model", "test", "c"): ["x", "u"],
    ("model", "validation", "a"): ["y"], ("pop", "test", "a"): ["y", "x"], ("pop", "test", "b"): ["y", "x"],
    ("none", "test", "a"): ["z"], ("pop", "serve", "a"): ["u"],
}  # fmt: skip


def lists(spark: Any) -> Any:
    rows = [(name, role, user, [(i, float(9 - n), n + 1) for n, i in enumerate(items)], "full_history", None, 1, "m", 0,
             None, None) for (name, role, user), items in LISTS.items()]  # fmt: skip
    return spark.createDataFrame(rows, tables.RECOMMENDATIONS.ddl)


def oracle(name: str, role: str, k: int) -> dict[str, float]:
    mine = [items[:k] for (n, r, _), items in LISTS.items() if (n, r) == (name, role)]
    shown = [i for items in mine for i in items if i in COUNTS]
    exposures = np.sort([shown.count(i) for i in COUNTS])
    n, total = len(COUNTS), sum(COUNTS.values())
    out = {"coverage": sum(e > 0 for e in exposures) / n}
    if shown:
        gaps = np.abs(exposures[:, None] - exposures[None, :]).sum()
        below = {i: (sum(c < COUNTS[i] for c in COUNTS.values()) + sum(c == COUNTS[i] for c in COUNTS.values()) / 2) / n
                 for i in COUNTS}  # fmt: skip
        out |= {
            "gini": gaps / (2 * n * exposures.sum()), "arp": sum(COUNTS[i] for i in shown) / len(shown),
            "novelty": sum(-math.log2((COUNTS[i] + 1) / (total + n)) for i in shown) / len(shown),
            "percentile": sum(below[i] for i in shown) / len(shown),
        }  # fmt: skip
    return out


def test_figures_are_those_of_the_whole_catalogue(spark):
    catalogue = spark.createDataFrame(list(COUNTS.items()), "item_id string, count bigint")
    made = exposure.beyond(lists(spark), catalogue, len(COUNTS), [1, 3])
    assert set(made.columns) | {"protocol"} == set(tables.METRICS.names)
    got: dict = {}
    for r in made.collect():
        assert r["slice"] == "all" and r["low"] == r["value"] == r["high"]
        got.setdefault((r["recommender"], r["role"], r["k"]), {})[r["metric"]] = r["value"]
    groups = {(n, r) for n, r, _ in LISTS if r != "serve"}
    assert set(got) == {(*g, k) for g in groups for k in (1, 3)}
    for key, values in got.items():
        assert values == pytest.approx(oracle(*key), abs=1e-5), key
    assert got["none", "test", 3] == {"coverage": 0.0}  # z is in no catalogue


def test_lists_at_random_have_half_the_percentile_and_all_items_alike_no_gini(spark):
    catalogue = spark.createDataFrame(list(COUNTS.items()), "item_id string, count bigint")
    rows = [("even", "test", f"u{i}", [(i, 1.0, 1)], "full_history", None, 1, "m", 0, None, None) for i in COUNTS]
    made = exposure.beyond(spark.createDataFrame(rows, tables.RECOMMENDATIONS.ddl), catalogue, len(COUNTS), [1])
    got = {r["metric"]: r["value"] for r in made.collect()}
    assert got["gini"] == 0 and got["percentile"] == pytest.approx(0.5, abs=1e-5) and got["coverage"] == 1
