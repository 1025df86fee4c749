"""s3 on a committed split: its facts size the model, and held-out rows leave every fingerprint as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.jobs import normalise
from lstmrec.store import door
from lstmrec.store.commit import commit

ITEMS = [(f"i{n}", None, [f"t={n % 2}"], "some words", {"size": float(n)}) for n in range(6)]
USERS = [("u", {"sex": "F"}), ("v", {}), ("quiet", {"sex": "M"})]


def made(spark: Any, root: Path, held: tuple[str, str, int]) -> list[Manifest]:
    """Manifests of GIVES, with held-out rows of this item, type and value."""
    clean = {"events": {"path": ["e"]}, "items": {"path": ["i"], "numeric": {"size": "size"}, "tags": ["t"]},
             "users": {"path": ["u"], "attributes": ["sex"]}}  # fmt: skip
    conf = validate({"root": str(root), "as_of": "2020-01-01T00:00:00Z", "clean": clean, "normalise": {
        "min_item_count": 2, "price": True, "text_buckets": 16}})  # fmt: skip
    item, kind, value = held
    rows = [(u, f"i{n}", "buy", n, None, None, 250, 2, n, "train", n) for u in ("u", "v") for n in range(3)]
    rows += [("u", "i4", "view", 3, None, None, None, None, 3, "train", 3)]
    rows += [
        ("u", item, kind, 4, None, None, value, 1, 4, "validation", 4),
        ("u", item, kind, 5, None, None, value, 1, 5, "test", 5),
    ]
    t = door.Ticket(conf.root, "before", 1, "k" * 64, conf.as_of)
    for contract, data in ((tables.SPLIT, rows), (tables.ITEMS, ITEMS), (tables.USERS, USERS)):
        commit(spark.createDataFrame(data, contract.ddl), t, contract)
    normalise.run(spark, conf)
    return [versions.current(conf.root, t) for t in normalise.GIVES]


def test_facts_and_fingerprints(spark: Any, tmp_path: Path) -> None:
    one = made(spark, tmp_path / "one", ("i0", "buy", 100))
    two = made(spark, tmp_path / "two", ("new item", "return", 10**9))
    assert [m.fingerprint for m in one] == [m.fingerprint for m in two]
    words, scalers, users, items = one
    assert words.facts["types"] == 4 and scalers.rows_out == 2
    assert (users.rows_out, users.facts["static"], users.facts["static_names"]) == (3, [3], ["sex"])
    facts = {k: v for k, v in items.facts.items() if k != "told"}
    assert facts == {
        "catalogue": 8, "trained": 5, "tags": 4, "text": 18, "numeric": 4,
        "numeric_names": ["size", "price", "size missing", "price missing"],
    }  # fmt: skip
