"""ITEM_VECTORS from day to day: what the tower would see as it saw it keeps its row, whatever place it has now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from lstmrec import files, versions
from lstmrec.config.load import validate
from lstmrec.contracts import tables
from lstmrec.frames import carried
from lstmrec.store import vectors
from lstmrec.store.commit import Ticket
from lstmrec.store.read import read, read_version
from lstmrec.store.work import Desk
from tests.scoring import bundles

BASE = {"title": None, "id": 1, "count": 3, "tags": [2], "text": [5], "numeric": [0.0], "vectors": []}


class Days:
    """One root whose catalogue moves; the tower of day N makes N of every item that it is shown."""

    def __init__(self, spark: Any, root: Path) -> None:
        self.spark, self.root, self.day = spark, root, 0
        self.restated: set[str] = set()
        bundles.seal(root, tables.BUNDLE, [])

    def made(self, items: dict[str, dict[str, Any]], mode: str = "carry", rules: Any = None) -> dict[str, Any]:
        """item_id -> (vector, input) of the version of a new day."""
        self.day += 1
        rows = [{"item": 2 + i, "item_id": name, **BASE, **more} for i, (name, more) in enumerate(items.items())]
        mark = f"{len(rows)}:{self.day:032x}"
        bundles.seal(self.root, tables.ENCODED_ITEMS, rows, f"day{self.day}", fingerprint=mark)
        t = Ticket(str(self.root), "score", 1, f"{self.day:064d}", "2018-01-01T00:00:00Z", {"encoded_items": mark})
        conf = validate({"root": str(self.root), "as_of": "2018-01-01T00:00:00Z", "clean": {"events": {"path": ["x"]}},
                         "score": {"mode": mode, "roles": ["serve"]}})  # fmt: skip

        def tower(encoded: Any, total: int) -> Any:
            made = F.array(F.lit(float(self.day)), F.lit(1.0)).cast("array<float>")
            return encoded.select("item", "item_id", made.alias("vector"), F.lit(total).cast("float").alias("bias"))

        desk = Desk(files.join(str(self.root), "_work", f"{self.day}"))
        vectors.committed(self.spark, conf, t, tower, rules, desk.materialise, again=False)
        found = read(self.spark, str(self.root), tables.ITEM_VECTORS).collect()
        assert sorted((r["item"], r["item_id"]) for r in found) == [(r["item"], r["item_id"]) for r in rows]
        return {r["item_id"]: (r["vector"][0], r["input"] and r["input"][0]) for r in found}

    def turned(self) -> set[tuple[Any, ...]]:
        """What `carried.turned` says of the last two versions."""
        last = versions.log(str(self.root), "item_vectors")[-2:]
        was, now = (read_version(self.spark, str(self.root), tables.ITEM_VECTORS,
                                 versions.load(str(self.root), tables.ITEM_VECTORS, v)) for v in last)  # fmt: skip
        rows = carried.turned(was, now).collect()
        assert len(rows) == len(set(rows))
        self.restated = {r["item_id"] for r in rows if r["restated"]}
        return {tuple(r)[1:5] for r in rows}


@pytest.fixture
def days(spark: Any, tmp_path: Path) -> Days:
    return Days(spark, tmp_path)


def test_items_that_nothing_changed_keep_their_vectors(days: Days) -> None:
    assert days.made({"a": {}, "b": {}, "c": {}, "d": {}}) == dict.fromkeys("abcd", (1.0, None))
    moved = days.made({"new": {"count": 0}, "d": {}, "b": {"tags": [], "text": [2, 5]}, "a": {}, "e": {}})
    assert moved == {"d": (1.0, None), "a": (1.0, None), "b": (2.0, 1.0), "new": (2.0, None), "e": (2.0, None)}
    assert days.turned() == {(2, False, True, False), (4, True, True, True), (6, False, True, False),
                             (None, True, False, True)}  # fmt: skip
    assert days.restated == {"c", "new", "e"}  # b is fed as it was
    again = days.made({"d": {}, "b": {}, "a": {}, "e": {}, "new": {"count": 0}})
    assert again == {"d": (1.0, None), "a": (1.0, None), "b": (3.0, 1.0), "e": (2.0, None), "new": (2.0, None)}
    # Every bias is a share of all events: with more of them each item is another.
    assert days.made({"d": {}, "a": {"count": 4}, "e": {}, "b": {}}) == {
        "d": (4.0, 1.0), "a": (4.0, 1.0), "e": (4.0, 2.0), "b": (4.0, 1.0)
    }  # fmt: skip


def test_a_catalogue_that_is_gone_is_made_whole(days: Days) -> None:
    days.made({"a": {}, "b": {}})
    files.remove(str(days.root / "encoded_items" / "day1"))
    assert days.made({"b": {}, "a": {}}) == dict.fromkeys("ab", (2.0, 1.0))
    assert days.made({"b": {}, "a": {}}, mode="windows") == dict.fromkeys("ab", (3.0, None))


def test_an_audience_that_changed_turns_an_item(days: Days) -> None:
    days.made({"a": {}, "b": {}, "c": {}})
    rules = days.spark.createDataFrame([(2, True, [], None), (3, False, ["x"], None), (4, True, [], 1)],
                                       "item int, everybody boolean, segments array<string>, pin int")  # fmt: skip
    assert days.made({"a": {}, "b": {}, "c": {}}, rules=rules) == dict.fromkeys("abc", (1.0, None))
    assert days.turned() == {(3, True, True, True), (4, True, False, True)}
