from __future__ import annotations

from typing import Any

from lstmrec.config.score import Eligible, PinTable
from lstmrec.frames import filters

LISTS = "user_id string, items array<struct<item_id:string,score:float,rank:int>>"


def test_rules_of_tables_as_they_lie(spark: Any) -> None:
    catalogue = spark.createDataFrame([(i, f"i{i}") for i in range(2, 8)], "item int, item_id string")
    items = spark.createDataFrame(
        [("i2", ["a=x", "b=y"]), ("i3", ["a=z"]), ("i4", ["b=y"]), ("i9", ["a=x"])],
        "item_id string, tags array<string>",
    )
    shop = spark.createDataFrame(
        [(" i2", " north "), ("i2", "south"), ("i3", None), ("i3", "north"), ("i4", ""), ("i6", "south"), ("no", None)],
        "sku string, area string",
    )
    source = Eligible(path=["x"], item_id="sku", segment="area", attribute="home")
    pins = spark.createDataFrame([("i6", 3.0), ("i6", 2.0), ("i5", 1.0)], "item_id string, position double")
    found = {
        "eligible": filters.named(shop, source, "eligible", "nfc"),
        "banned": filters.listed(catalogue, ["i4", "i99"]),
        "pinned": filters.named(pins, PinTable(path=["x"]), "pinned_table", "nfc"),
    }
    assert [tuple(r) for r in filters.tags(items, {"a": 1, "b=y": 2}).orderBy("tag").collect()] == [
        ("a=x", "a"), ("a=z", "a"), ("b=y", "b=y")
    ]  # fmt: skip
    assert filters.tags(items, {"*": 1, "b": 2}).count() == 3 and filters.tags(items, {"c": 1}).count() == 0
    got = filters.rules(catalogue, items, found, ["a=x", "b=y"]).orderBy("item").collect()
    assert [(r["item_id"], r["everybody"], r["segments"], r["pin"], r["caps"]) for r in got] == [
        ("i2", False, ["north", "south"], None, [1, 2]), ("i3", True, [], None, []), ("i4", False, [], None, [2]),
        ("i5", False, [], None, []), ("i6", False, ["south"], 2, []), ("i7", False, [], None, []),
    ]  # fmt: skip
    lost = {r["key"]: (r["ids"], r["some"]) for r in filters.unknown(catalogue, found).collect()}
    assert lost == {"eligible": (1, ["no"]), "banned": (1, ["i99"])}
    free = filters.rules(catalogue, items, {}, []).collect()
    assert all(r["everybody"] and not r["segments"] and r["pin"] is None and not r["caps"] for r in free)


def test_pins_stand_where_they_are_asked_to(spark: Any) -> None:
    def of(*scores: float) -> list[tuple[str, float, int]]:
        return [(f"i{n}", float(s), n + 1) for n, s in enumerate(scores)]

    lists = spark.createDataFrame([("n", of(9, 8, 7, 6)), ("s", of(9, 8, 7, 6)), ("x", of(5)), ("e", [])], LISTS)
    whom = spark.createDataFrame([("n", "north"), ("s", "south"), ("x", "north")], "user_id string, segment string")
    pins = [(1, "p", False, ["north"]), (3, "b", True, []), (3, "a", True, []), (9, "z", True, [])]
    found = filters.with_pins(lists, pins, whom, 5).collect()
    got = {r["user_id"]: [(x["item_id"], x["score"]) for x in r["items"]] for r in found}
    assert got["n"] == [("p", 9), ("i0", 9), ("a", 8), ("b", 8), ("i1", 8)]
    assert got["s"] == [("i0", 9), ("i1", 8), ("a", 7), ("b", 7), ("i2", 7)]
    assert [i for i, _ in got["x"]] == ["p", "i0", "a", "b", "z"] and got["x"][2][1] == 5
    assert sorted(got["e"][:2]) == [("a", 0), ("b", 0)] and got["e"][2:] == [("z", 0)]
    assert all([x["rank"] for x in r["items"]] == list(range(1, len(r["items"]) + 1)) for r in found)
    assert filters.with_pins(lists, [], whom, 5) is lists
