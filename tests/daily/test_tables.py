"""s1 to s4 of two days: the tables of a day that goes on from another are those made from all events."""

from __future__ import annotations

import importlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from lstmrec import files, rows, versions
from lstmrec.config.run import Config
from lstmrec.config.split import instant_us
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.store import door
from lstmrec.store.commit import Ticket
from lstmrec.store.daily import clean, fitted, links
from lstmrec.store.prune import old
from lstmrec.store.read import read
from tests.daily import days

JOBS = ("clean", "split", "normalise", "profile")
MADE = ("items", "users", "core", "events", "split", "cuts", "vocabulary", "scalers", "encoded_items", "encoded_users",
        "windows", "item_profiles", "user_profiles")  # fmt: skip
FITTED = ("events", "core", "vocabulary", "scalers", "encoded_users", "encoded_items", "user_profiles")


def config(root: Path | str, source: Path, day: int, **more: Any) -> Config:
    """The log's, whose events have numbers of their own."""
    conf = days.config(Path(root), source, day, **more)
    events = conf.clean.events.model_copy(update={"event_id": "number"})
    return conf.model_copy(update={"clean": conf.clean.model_copy(update={"events": events})})


def walk(spark: Any, conf: Config, *jobs: str) -> list[str]:
    return [door.walk(importlib.import_module(f"lstmrec.jobs.{j}"), conf, spark=spark).state for j in jobs or JOBS]


def made(root: Path | str, name: str) -> Any:
    return versions.current(str(root), tables.table(name))


def links_of(root: str, m: Any) -> list[Any]:
    return [*(versions.load(root, tables.table(m.table), v) for v in m.facts["chain"]), m]


def bundle(root: str) -> None:
    """What training leaves: it is not read here, what it was fitted with is."""
    place = versions.folder(root, "bundle", "v1")
    files.create(files.join(place, "weights"), b"x")
    ticket = Ticket(root, "train", 1, "k", days.as_of(days.FIRST - 1))
    facts = {"fitted": {name: made(root, name).version for name in FITTED}}
    versions.seal_files(root, ticket.manifest(tables.BUNDLE, "v1", facts=facts))


@pytest.fixture(scope="module")
def two(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path, days.Log]:
    """(a root after two days, another whose second day was made whole, the source, its log)."""
    base = tmp_path_factory.mktemp("days")
    source, root, whole = base / "source", base / "root", base / "whole"
    log, day = days.Log(days=4, ids=True), days.FIRST
    log.write(source, day - 1)
    walk(spark, config(root, source, day - 1))
    bundle(str(root))
    log.write(source, day)
    walk(spark, config(root, source, day, flow="daily"))
    shutil.copytree(root, whole)
    log.write(source, day + 1)
    walk(spark, config(root, source, day + 1, flow="daily"))
    walk(spark, config(whole, source, day + 1, flow="daily", daily={"whole": True}))
    return root, whole, source, log


def test_the_tables_of_a_day_are_those_made_from_all_events(two: Any) -> None:
    root, whole, _, _ = two
    assert {n: made(root, n).fingerprint for n in MADE} == {n: made(whole, n).fingerprint for n in MADE}
    assert {n: made(root, n).rows_out for n in MADE} == {n: made(whole, n).rows_out for n in MADE}


def test_only_who_moved_is_written(two: Any) -> None:
    root, whole, _, _ = two
    for name in ("events", "split", "windows", "user_profiles"):
        day, other = made(root, name), made(whole, name)
        assert day.facts["chain"] and not other.facts.get("chain"), name
        assert 0 < sum(f.rows for f in day.files) < day.rows_out / 2, name
        assert sum(f.rows for f in other.files) == other.rows_out, name
    assert made(root, "events").facts["moved"] == made(root, "split").facts["moved"] == 7


