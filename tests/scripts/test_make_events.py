"""The synthetic log holds what it says it planted, in the same rows however it is written."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lstmrec.config.load import load
from lstmrec.contracts import tables
from lstmrec.jobs import clean
from lstmrec.store.read import read
from tests import by_path

SIZE = ["--events", "30000", "--users", "300", "--items", "1000", "--days", "60"]

#: What our own clean says of each kind of dirt.
REASONS = {
    "null_user": "null_user", "empty_user": "empty_user", "long_user": "too_long_id", "null_item": "null_item",
    "blank_item": "empty_item", "control_character": "control_character", "bad_encoding": "bad_encoding",
    "unknown_item": "unknown_item", "no_time": "no_order", "unreadable_time": "bad_timestamp",
    "too_early": "too_early", "future": "future", "nan_price": "bad_value", "infinite_price": "bad_value",
}  # fmt: skip


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return by_path.script("scripts/make_events.py")


@pytest.fixture(scope="module")
def made(script: ModuleType, spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "log"
    assert script.main([*SIZE, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def planted(made: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made / "_PLANTED.json").read_text())
    return found


def test_every_row_is_of_one_kind(script: ModuleType, spark: Any, made: Path, planted: dict[str, Any]) -> None:
    assert set(planted["kinds"]) == {"event", "bot", *script.COPIES, *script.DIRT}
    assert sum(planted["kinds"].values()) == planted["events"] == spark.read.parquet(f"{made}/events").count() == 30_000
    items, users = (spark.read.parquet(f"{made}/{name}") for name in ("items", "users"))
    assert items.count() == 1_000 + planted["repeated_items"] and items.select("item_id").distinct().count() == 1_000
    assert users.count() == 300 + planted["repeated_users"] and users.select("user_id").distinct().count() == 300


def test_copies_are_told_as_their_kind_says(spark: Any, made: Path, planted: dict[str, Any]) -> None:
    log = [r.asDict() for r in spark.read.parquet(f"{made}/events").where("user_id LIKE 'u%'").collect()]
    assert len(log) - len({tuple(map(repr, r.values())) for r in log}) == planted["kinds"]["exact_duplicate"]
    once = list({tuple(map(repr, r.values())): r for r in log}.values())
    by_id = Counter(r["event_id"] for r in once)
    assert sum(n - 1 for n in by_id.values()) == planted["kinds"]["repeated_event_id"]

    def told(r: dict[str, Any], later: int = 0) -> tuple[Any, ...]:
        return r["user_id"], r["item_id"], r["event_type"], None if r["ts"] is None else r["ts"] + later

    distinct = list({r["event_id"]: r for r in once}.values())
    same = Counter(map(told, distinct))
    assert sum(n - 1 for n in same.values() if n > 1) >= planted["kinds"]["late_duplicate"]
    assert sum(told(r, -1) in same for r in distinct) >= planted["kinds"]["double_click"]
    undone = [r for r in distinct if (r["quantity"] or 0) < 0]
    assert len(undone) == planted["kinds"]["cancellation"]
    assert all(told(r, -3_600) in same for r in undone)


def test_bots_are_faster_than_people(spark: Any, made: Path, planted: dict[str, Any]) -> None:
    bots = spark.read.parquet(f"{made}/events").where("user_id LIKE 'bot%'").groupBy("user_id")
    found = {r["user_id"]: r for r in bots.agg({"*": "count", "ts": "max"}).collect()}
    assert len(found) == planted["bots"] == 2
    assert sum(r["count(1)"] for r in found.values()) == planted["kinds"]["bot"]
    assert max(r["count(1)"] for r in found.values()) > 0.6 * planted["kinds"]["bot"]


@pytest.fixture(scope="module")
def people(spark: Any, made: Path) -> list[tuple[str, int, int]]:
    """(user, item number, ts) of sound rows, by user and time."""
    log = spark.read.parquet(f"{made}/events").where("user_id RLIKE '^u[0-9]{9}$' AND item_id RLIKE '^i[0-9]{9}$'")
    return sorted((r["user_id"], int(r["item_id"][1:]), r["ts"]) for r in log.where("ts BETWEEN 1 AND 2e9").collect())


def test_tastes_sessions_and_trends_are_there(people: list[tuple[str, int, int]], planted: dict[str, Any]) -> None:
    groups = planted["groups"]
    by_user: dict[str, Counter[int]] = {}
    for user, item, _ in people:
        by_user.setdefault(user, Counter())[item % groups] += 1
    heavy = [c for c in by_user.values() if c.total() >= 50]
    top = sum(sum(n for _, n in c.most_common(3)) for c in heavy) / sum(c.total() for c in heavy)
    everyone = sum(by_user.values(), Counter())
    assert len(heavy) > 50 and top > 0.7
    assert sum(n for _, n in everyone.most_common(3)) / everyone.total() < 0.25  # favourites differ from user to user

    by_time = sorted((user, ts, item) for user, item, ts in people)
    steps = [(b[1] - a[1], a[2] % groups == b[2] % groups)
             for a, b in itertools.pairwise(by_time) if a[0] == b[0]]  # fmt: skip
    near = [alike for gap, alike in steps if 0 < gap < 600]
    assert 0.5 < len(near) / len(steps) < 0.95
    assert sum(near) / len(near) > 0.9  # a session stays in its group

    def popular(rows: list[tuple[str, int, int]]) -> set[int]:
        return {item for item, _ in Counter(item for _, item, _ in rows).most_common(50)}

    middle = (min(r[2] for r in people) + max(r[2] for r in people)) / 2
    early, late = [r for r in people if r[2] < middle], [r for r in people if r[2] >= middle]
    drift = len(popular(early) & popular(late))
    noise = len(popular(people[::2]) & popular(people[1::2]))
    assert 10 < drift < noise - 5


def test_the_same_rows_in_one_file_and_in_three(script: ModuleType, spark: Any, tmp_path: Path) -> None:
    world = script.World(3_000, 50, 200, 20, 7, False)
    logs = {}
    for parts in (1, 3):
        script.make(spark, world, str(tmp_path / str(parts)), parts)
        read_back = spark.read.parquet(str(tmp_path / str(parts) / "events"))
        logs[parts] = sorted(repr(tuple(r)) for r in read_back.collect())
        assert len(list((tmp_path / str(parts) / "events").glob("*.parquet"))) == parts
    assert logs[1] == logs[3]
    other = script.World(3_000, 50, 200, 20, 8, False)
    assert script.make(spark, other, str(tmp_path / "other"), 1)["kinds"]["event"] < 3_000
    assert sorted(repr(tuple(r)) for r in spark.read.parquet(str(tmp_path / "other/events")).collect()) != logs[1]


def test_a_clean_log(script: ModuleType, spark: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "log")
    assert script.main([*SIZE, "--clean", "--out", out]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    log = spark.read.parquet(f"{out}/events")
    assert log.columns == ["user_id", "item_id", "ts"]
    assert set(said["kinds"]) == {"event", "exact_duplicate"}
    lost = log.count() - log.distinct().count()
    assert said["kinds"]["exact_duplicate"] <= lost <= said["kinds"]["exact_duplicate"] + 5
    assert log.where("user_id IS NULL OR item_id IS NULL OR ts IS NULL OR length(item_id) != 10").count() == 0
    assert sorted(p.name for p in Path(out).iterdir()) == ["_PLANTED.json", "events"]
    assert script.main([*SIZE, "--out", out]) == 2
    assert "is there already" in capsys.readouterr().err


def test_clean_refuses_what_was_planted(spark: Any, made: Path, planted: dict[str, Any], tmp_path: Path) -> None:
    source = tmp_path / "conf.yaml"
    source.write_text(f"""
