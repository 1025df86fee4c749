"""s1 from files to committed tables: nothing lost, nothing committed where too much is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lstmrec import files, versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.jobs import clean
from lstmrec.store import door
from lstmrec.store.read import read

DAY = 86_400
GOOD = [(f"u{k % 7}", f"i{k % 5}", (k + 1) * DAY, 1.5, 1) for k in range(40)]
BAD = [
    (None, "i1", DAY, 1.0, 1),
    ("u1", "i1", None, 1.0, 1),
    ("only_bad", "i1", DAY, 1.0, 0),
    ("u0", "i0", DAY, 1.5, 1),
]


def source(folder: Path, rows: list[tuple[Any, ...]], parts: int = 1) -> None:
    folder.mkdir(parents=True)
    columns = [
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("time", pa.int64()),
        ("value", pa.float64()),
        ("n", pa.int64()),
    ]
    for part in range(parts):
        mine = rows[part::parts]
        arrays = {name: pa.array([r[c] for r in mine], kind) for c, (name, kind) in enumerate(columns)}
        pq.write_table(pa.table(arrays), folder / f"{part}.parquet")


def config(tmp_path: Path, root: str = "root", **more: Any) -> Config:
    events = {"path": [str(tmp_path / "events")], "time_unit": "s", "value": "value", "quantity": "n"}
    section = {"events": events, "min_quantity": 1, "max_reject_share": 0.1, **more}
    return validate({"root": str(tmp_path / root), "as_of": "2020-01-01T00:00:00Z", "clean": section})


def test_rows_in_are_out_and_rejected(spark: Any, tmp_path: Path) -> None:
    source(tmp_path / "events", GOOD + BAD)
    items = pa.table(
        {"item_id": ["i0", "i1", "i1", None, "i9"], "kind": ["a", "b", "c", "d", "e"], "size": [1.0, None, 2, 3, 4]}
    )
    pq.write_table(items, tmp_path / "items.parquet")
    pq.write_table(
        pa.table({"user_id": ["u0", "quiet", "", "u0"], "sex": ["F", None, "M", "F"]}), tmp_path / "users.parquet"
    )
    conf = config(
        tmp_path,
        items={"path": [str(tmp_path / "items.parquet")], "tags": ["kind"], "numeric": {"size": "size"}},
        users={"path": [str(tmp_path / "users.parquet")], "attributes": ["sex"]},
    )
    m = clean.run(spark, conf)
    assert (m.rows_in, m.rows_out, m.rows_rejected) == (44, 40, 4)
    assert m.facts["rejected"] == {"duplicate": 1, "low_quantity": 1, "no_order": 1, "null_user": 1}
    found = {r["user_id"]: r["attributes"] for r in read(spark, conf.root, tables.USERS).collect()}
    assert found == {**{f"u{k}": {} for k in range(1, 7)}, "u0": {"sex": "F"}, "quiet": {}, "only_bad": {}}
    assert {r["item_id"] for r in read(spark, conf.root, tables.ITEMS).collect()} == {"i0", "i1", "i9"}
    refused = [(r["source"], r["reject_reason"]) for r in read(spark, conf.root, tables.REJECTS).collect()]
    assert sorted(refused) == [
        ("events", "duplicate"), ("events", "low_quantity"), ("events", "no_order"), ("events", "null_user"),
        ("items", "duplicate_item"), ("items", "null_item"), ("users", "duplicate_user"), ("users", "empty_user"),
    ]  # fmt: skip
    assert all(json.loads(r["row"]) for r in read(spark, conf.root, tables.REJECTS).collect())
    assert not files.names(str(tmp_path / "root/_work/clean")), "the desk is cleared"
    assert door.walk(clean, conf, spark=spark).state == "skip"


def test_the_order_of_files_and_rows_does_not_matter(spark: Any, tmp_path: Path) -> None:
    rows = GOOD + BAD
    prints = []
    for parts in (1, 3):
        random.Random(parts).shuffle(rows)
        folder = tmp_path / str(parts)
        source(folder / "events", rows, parts)
        conf = config(folder, min_item_events=2, min_user_events=2)
        clean.run(spark, conf)
        prints.append([versions.current(conf.root, t).fingerprint for t in clean.GIVES])
    assert prints[0] == prints[1]


def test_too_many_refused_commits_nothing(spark: Any, tmp_path: Path) -> None:
    source(tmp_path / "events", GOOD[:6] + BAD)
    with pytest.raises(DataError, match="D310") as caught:
        clean.run(spark, config(tmp_path))
    assert "30.0% > 10.0%" in caught.value.what and "low_quantity 1" in caught.value.where
    with pytest.raises(DataError, match="D311"):
        clean.run(spark, config(tmp_path, events=config(tmp_path).clean.events.model_dump() | {"where": "n > 5"}))
    assert files.names(str(tmp_path / "root")) == ["_work"]


def test_unknown_ids_refused_where_asked(spark: Any, tmp_path: Path) -> None:
    source(tmp_path / "events", GOOD)
    pq.write_table(pa.table({"item_id": ["i0", "i1", "i2", "i3"]}), tmp_path / "items.parquet")
    pq.write_table(pa.table({"user_id": [f"u{k}" for k in range(6)]}), tmp_path / "users.parquet")
    more = {"unknown_items": "reject", "unknown_users": "reject", "max_reject_share": 1.0}
    paths = {k: {"path": [str(tmp_path / f"{k}.parquet")]} for k in ("items", "users")}
    m = clean.run(spark, config(tmp_path, **more, **paths))
    items = sum(r[1] == "i4" for r in GOOD)
    users = sum(r[0] == "u6" and r[1] != "i4" for r in GOOD)
    assert m.facts["rejected"] == {"unknown_item": items, "unknown_user": users}
    assert versions.current(str(tmp_path / "root"), tables.USERS).rows_out == 6
