"""s3 on a committed split: its facts size the model, held-out rows leave every fingerprint as it is, ids can grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.jobs import normalise
from lstmrec.store import door
from lstmrec.store.commit import commit
from lstmrec.store.read import read

ITEMS = [
    {
        "item_id": f"i{n}",
        "tags": [f"t={n % 2}"],
        "text": "some words",
        "numeric": {"size": float(n), "same": 3.0},
        "vectors": {"cover": [0.0, float(n)]} if n < 2 else {},
    }
    for n in range(6)
]
USERS: list[dict[str, Any]] = [{"user_id": "u", "attributes": {"sex": "F"}}, {"user_id": "v", "attributes": {}},
                               {"user_id": "quiet", "attributes": {"sex": "M", "age": "9"}}]  # fmt: skip
OPTIONS = {"min_item_count": 2, "price": True, "text_buckets": 16, "drift_warn": 0.01,
           "numeric": {"size": {"scale": "robust", "clip": [0.1, 0.9]}}}  # fmt: skip


def config(root: Path, options: dict[str, Any], *, lean: bool = False) -> Config:
    clean: dict[str, Any] = {"events": {"path": ["e"]}}
    if not lean:
        numeric = {"size": "size", "same": "same", "absent": "absent"}
        clean["items"] = {"path": ["i"], "numeric": numeric, "tags": ["t"], "vectors": {"image": "v", "cover": "c"}}
        clean["users"] = {"path": ["u"], "attributes": ["sex", "age"]}
    return validate({"root": str(root), "as_of": "2020-01-01T00:00:00Z", "clean": clean, "normalise": options})


def events(item: str = "i0", kind: str = "buy", value: int = 100) -> list[dict[str, Any]]:
    """Train events of i0 to i2 and i4, and held-out ones of this item, type and value."""
    rows = [(u, f"i{n}", "buy", n, 250, 2, "train") for u in ("u", "v") for n in range(3)]
    rows += [("u", "i4", "view", 3, None, None, "train")]
    rows += [("u", item, kind, 4, value, 1, "validation"), ("u", item, kind, 5, value, 1, "test")]
    names = ("user_id", "item_id", "event_type", "index", "value", "quantity", "role")
    return [dict(zip(names, r, strict=True)) | {"time": r[3], "row_hash": r[3]} for r in rows]


def made(spark: Any, conf: Config, split: list[dict[str, Any]], items: list[dict[str, Any]] = ITEMS) -> list[Manifest]:
    """Manifests of GIVES."""
    t = door.Ticket(conf.root, "before", 1, "k" * 64, conf.as_of)
    for contract, data in ((tables.SPLIT, split), (tables.ITEMS, items), (tables.USERS, USERS)):
        commit(spark.createDataFrame(data, contract.ddl), t, contract)
    normalise.run(spark, conf)
    return [versions.current(conf.root, t) for t in normalise.GIVES]


@pytest.fixture(scope="module")
def one(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("normalise") / "one"
    return str(root), made(spark, config(root, OPTIONS), events())


def test_facts(one: Any) -> None:
    words, scalers, users, items = one[1]
    assert words.facts == {"types": 4, "grown_from": {}} and scalers.rows_out == 3
    assert (users.rows_in, users.rows_out) == (3, 3)
    assert users.facts == {"static": [3], "static_names": ["sex"], "dropped": ["age"], "warned": ["sex has one value"]}
    facts = {k: v for k, v in items.facts.items() if k not in ("told", "drift", "warned")}
    assert facts == {
        "catalogue": 8, "trained": 5, "tags": 4, "text": 18, "numeric": 6, "vectors": [["cover", 2]], "gone": 0,
        "dropped": ["absent", "image"], "grown_from": {},
        "numeric_names": ["size", "same", "price", "size missing", "same missing", "price missing"],
    }  # fmt: skip
    assert {d[0] for d in items.facts["drift"]} == {
        "item:size", "item:same", "item:price", "tag", "event_type", "user:sex", "user:age"
    }  # fmt: skip
    assert "same is constant" in items.facts["warned"]
    assert any(w.startswith(f"{items.facts['drift'][0][0]} drifts") for w in items.facts["warned"])
    assert items.facts["told"]["without a value"] == "absent, image, age"


def test_vectors_stand_in_the_rows(spark: Any, one: Any) -> None:
    found = {r["item_id"]: r["vectors"] for r in read(spark, one[0], tables.ENCODED_ITEMS).collect()}
    assert found == {"i1": [1.0, 0.0, 1.0], **{f"i{n}": [0.0, 0.0, 0.0] for n in (0, 2, 3, 4, 5)}}


def test_held_out_rows_change_no_fingerprint(spark: Any, tmp_path: Path, one: Any) -> None:
    two = made(spark, config(tmp_path, OPTIONS), events("new item", "return", 10**9))
    assert [m.fingerprint for m in one[1]] == [m.fingerprint for m in two]


def test_grown_ids_go_on(spark: Any, tmp_path: Path, one: Any) -> None:
    """i3 and i5 are gone, j0 to j8 are new, and so are a type and a tag."""
    root, before = one
    later = [e | {"item_id": f"j{n}", "event_type": "gift"} if n % 2 else e for n, e in enumerate(events())]
    items = [i for i in ITEMS if i["item_id"] not in ("i3", "i5")] + [{"item_id": "j1", "tags": ["t=9"], "numeric": {}}]
    conf = config(tmp_path, OPTIONS | {"grow_from": root})
    words, _, _, encoded = made(spark, conf, later, items)
    for table in (tables.VOCABULARY, tables.ENCODED_ITEMS):
        name = table.key[-1] if table is tables.VOCABULARY else "item_id"
        old, new = (
            {(r.asDict().get("feature"), r[name]): r["id" if table is tables.VOCABULARY else "item"]
             for r in read(spark, place, table).collect()}
            for place in (root, conf.root)
        )  # fmt: skip
        assert {k: v for k, v in new.items() if k in old} == old and len(new) > len(old)
    found = {r["item_id"]: r for r in read(spark, conf.root, tables.ENCODED_ITEMS).collect()}
    assert {found[i]["item"] for i in found if i[0] == "j"} == set(range(8, 8 + len(found) - 6))
    assert found["j1"]["tags"] == [4] and (found["i3"]["count"], found["i3"]["tags"]) == (0, [])
    prints = {f"grown:{m.table}": m.fingerprint for m in (before[0], before[3])}
    assert encoded.facts["grown_from"] == words.facts["grown_from"] == prints
    assert (encoded.facts["gone"], words.facts["types"]) == (2, 5)
    assert prints.items() <= encoded.parents.items()
    assert door.done(normalise, conf) == encoded
    with pytest.raises(ConfigError, match="C332"):
        normalise.run(spark, config(tmp_path, OPTIONS | {"grow_from": root, "tail_buckets": 4}))
    with pytest.raises(DataError, match="D105"):
        normalise.run(spark, config(tmp_path, OPTIONS | {"grow_from": str(tmp_path / "nowhere")}))


def test_everything_off(spark: Any, tmp_path: Path) -> None:
    options = {"text_buckets": 0, "drift": False}
    words, scalers, users, items = made(spark, config(tmp_path, options, lean=True), events(), [])
    assert (words.rows_out, scalers.rows_out, users.facts["static"]) == (2, 0, [])
    assert [items.facts[k] for k in ("catalogue", "trained", "tags", "text", "numeric", "drift")] == [6, 6, 0, 0, 0, []]
