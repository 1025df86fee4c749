"""Items are numbered as one sort over all of them would; a grown catalogue moves nobody."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from pyspark.sql import Window
from pyspark.sql import functions as F

from lstmrec.config.normalise import NormaliseConfig
from lstmrec.contracts import tables
from lstmrec.frames import catalogue, tally

CONF = NormaliseConfig(min_item_count=2, price=True)


@pytest.mark.parametrize("parts", [1, 3, 7])
def test_numbers_are_those_of_the_plain_window(spark: Any, parts: int) -> None:
    rng = random.Random(5)
    rows = [(f"i{n}", int(rng.paretovariate(0.6)) - 1) for n in range(3000)]
    rng.shuffle(rows)
    items = spark.createDataFrame(rows, "item_id string, count bigint").repartition(parts)
    order = Window.orderBy(F.col("count").desc(), F.xxhash64(F.lit(7), "item_id"), "item_id")
    plain = items.select("item_id", (F.row_number().over(order) + 4).alias("plain"))
    both = catalogue.numbered(items, 7, 5).join(plain, "item_id", "full_outer").collect()
    assert len(both) == 3000 and [r for r in both if r["item"] != r["plain"]] == []
    assert sum(n == 0 for _, n in rows) > 1000 and len({n for _, n in rows}) > 50  # a bucket to cut, and many


def events(seed: int, held: int = 0) -> list[dict[str, Any]]:
    """200 events; `held` changes what validation and test rows hold."""
    rng, other = random.Random(seed), random.Random(held)
    out = []
    for k in range(200):
        role = rng.choice(["train", "train", "validation", "test", "context"])
        item, value, many = f"i{int(rng.expovariate(0.4))}", rng.choice([None, 100, 250]), rng.choice([None, 1, 2])
        if role != "train" and held:
            item, value = f"x{other.randrange(9)}", other.randrange(10**6)
        out.append({"user_id": f"u{k % 9}", "item_id": item, "event_type": rng.choice(["buy", "view"]), "time": k,
                    "value": value, "quantity": many, "row_hash": k, "role": role, "index": k})  # fmt: skip
    return out


ITEMS = [{"item_id": f"i{n}", "title": f"Item {n}", "tags": [f"t={n}"], "text": "words", "numeric": {"size": 1.0}}
         for n in range(0, 14, 2)]  # fmt: skip


def made(spark: Any, split: list[dict[str, Any]], items: list[dict[str, Any]], base: Any = None, **conf: Any) -> Any:
    """The catalogue by item_id, of a base by item_id."""
    c = NormaliseConfig(**(CONF.model_dump() | conf))
    frame = spark.createDataFrame(split, tables.SPLIT.ddl)
    source = spark.createDataFrame(items, tables.ITEMS.ddl)
    old = spark.createDataFrame(
        [{"item_id": k, "item": r["item"], "id": r["id"], "title": r["title"]} for k, r in (base or {}).items()],
        "item_id string, item int, id int, title string",
    )
    known = catalogue.gather(source, tally.by_item(tally.tally(frame, c)), old if base else None)
    fitted = catalogue.fit_catalogue(known, source, c, 7, first=len(base or {}) + 2)
    return {r["item_id"]: r.asDict() for r in fitted.collect()}


@pytest.fixture(scope="module")
def once(spark: Any) -> Any:
    return made(spark, events(1), ITEMS)


def test_items_of_the_table_and_of_train(once: Any) -> None:
    train = Counter(e["item_id"] for e in events(1) if e["role"] == "train")
    assert set(once) == set(train) | {i["item_id"] for i in ITEMS}
    found = sorted(once.values(), key=lambda r: r["item"])
    assert [r["item"] for r in found] == list(range(2, 2 + len(found)))
    assert [r["count"] for r in found] == sorted((train.get(r["item_id"], 0) for r in found), reverse=True)
    assert all(r["id"] == (r["item"] if r["count"] >= 2 else 1) and not r["gone"] for r in found)
    for role in ("validation", "test"):
        held = Counter(e["item_id"] for e in events(1) if e["role"] == role)
        assert {k: r[role] for k, r in once.items()} == {k: held.get(k, 0) for k in once}
    bare = [r for r in found if int(r["item_id"][1:]) % 2]
    assert bare and all((r["title"], r["tags"], r["text"]) == (None, [], None) for r in bare)


def test_price_is_value_by_quantity_of_train_events(once: Any) -> None:
    for item, row in once.items():
        priced = [e for e in events(1) if e["role"] == "train" and e["item_id"] == item and e["value"] is not None]
        many = sum(1 if e["quantity"] is None else e["quantity"] for e in priced)
        expected = sum(e["value"] for e in priced) / many / 100 if priced else None
        assert row["numeric"].get("price") == pytest.approx(expected)
        assert row["numeric"].get("size") == (1.0 if row["title"] else None)


def test_held_out_rows_change_their_own_counts_alone(spark: Any, once: Any) -> None:
    def fitted(found: Any) -> Any:
        return {k: {n: v for n, v in r.items() if n not in ("validation", "test")} for k, r in found.items()}

    assert fitted(made(spark, events(1, held=5), ITEMS)) == fitted(once)
    assert fitted(made(spark, events(1), ITEMS, drift=False)) == fitted(once)


def test_growing_moves_nobody(spark: Any, once: Any) -> None:
    """Twice: items that are gone keep their numbers, new ones come after, an embedding once given stays."""
    later = [e | {"item_id": "n" + e["item_id"]} if k % 3 else e for k, e in enumerate(events(2))]
    second = made(spark, later, ITEMS[:2], once)
    third = made(spark, events(3), [], second)
    for old, new in ((once, second), (second, third)):
        assert {k: r["item"] for k, r in new.items() if k in old} == {k: r["item"] for k, r in old.items()}
        assert all(new[k]["id"] == r["id"] for k, r in old.items() if r["id"] > 1)
        assert sorted(r["item"] for r in new.values()) == list(range(2, 2 + len(new)))
        fresh = sorted((r for k, r in new.items() if k not in old), key=lambda r: r["item"])
        assert [r["count"] for r in fresh] == sorted((r["count"] for r in fresh), reverse=True)
    gone = [k for k, r in second.items() if r["gone"]]
    assert gone and all(second[k]["count"] == 0 and second[k]["title"] == once[k]["title"] for k in gone)
    assert len(second) > len(once) and any(r["id"] == 1 and second[k]["id"] > 1 for k, r in once.items())
