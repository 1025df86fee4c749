"""`lstmrec candidates` on a root made by pyarrow: a wide table, point in time, and its flat columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from lstmrec import lookup
from lstmrec.cli import main
from lstmrec.contracts import tables
from lstmrec.jobs import candidates
from lstmrec.store import door
from tests import made


def test_the_union_of_lists_knows_what_was_known(spark: Any, tmp_path: Path, capsys: Any) -> None:
    root = tmp_path / "root"
    made.root(root)
    scalers = [["events", 0.0, 1.0], ["items", 0.0, 1.0]]
    made.put(root, tables.USER_PROFILES, [], facts={"scalers": scalers}, version="v2")
    made.put(root, tables.ITEM_PROFILES, [])
    sizes = {"validation": {"718": 2, "007": 1}, "test": {"718": 3, "007": 1}, "serve": {"718": 4, "007": 2}}
    lists = [made.listed(n, role, u, items) | {"history": h} for role, of in sizes.items() for u, h in of.items()
             for n, items in (("model", ["d", "c", "a"]), ("popularity", ["a", "b"]), ("personal", ["b"]))]  # fmt: skip
    made.put(root, tables.RECOMMENDATIONS, lists, version="v2")
    config = {
        "profile": {"features": ["events", "items"]},
        "candidates": {"per": 2, "recommenders": ["model", "popularity"]},
    }
    conf = made.config(root, **config)
    manifest = door.walk(candidates, conf, spark=spark).manifest
    assert manifest.facts["recommenders"] == ["model", "popularity"] and manifest.facts["user"] == ["events", "items"]
    flat = {role: lookup.candidates(conf.root, role).to_pylist() for role in sizes}
    assert {role: len(rows) for role, rows in flat.items()} == dict.fromkeys(sizes, 8)  # d c a b, for two users
    for role, rows in flat.items():
        for r in rows:
            past = [e for e in made.SPLIT if e["user_id"] == r["user_id"] and e["role"] in tables.HISTORY[role]]
            own = [e["item_id"] for e in made.SPLIT if e["user_id"] == r["user_id"] and e["role"] == role]
            assert r["user_events"] == r["history"] == len(past) and r["user_items"] == len(
                {e["item_id"] for e in past}
            )
            assert r["had"] == sum(e["item_id"] == r["item_id"] for e in past)
            assert r["label"] == (None if role == "serve" else int(r["item_id"] in own))
            ranks = {"d": (1, None), "c": (2, None), "a": (None, 1), "b": (None, 2)}[r["item_id"]]
            assert (r["rank_model"], r["rank_popularity"]) == ranks
    told = manifest.facts["told"]
    assert told == {"test": "2 of 2 targets", "validation": "1 of 1 targets"}
    assert door.walk(candidates, conf).state == "skip"

    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump(conf.model_dump(mode="json", exclude_defaults=True)))
    assert main.call(["candidates", "-c", str(file), "--flat", str(tmp_path / "flat")]) == 0
    out = capsys.readouterr().out
    assert "skip" in out and "8 rows" in out
    assert pq.read_table(tmp_path / "flat" / "test.parquet").to_pylist() == flat["test"]
