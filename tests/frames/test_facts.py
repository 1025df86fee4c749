"""Facts size the model's inputs, and say what is wrong with the data."""

from __future__ import annotations

from typing import Any

from lstmrec.config.normalise import NormaliseConfig
from lstmrec.frames.facts import Facts
from lstmrec.frames.scalers import Scaler
from lstmrec.frames.vectors import Vector


def facts(**more: Any) -> Facts:
    sizes: dict[str, Any] = {
        "event_type": {"size": 4, "n": 2}, "user:sex": {"size": 3, "n": 1}, "user:zip": {"size": 12, "n": 10},
        "tag": {"size": 9, "n": 7},
    }  # fmt: skip
    base: dict[str, Any] = {
        "conf": NormaliseConfig(text_buckets=16), "attributes": ["zip", "age", "sex"], "sizes": sizes,
        "catalogue": {"items": 6, "next": 5, "trained": 3, "gone": 1},
        "vectors": [Vector("image", 8, 1200, 3), Vector("cover")],
        "scalers": [Scaler("item:size", True, 0.0, 1.0, 3), Scaler("item:price", False, 0.0, 1.0, 3)],
    }  # fmt: skip
    return Facts(**(base | more))


def test_sizes() -> None:
    items = facts().of_items()
    assert {k: items[k] for k in ("catalogue", "trained", "tags", "text", "numeric", "vectors", "gone")} == {
        "catalogue": 8, "trained": 5, "tags": 9, "text": 18, "numeric": 4, "vectors": [["image", 8]], "gone": 1
    }  # fmt: skip
    assert items["numeric_names"] == ["size", "price", "size missing", "price missing"]
    assert facts().of_words() == {"types": 4, "grown_from": {}}
    none = facts(sizes={}, scalers=(), conf=NormaliseConfig(text_buckets=0), vectors=())
    assert [none.of_items()[k] for k in ("tags", "text", "numeric", "vectors")] == [0, 0, 0, []]
    assert none.of_words()["types"] == 2 and none.of_users()["static"] == []


def test_an_attribute_nobody_has_is_dropped_and_one_of_one_value_is_told() -> None:
    assert facts().of_users() == {
        "static": [12, 3], "static_names": ["zip", "sex"], "dropped": ["age"], "warned": ["sex has one value"]
    }  # fmt: skip


def test_what_is_told() -> None:
    conf = NormaliseConfig(drift_warn=0.25)
    drifts = [["item:size", "test", 0.3], ["tag", "test", 0.2]]
    found = facts(conf=conf, dropped=["weight"], warned=["size is constant"], drift=drifts).of_items()
    assert found["warned"] == ["size is constant", "image: 3 vectors are not 8 numbers long", "sex has one value",
                               "item:size drifts: PSI 0.3 of test"]  # fmt: skip
    assert found["told"] == {
        "trained": "3", "tags": "7", "largest drift": "item:size of test, PSI 0.3", "vectors": "image 8 (1,200 items)",
        "without a value": "weight, cover, age", "warnings": "4",
    }  # fmt: skip