root: {tmp_path / "root"}
as_of: "{planted["as_of"]}"
clean:
  events: {{path: ["{made}/events"], time: ts, time_unit: s, event_type: event_type, event_id: event_id, value: price,
           quantity: quantity}}
  items: {{path: ["{made}/items"]}}
  unknown_items: reject
  unique_event_id: true
  cancellations: undo
  double_click_s: 3
  fit_before: all
  bots: {{per_minute: 15}}
""")
    conf = load([str(source)], [])
    clean.run(spark, conf)
    found = Counter(r["reject_reason"] for r in read(spark, conf.root, tables.REJECTS).collect())
    kinds, wanted = planted["kinds"], Counter[str]()
    for kind, reason in REASONS.items():
        wanted[reason] += kinds[kind]
    assert {reason: found[reason] for reason in wanted} == dict(wanted)
    told_again = found["duplicate_event_id"] + found["conflicting_event_id"]
    assert told_again == kinds["exact_duplicate"] + kinds["repeated_event_id"]
    assert found["conflicting_event_id"] >= kinds["repeated_event_id"]
    # The rest may meet one another (a double click that is taken back), so these are nearly what was planted.
    for kind, reason in (("late_duplicate", "duplicate"), ("double_click", "double_click"),
                         ("cancellation", "cancellation"), ("cancellation", "cancelled"), ("bot", "bot")):  # fmt: skip
        assert 0.9 * kinds[kind] <= found[reason] <= 1.1 * kinds[kind], (reason, found, kinds)
