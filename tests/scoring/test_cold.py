"""Items never trained on: who they are, and figures over users."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lstmrec.scoring import cold


def test_cold_items_have_neither_an_embedding_nor_an_event_in_train(spark: Any) -> None:
    encoded = spark.createDataFrame([(2, "a", 2, 5), (3, "rare", 1, 1), (4, "new", 1, 0), (5, "never", 1, 0)],
                                    "item int, item_id string, id int, count bigint")  # fmt: skip
    split = spark.createDataFrame([("u", "a", "train", 5), ("u", "rare", "train", 7), ("u", "new", "test", 3),
                                   ("u", "new", "test", 20), ("v", "a", "test", 9), ("w", "never", "test", None),
                                   ("w", "new", "test", 21)],
                                  "user_id string, item_id string, role string, time bigint")  # fmt: skip
    events = spark.createDataFrame([("a", 9), ("a", 5), ("rare", 7), ("new", 3), ("new", 4), ("new", 20), ("new", 21),
                                    ("never", None)], "item_id string, time bigint")  # fmt: skip
    rows = {r["item"]: r for r in cold.items(events, split, encoded).collect()}
    assert [i for i, r in sorted(rows.items()) if r["cold"]] == [4, 5]
    assert (rows[4]["before"], rows[4]["first"]) == (1, 4)  # four events, three of the role test, the first too
    assert (rows[2]["before"], rows[2]["first"]) == (1, 5)
    assert (rows[5]["before"], rows[5]["first"]) == (0, None)
    taken = {r["user_id"]: r["targets"] for r in cold.targets(split, encoded, 1).collect()}
    assert taken == {"u": [4], "w": [4, 5]}


def test_figures_weigh_targets_alike_and_have_intervals() -> None:
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = [
        {"key": int(rng.integers(-(2**62), 2**62)), "ranker": "model", "among": "all", "targets": n, "candidates": 10,
         "percentile": 0.1 * n, "recall_10": float(n), "recall_100": 0.0} for n in (1, 2, 3, 2, 1, 4)]  # fmt: skip
    rows[0]["percentile"] = 0.9
    (found,) = cold.figures(rows, 200)
    assert (found["users"], found["targets"], found["candidates"]) == (6, 13, 10)
    value, low, high = found["percentile"]
    assert value == pytest.approx((0.9 + 0.1 * 12) / 13) and low < value < high
    assert found["recall_10"] == [1, 1, 1] and found["recall_100"] == [0, 0, 0]
    assert cold.figures([], 10) == []
