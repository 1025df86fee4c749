"""One pass over the events counts what s3 needs."""

from __future__ import annotations

from typing import Any

from lstmrec.config.normalise import NormaliseConfig
from lstmrec.contracts import tables
from lstmrec.frames import tally

ROWS = [("u", "a", "buy", 100, None, "train"), ("u", "a", "buy", 50, 3, "train"), ("v", "a", "view", None, 9, "train"),
        ("v", "a", "buy", 7, 1, "test"), ("w", "b", "view", 7, 1, "validation"),
        ("x", "a", "buy", 1, 1, "context")]  # fmt: skip


def split(spark: Any) -> Any:
    names = ("user_id", "item_id", "event_type", "value", "quantity", "role")
    rows = [dict(zip(names, r, strict=True)) | {"row_hash": 1, "index": n} for n, r in enumerate(ROWS)]
    return spark.createDataFrame(rows, tables.SPLIT.ddl)


def test_by_item_and_type(spark: Any) -> None:
    found = {tuple(r)[:2]: tuple(r)[2:] for r in tally.tally(split(spark), NormaliseConfig(price=True)).collect()}
    assert found == {("a", "buy"): (2, 0, 1, 150, 4), ("a", "view"): (1, 0, 0, None, None),
                     ("b", "view"): (0, 1, 0, None, None)}  # fmt: skip
    made = tally.by_item(tally.tally(split(spark), NormaliseConfig(price=True)))
    assert made.columns == ["item_id", "count", "validation", "test", "worth", "many"]
    assert sorted(map(tuple, made.collect())) == [("a", 3, 0, 1, 150, 4), ("b", 0, 1, 0, None, None)]


def test_without_drift_held_out_rows_are_not_read(spark: Any) -> None:
    conf = NormaliseConfig(drift=False)
    assert sorted(map(tuple, tally.by_item(tally.tally(split(spark), conf)).collect())) == [("a", 3, 0, 0, None, None)]
    assert sorted(map(tuple, tally.active(split(spark), conf).collect())) == [("u", 1, 0, 0), ("v", 1, 0, 0)]


def test_who_was_active(spark: Any) -> None:
    found = sorted(map(tuple, tally.active(split(spark), NormaliseConfig()).collect()))
    assert found == [("u", 1, 0, 0), ("v", 1, 0, 1), ("w", 0, 1, 0), ("x", 0, 0, 0)]