def test_what_was_fitted_is_applied(two: Any) -> None:
    root = str(two[0])
    pinned = fitted.of(root)
    for name in ("vocabulary", "scalers", "core"):
        assert made(root, name).fingerprint == pinned.digests[name], name
    names = ["item_id", "item", "id", "count"]
    was, now = (
        {r["item_id"]: tuple(r[n] for n in names[1:]) for r in rows.select(root, m, names)}
        for m in (pinned[tables.ENCODED_ITEMS], made(root, "encoded_items"))
    )  # fmt: skip
    assert was.items() <= now.items()
    new = {i: now[i] for i in now.keys() - was.keys()}  # in the order of the days
    assert new == {"i16": (days.ITEMS + 2, 1, 0), "i17": (days.ITEMS + 3, 1, 0)}
    assert made(root, "user_profiles").facts["scalers"] == pinned[tables.USER_PROFILES].facts["scalers"]


def test_a_chain_is_read_alike_with_and_without_spark(spark: Any, two: Any) -> None:
    root = str(two[0])
    columns = ["user_id", "index", "item_id"]
    ours = {tuple(r[c] for c in columns) for r in rows.select(root, made(root, "split"), columns)}
    theirs = [tuple(r) for r in read(spark, root, tables.SPLIT).select(*columns).collect()]
    assert len(theirs) == len(ours) == made(root, "split").rows_out and set(theirs) == ours
    split = made(root, "split")
    moved = {r["user_id"] for r in rows.select(root, replace(split, facts={}), ["user_id"])}  # in its own files
    asked = {
        then: links.since(spark, root, tables.SPLIT, split, then) for then in (*split.facts["chain"], "", split.version)
    }
    assert asked.pop("") is None and asked.pop(split.version).count() == 0
    since = [tuple(r) for r in asked[split.facts["chain"][-1]].select(*columns).collect()]
    assert sorted(since) == sorted(row for row in ours if row[0] in moved)
    user = sorted(moved)[0]
    mine = rows.select(root, made(root, "split"), columns, ds.field("user_id") == user)
    assert sorted(r["index"] for r in mine) == list(range(len(mine))) and len(mine) > 0


def test_rows_of_late_are_looked_for_where_they_may_lie(spark: Any, two: Any) -> None:
    root = str(two[0])
    events = made(root, "events")
    until = {m.version: instant_us(m.as_of) for m in links_of(root, events)}
    every = read(spark, root, tables.EVENTS).select("user_id", "row_hash", "time").collect()
    for us in {*until.values(), min(until.values()) - 1}:
        found = links.lately(spark, root, tables.EVENTS, events, lambda m: until[m.version], us)
        later = sorted(tuple(r) for r in every if r["time"] > us)
        assert later == sorted(tuple(r) for r in found.where(f"time > {us}").select(*every[0].__fields__).collect())
        looked = {path.split("/events/")[1].split("/")[0] for path in found.inputFiles()}
        assert looked == {v for v, at in until.items() if at > us}, us


def test_prune_keeps_what_days_are_made_of(two: Any) -> None:
    root = str(two[0])
    gone = {(o.table, o.version) for o in old(root, 1)}
    for name in ("events", "split", "windows", "user_profiles"):
        assert not {(name, v) for v in made(root, name).facts["chain"]} & gone, name
    assert not {(m.table, m.version) for m in fitted.of(root).tables.values()} & gone


def test_a_day_made_again_is_skipped_and_an_older_one_goes_on_from_its_own_yesterday(spark: Any, two: Any) -> None:
    root, _, source, log = two
    again = config(root, source, days.FIRST + 1, flow="daily")
    assert walk(spark, again) == ["skip"] * 4
    last = made(root, "events")
    log.write(source, days.FIRST)
    log.write(source, days.FIRST + 1)  # the same rows in a file that was written anew: made again, the same
    assert walk(spark, again, "clean") == ["ok"]
    assert made(root, "events").fingerprint == last.fingerprint
    assert made(root, "events").facts["chain"] == last.facts["chain"]


