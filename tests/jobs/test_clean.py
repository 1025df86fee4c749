"""s1 from files to committed tables: nothing lost, nothing committed where too much is refused."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
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
        {
            "item_id": ["i0", "i1", "i1", None, "i9"],
            "kind": ["a", "b", "c", "d", "e"],
            "size": [1.0, None, 2, 3, 4],
            "look": [[1.0, 2.0], None, None, [], [math.inf, 1.0]],
        }
    )
    pq.write_table(items, tmp_path / "items.parquet")
    pq.write_table(
        pa.table({"user_id": ["u0", "quiet", "", "u0"], "sex": ["F", None, "M", "F"]}), tmp_path / "users.parquet"
    )
    conf = config(
        tmp_path,
        items={
            "path": [str(tmp_path / "items.parquet")],
            "tags": ["kind"],
            "numeric": {"size": "size"},
            "vectors": {"image": "look"},
        },
        users={"path": [str(tmp_path / "users.parquet")], "attributes": ["sex"]},
    )
    m = clean.run(spark, conf)
    assert (m.rows_in, m.rows_out, m.rows_rejected) == (44, 40, 4)
    assert m.facts["rejected"] == {"duplicate": 1, "low_quantity": 1, "no_order": 1, "null_user": 1}
    found = {r["user_id"]: r["attributes"] for r in read(spark, conf.root, tables.USERS).collect()}
    assert found == {**{f"u{k}": {} for k in range(1, 7)}, "u0": {"sex": "F"}, "quiet": {}, "only_bad": {}}
    looks = {r["item_id"]: r["vectors"] for r in read(spark, conf.root, tables.ITEMS).collect()}
    assert looks == {"i0": {"image": [1.0, 2.0]}, "i1": {}, "i9": {}}
    assert versions.current(conf.root, tables.ITEMS).facts["bad_vector"] == 1  # refused items do not count
    refused = [(r["source"], r["reject_reason"]) for r in read(spark, conf.root, tables.REJECTS).collect()]
    assert sorted(refused) == [
        ("events", "duplicate"), ("events", "low_quantity"), ("events", "no_order"), ("events", "null_user"),
        ("items", "conflicting_item"), ("items", "null_item"), ("users", "duplicate_user"), ("users", "empty_user"),
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
        conf = config(folder, core={"items": 2, "users": 2}, fit_before="all")
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
    assert files.walk(str(tmp_path / "root")) == {}


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


CSV_ROWS = [  # what the log says -> the rule that refuses it
    ("e1,a,x,buy,1000,2.5,1,s1", None),
    ("e2,a,y,buy,2000,2.5,2,s1", "cancelled"),
    ("e3,a,y,buy,3000,2.5,-2,s1", "cancellation"),
    ("e4,a,y,buy,4000,2.5,-2,s1", "unmatched_cancellation"),
    ("e5,a,w,view,5000,,,s1", None),
    ("e6,a,w,view,5001,,,s1", "double_click"),
    ("e7,a,w,buy,9000,2.5,1,s1", "consecutive_repeat"),
    ("e1,a,z,buy,9500,2.5,1,s1", "conflicting_event_id"),
    ("e8,a,z,buy,9600,2.5,1,s1", None),
    ("e8,a,z,buy,9600,2.5,1,s1", "duplicate_event_id"),
    ("e99,a,z,buy,9600,9.5,3,s2", "duplicate"),
    ("e9,,z,buy,9700,2.5,1,s3", None),
    ("e10,,z,buy,9700,2.5,1,", "null_user"),
    ("e11,b,z,dance,9800,2.5,1,s4", "unknown_type"),
    ("e12,b,z,spam,9800,2.5,1,s4", "zero_weight"),
    ("e13,b,z,buy,9900,NaN,1,s4", "bad_value"),
    ("e14,b,z,buy,9900,Infinity,1,s4", "bad_value"),
    ("e15,b,z,buy,9900,1000.01,1,s4", "high_value"),
    ("e16,b,z,buy,9900,-1,1,s4", "low_value"),
    ("e17,b,z,buy,9900,1,1e3,s4", "high_quantity"),
    ("e18,b,z,buy,nonsense,1,1,s4", "bad_timestamp"),
    ("e19,b,__HIVE_DEFAULT_PARTITION__,buy,9900,1,1,s4", None),
    ("e20,'; drop table x --,=cmd(),buy,9900,1,1,s4", None),
    ("e21,../../x,{0},buy,9901,1,1,s4", None),
    ("e22,None,null,buy,9902,1,1,s4", None),
    ("short,b", "malformed"),
    ("e23,b,z,buy,9900,1,1,s4,more", "malformed"),
]


def test_every_rule_on_a_csv_log(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("id,u,i,kind,t,v,q,s\n" + "\n".join(line for line, _ in CSV_ROWS) + "\n")
    events = {"format": "csv", "path": [str(tmp_path / "log.csv")], "options": {"header": "true"}, "user_id": "u",
              "item_id": "i", "time": "t", "time_unit": "s", "event_id": "id", "event_type": "kind", "value": "v",
              "quantity": "q", "session": "s", "weights": {"buy": 1.0, "view": 0.25, "spam": 0.0},
              "unknown_types": "reject"}  # fmt: skip
    conf = config(
        tmp_path, events=events, anonymous="session", min_quantity=0.5, max_quantity=100, min_value=0, max_value=1000,
        time_min="1970-01-01T00:00:00Z", cancellations="undo", double_click_s=1, consecutive_repeats="reject",
        max_reject_share=1.0,
    )  # fmt: skip
    m = clean.run(spark, conf)
    reasons = [reason for _, reason in CSV_ROWS if reason]
    assert m.facts["rejected"] == dict(Counter(reasons))
    told = m.facts["rules"]
    assert [row[0] for row in told if row[2]] == [row[0] for row in told if row[0] in reasons]
    assert told[0][:2] == ["malformed", len(CSV_ROWS)] and told[-1][1] - told[-1][2] == m.rows_out
    assert (m.rows_in, m.rows_rejected, m.facts["conflicts"]) == (len(CSV_ROWS), len(reasons), 1)
    refused = {
        (json.loads(r["row"])["id"], r["reject_reason"]): r for r in read(spark, conf.root, tables.REJECTS).collect()
    }
    assert refused["e15", "high_value"]["value"] == "1000.01"
    assert refused["short", "malformed"]["value"] == json.loads(refused["short", "malformed"]["row"])["_corrupt_record"]
    kept = {r["event_id"]: r for r in read(spark, conf.root, tables.EVENTS).collect()}
    assert kept.keys() == {line.split(",")[0] for line, reason in CSV_ROWS if reason is None}
    assert (kept["e9"]["user_id"], kept["e9"]["session"]) == ("session:s3", "s3")
    assert (kept["e1"]["weight"], kept["e5"]["weight"]) == (2**20, 2**18)
    assert (kept["e19"]["item_id"], kept["e22"]["item_id"]) == ("__HIVE_DEFAULT_PARTITION__", "null")
    assert {kept[e]["user_id"] for e in ("e20", "e21", "e22")} == {"'; drop table x --", "../../x", "None"}


def fitted_world(tmp_path: Path, name: str, late: list[tuple[Any, ...]]) -> tuple[Config, Path]:
    """Forty users and a bot before the cut; whatever comes after it."""
    folder = tmp_path / name
    early = [(f"u{k % 40}", f"i{k % 7}", 9 * DAY + k * 3600, 1.0, 1) for k in range(200)]
    early += [("bot", f"i{k % 7}", 9 * DAY + k * 60, 1.0, 1) for k in range(30)]
    early += [("u1", "rare", 2 * DAY, 1.0, 1), ("seldom", "i1", 2 * DAY, 1.0, 1)]
    source(folder / "events", early + late, 2)
    more = {"core": {"items": 2, "users": 2}, "bots": {"max_events": 20}, "max_reject_share": 1.0}
    return config(folder, **more), folder


def test_bots_and_core_are_fitted_before_the_cut_and_hold_after_it(spark: Any, tmp_path: Path) -> None:
    cut = 18_000 * DAY  # as_of 2020-01-01 is day 18262, less twice 28 days is later
    late_cut = (18_262 - 20) * DAY
    late = [("u2", "i1", late_cut + k * 60, 1.0, 1) for k in range(30)]
    late += [("bot", "i9", late_cut, 1.0, 1), ("u1", "rare", late_cut, 1.0, 1), ("seldom", "i2", late_cut, 1.0, 1),
             ("new", "i1", late_cut, 1.0, 1), ("u3", "unheard", late_cut, 1.0, 1)]  # fmt: skip
    conf, _ = fitted_world(tmp_path, "a", late)
    m = clean.run(spark, conf)
    # u2 has 5 events before the cut and 30 after: no bot, but nothing beyond its 20th is kept
    assert m.facts["rejected"] == {"bot": 31, "over_cap": 15, "rare_item": 2, "rare_user": 2}
    events = read(spark, conf.root, tables.EVENTS).collect()
    assert {(r["user_id"], r["item_id"]) for r in events if r["time"] > cut * 1_000_000} == {
        ("u2", "i1"), ("new", "i1"), ("u3", "unheard")
    }  # fmt: skip
    core = {(r["kind"], r["id"]): (r["events"], r["reason"]) for r in read(spark, conf.root, tables.CORE).collect()}
    assert core["user", "bot"] == (30, "bot") and core["item", "rare"] == (1, "rare_item")
    assert core["user", "seldom"] == (1, "rare_user") and core["user", "u2"] == (5, None)
    assert ("user", "new") not in core and ("item", "unheard") not in core
    assert m.parents["fit_before"] == str((18_262 - 56) * DAY * 1_000_000)
    refused = read(spark, conf.root, tables.REJECTS).where("reject_reason IN ('rare_item', 'bot')").collect()
    assert all(json.loads(r["row"])["item_id"] for r in refused)
    other, _ = fitted_world(tmp_path, "b", [("u5", "i3", late_cut, 1.0, 1)])
    clean.run(spark, other)
    assert versions.current(conf.root, tables.CORE).fingerprint == versions.current(other.root, tables.CORE).fingerprint


def test_times_in_another_unit_are_told(spark: Any, tmp_path: Path) -> None:
    source(tmp_path / "events", [(u, i, 1_500_000_000_000 + t, v, n) for u, i, t, v, n in GOOD])
    with pytest.raises(DataError, match="D310") as caught:
        clean.run(spark, config(tmp_path))
    assert "look like ms" in caught.value.hint and "time_unit=ms" in caught.value.hint


def test_broken_files_are_left_out_and_counted(spark: Any, tmp_path: Path) -> None:
    source(tmp_path / "events", GOOD, 2)
    (tmp_path / "events/1.parquet").write_bytes(b"")
    events = config(tmp_path).clean.events.model_dump() | {"on_corrupt_file": "quarantine"}
    m = clean.run(spark, config(tmp_path, events=events))
    assert m.rows_out == 20 and [f.rsplit("/", 1)[1] for f in m.facts["corrupt_files"]] == ["1.parquet"]
