"""ITEM_VECTORS from day to day: what the tower would see as it saw it keeps its row, whatever place it has now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from lstmrec import files, versions
from lstmrec.config.load import validate
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.frames import carried
from lstmrec.store import chain, vectors
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

    def made(self, items: dict[str, dict[str, Any]], mode: str = "carry", rules: Any = None, compact: int = 9
             ) -> dict[str, Any]:  # fmt: skip
        """item_id -> (vector, input) of the version of a new day."""
        self.day += 1
        rows = [{"item": 2 + i, "item_id": name, **BASE, **more} for i, (name, more) in enumerate(items.items())]
        mark = f"{len(rows)}:{self.day:032x}"
        bundles.seal(self.root, tables.ENCODED_ITEMS, rows, f"day{self.day}", fingerprint=mark)
        t = Ticket(str(self.root), "score", 1, f"{self.day:064d}", "2018-01-01T00:00:00Z", {"encoded_items": mark})
        conf = validate({"root": str(self.root), "as_of": "2018-01-01T00:00:00Z", "clean": {"events": {"path": ["x"]}},
                         "score": {"mode": mode, "roles": ["serve"], "compact": compact}})  # fmt: skip

        def tower(encoded: Any, total: int) -> Any:
            made = F.array(F.lit(float(self.day)), F.lit(1.0)).cast("array<float>")
            return encoded.select("item", "item_id", made.alias("vector"), F.lit(total).cast("float").alias("bias"))

        self.shown: list[str] = []

        def looked(encoded: Any, total: int) -> Any:
            self.shown = sorted(r["item_id"] for r in encoded.select("item_id").collect())
            return tower(encoded, total)

        desk = Desk(files.join(str(self.root), "_work", f"{self.day}"))
        made = vectors.committed(self.spark, conf, t, looked, rules, desk.materialise, again=False)
        self.held = sum(f.rows for f in made.files)
        assert (made.rows_in, made.rows_out) == (len(rows), len(rows))
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
        then, newest = (versions.load(str(self.root), tables.ITEM_VECTORS, v) for v in last)
        assert set(chain._turned(self.spark, str(self.root), then, newest).collect()) == set(rows)
        self.restated = {r["item_id"] for r in rows if r["restated"]}
        return {tuple(r)[1:5] for r in rows}


@pytest.fixture
def days(spark: Any, tmp_path: Path) -> Days:
    return Days(spark, tmp_path)


def test_items_that_nothing_changed_keep_their_vectors(days: Days) -> None:
    assert days.made({"a": {}, "b": {}, "c": {}, "d": {}}) == dict.fromkeys("abcd", (1.0, None))
    moved = days.made({"new": {"count": 0}, "d": {}, "b": {"tags": [], "text": [2, 5]}, "a": {}, "e": {}})
    assert moved == {"d": (1.0, None), "a": (1.0, None), "b": (2.0, 1.0), "new": (2.0, None), "e": (2.0, None)}
    # a, b and d have changed places, and c has left.
    assert days.turned() == {(2, False, True, False), *((n, True, True, True) for n in (3, 4, 5)),
                             (6, False, True, False), (None, True, False, True)}  # fmt: skip
    assert days.restated == {"c", "new", "e"}  # b is fed as it was
    again = days.made({"d": {}, "b": {}, "a": {}, "e": {}, "new": {"count": 0}})
    assert again == {"d": (1.0, None), "a": (1.0, None), "b": (3.0, 1.0), "e": (2.0, None), "new": (2.0, None)}
    # Every bias is a share of all events: with more of them each item is another.
    assert days.made({"d": {}, "a": {"count": 4}, "e": {}, "b": {}}) == {
        "d": (4.0, 1.0), "a": (4.0, 1.0), "e": (4.0, 2.0), "b": (4.0, 1.0)
    }  # fmt: skip


def test_a_version_holds_the_items_that_moved_alone(days: Days) -> None:
    new: dict[str, Any] = {"count": 0}  # of a bias that is a share of all events
    first = {"a": {}, "b": {}, "c": new}
    days.made(first)
    assert days.held == 3
    assert days.made({**first, "d": new}) == {**dict.fromkeys("abc", (1.0, None)), "d": (2.0, None)}
    assert (days.held, days.shown) == (1, ["d"]) and days.turned() == {(5, False, True, False)}
    assert len(days.made({**first, "d": new})) == 4
    assert (days.held, days.shown) == (0, []) and days.turned() == set()
    # One is another to the tower, and two have changed places.
    moved = days.made({"b": {}, "a": {}, "c": {**new, "tags": [9]}, "d": new})
    assert moved == {"a": (1.0, None), "b": (1.0, None), "c": (4.0, 1.0), "d": (2.0, None)}
    assert (days.held, days.shown) == (3, ["c"]) and days.turned() == {(n, True, True, True) for n in (2, 3, 4)}
    assert days.restated == set()  # all are fed as they were
    assert len(versions.current(str(days.root), tables.ITEM_VECTORS).facts["chain"]) == 3
    days.made({"b": {}, "a": {}, "d": new})  # one has left, which no row can say
    assert (days.held, days.shown) == (3, []) and days.turned() == {(None, True, False, True)}
    days.made({"new": new, "b": {}, "a": {}, "d": new, "e": new}, compact=1)
    assert days.held == 5 and days.turned() == {(2, False, True, False), (6, False, True, False)}  # in order as before
    days.made({"new": new, "b": {}, "a": {}, "d": new, "e": new, "f": new}, compact=1)
    assert (days.held, days.shown) == (6, ["f"])  # the chain was long enough: all are written


def test_a_chain_with_a_hole_is_written_anew(days: Days) -> None:
    catalogue: dict[str, dict[str, Any]] = {"a": {}, "b": {}}
    days.made(catalogue)
    days.made({**catalogue, "c": {"count": 0}})
    (place,) = (days.root / "item_vectors" / versions.log(str(days.root), "item_vectors")[0]).glob("data/*.parquet")
    states = bundles.seal(
        days.root, tables.USER_STATES, [], facts={"item_vectors": versions.log(str(days.root), "item_vectors")[1]}
    )
    assert chain._vectors_of(str(days.root), states) is not None
    place.unlink()
    assert chain._vectors_of(str(days.root), states) is None
    assert days.made({**catalogue, "d": {"count": 0}}) == {"a": (3.0, None), "b": (3.0, None), "d": (3.0, None)}


def test_rows_that_are_lost_on_the_way_are_missed(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    days.made({"a": {}, "b": {}})
    kept = carried.audience
    monkeypatch.setattr(carried, "audience", lambda rows, rules: kept(rows, rules).where("item_id <> 'c'"))
    with pytest.raises(DataError, match=r"D114.*2 rows.*3 are due"):
        days.made({"a": {}, "b": {}, "c": {"count": 0}})


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
