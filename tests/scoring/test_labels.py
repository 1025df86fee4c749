"""Labels beside their events."""

from __future__ import annotations

from typing import Any

import pytest

from lstmrec.contracts import tables
from lstmrec.scoring import labels
from lstmrec.scoring.options import LABELLED_DDL


def test_labels_stand_beside_their_events(spark: Any) -> None:
    told = spark.createDataFrame([("a", 0, 3, 1.5), ("a", 1, 1, 0.5), ("b", 0, 2, 1.0), ("b", 1, None, None)],
                                 LABELLED_DDL)  # fmt: skip
    windows = spark.createDataFrame([("a", 2), ("b", 0)], "user_id string, start int")
    split = spark.createDataFrame(
        [(u, f"{u}{i}", 10 * i, "test" if i == 3 else "train", i) for u, n in (("a", 4), ("b", 2)) for i in range(n)],
        "user_id string, item_id string, time bigint, role string, index int",
    )
    made = labels.rows(told, windows, split)
    assert made.columns == list(tables.LABELS.names)
    got = {(r["user_id"], r["position"]): tuple(r)[2:] for r in made.collect()}
    assert got == {
        ("a", 2): ("a2", "train", None, None, 20),  # the window begins there, the history does not
        ("a", 3): ("a3", "test", 1, 0.5, 30), ("b", 0): ("b0", "train", 2, 1.0, 0),
        ("b", 1): ("b1", "train", None, None, 10),
    }  # fmt: skip
    figures = [r.asDict() for r in labels.figures(made).collect()]
    assert figures[0] == {"role": "test", "events": 1, "labelled": 1, "surprise": 0.5, "mrr": 1.0}
    assert figures[1]["events"] == 3 and figures[1]["labelled"] == 1 and figures[1]["mrr"] == pytest.approx(0.5)