def test_keys_that_change_no_row_begin_no_chain(tmp_path: Path) -> None:
    """Days of before they were there have no word of them, so none may be among the rules."""
    conf = config(tmp_path / "root", tmp_path, days.FIRST + 1, flow="daily")
    asked = conf.clean.events.model_copy(update={"success_file": True})
    old = conf.clean.model_dump(mode="json")
    del old["events"]["success_file"]
    assert clean._rules(old) == clean._own(conf.clean) == clean._own(conf.clean.model_copy(update={"events": asked}))
    assert clean._own(conf.clean.model_copy(update={"min_quantity": 2})) != clean._own(conf.clean)


def test_rules_that_look_at_more_than_is_known_make_every_day_from_all_events(two: Any, monkeypatch: Any) -> None:
    root, _, source, _ = two
    asked = [{}, {"consecutive_repeats": "reject"}, {"consecutive_repeats": "reject", "core": {}},
             {"cancellations": "undo"}, {"unknown_items": "reject"}]  # fmt: skip
    base, pinned = config(root, source, days.FIRST + 2, flow="daily"), fitted.of(str(root))
    monkeypatch.setattr(clean, "_like", lambda *_: made(root, "events").facts["like"])  # the day before had them too
    found = []
    for one in asked:
        rules = base.clean.model_validate(base.clean.model_dump() | one)
        found.append(clean.yesterday(base.model_copy(update={"clean": rules}), pinned))
    assert [f is not None for f in found] == [True, False, True, False, False]


def test_late_events_are_taken_in_within_the_horizon_and_counted_beyond(spark: Any, two: Any, tmp_path: Path) -> None:
    _, whole, _, _ = two
    log = days.Log(days=4, ids=True)
    day, source, root = days.FIRST + 2, tmp_path / "source", tmp_path / "root"
    shutil.copytree(whole, root)
    start = days.START
    log.rows.append((day, "u01", "i03", start + (day - 2) * days.DAY + 7, "buy", 1))  # two days late
    log.rows.append((day, "u01", "i03", start + (day - 9) * days.DAY + 7, "buy", 1))  # far too late
    log.write(source, day)
    before = made(root, "events").rows_out
    walk(spark, config(root, source, day, flow="daily"), "clean")
    events = made(root, "events")
    times = {r["time"] for r in rows.select(str(root), events, ["time"], ds.field("user_id") == "u01")}
    assert (start + (day - 2) * days.DAY + 7) * 1_000_000 in times
    assert (start + (day - 9) * days.DAY + 7) * 1_000_000 not in times
    assert events.facts["late"] == 1 and events.rows_out == before + events.facts["new"]
    assert events.facts["today"] == {"rows": events.facts["read"], "faults": 6}  # two broken rows a day looked at


def test_who_has_no_event_left_is_in_no_link(spark: Any, two: Any, tmp_path: Path) -> None:
    """g's one event gives way to an earlier row of the same number, and CORE refuses that one: no row of g is left to
    stand in for the old ones."""
    day, source = days.FIRST + 2, tmp_path / "source"
    log = days.Log(days=4, ids=True)
    log.rows.append((day, "g", "r00", days.START + days.FIRST * days.DAY + 3, "view", 1))
    log.write(source, day)
    roots = [tmp_path / "root", tmp_path / "whole"]
    for root, daily in zip(roots, ({}, {"whole": True}), strict=True):
        shutil.copytree(two[0], root)
        walk(spark, config(root, source, day, flow="daily", daily=daily), "clean", "split")
        for name in ("events", "split"):
            assert not rows.select(str(root), made(root, name), ["user_id"], ds.field("user_id") == "g"), (root, name)
    assert [[made(root, n).fingerprint for n in MADE[:5]] for root in roots[:1]] == [
        [made(root, n).fingerprint for n in MADE[:5]] for root in roots[1:]]  # fmt: skip


def test_a_bundle_that_lost_what_it_was_fitted_with_is_told(two: Any, tmp_path: Path) -> None:
    shutil.copytree(two[0], tmp_path / "root")
    root = str(tmp_path / "root")
    shutil.rmtree(tmp_path / "root" / "scalers" / fitted.of(root)[tables.SCALERS].version)
    with pytest.raises(DataError, match="D351"):
        fitted.of(root)
