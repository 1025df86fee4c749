"""s1 with users to be forgotten: they are counted, and in no table, refused rows and broken lines included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.jobs import clean
from lstmrec.store import door, erased
from tests.holding import holding

ID = "u-gone"
_ROWS = [f"u{k % 4},i{k % 3},{(k + 1) * 86_400},1" for k in range(24)]
_THEIRS = [f"{ID},i1,86400,1", f"{ID},i1,172800,1", f"{ID},i2,172800,0", f'"{ID}",i2,"1,2']


def config(at: Path, **erase: Any) -> Config:
    section = {"events": {"path": [str(at / "events.csv")], "format": "csv", "options": {"header": "true"},
                          "columns": "user_id string, item_id string, time bigint, n int", "time_unit": "s",
                          "quantity": "n"},
               "users": {"path": [str(at / "users.csv")], "format": "csv", "options": {"header": "true"},
                         "attributes": ["sex"]},
               "min_quantity": 1, "max_reject_share": 0.2, "core": {"items": 2, "users": 2},
               "fit_before": "all"}  # fmt: skip
    return validate({"root": str(at / "root"), "as_of": "2020-01-01T00:00:00Z", "clean": section, "erase": erase})


def test_who_asks_whether_the_table_is_finished_erases_the_same(tmp_path: Path) -> None:
    (tmp_path / "erase.csv").write_text("user_id\na\n")
    table: dict[str, Any] = {"path": [str(tmp_path / "erase.csv")], "format": "csv"}
    plain = erased.sources(config(tmp_path, table=table))
    assert plain == erased.sources(config(tmp_path, table=table | {"success_file": True}))
    assert plain != erased.sources(config(tmp_path, table=table | {"where": "_c0 <> 'a'"}))


def test_they_are_counted_and_nowhere(spark: Any, tmp_path: Path) -> None:
    lines = ["user_id,item_id,time,n", *_ROWS, *_THEIRS, "u1,i1,86400,0"]
    (tmp_path / "events.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "users.csv").write_text(f"user_id,sex\nu1,F\n{ID},M\n{ID},F\n")
    (tmp_path / "erase.csv").write_text(f"who\n{ID}\n {ID}\nnever-seen\n")
    table = {"path": [str(tmp_path / "erase.csv")], "format": "csv", "options": {"header": "true"}, "user_id": "who"}
    door.walk(clean, config(tmp_path), spark=spark)
    there = {path.split("/")[0] for path in holding(tmp_path / "root", ID)}
    assert there == {"core", "events", "rejects", "users"}
    conf = config(tmp_path, table=table)
    made = door.walk(clean, conf, spark=spark).manifest
    assert (made.facts["erased"], made.rows_out, made.facts["rejected"]) == (4, 24, {"low_quantity": 1})
    assert versions.current(conf.root, tables.USERS).facts["erased"] == 2
    assert made.rows_in == made.rows_out + made.rows_rejected == 25
    for name in ("events", "rejects", "core", "users"):
        version = versions.current(conf.root, tables.table(name)).version
        assert holding(tmp_path / "root" / name / version, ID) == [], name
    assert door.walk(clean, config(tmp_path, table=table, keep_days=3), spark=spark).state == "skip"
    assert door.walk(clean, config(tmp_path), spark=spark).state == "skip"  # as it was before
    (tmp_path / "erase.csv").write_text(f'who\n{ID}\n""\n')
    with pytest.raises(DataError, match="D354"):
        door.walk(clean, conf, spark=spark)
