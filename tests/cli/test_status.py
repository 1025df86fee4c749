from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from lstmrec import versions
from lstmrec.cli import status
from lstmrec.contracts import tables
from lstmrec.store import door
from tests import made


def job(name: str, needs: tuple, gives: tuple, **more: Any) -> Any:
    base = {"__name__": f"lstmrec.jobs.{name}", "NEEDS": needs, "GIVES": gives, "SECTIONS": ("as_of", "split"),
            "VERSION": 1, "SPARK": False}  # fmt: skip
    return SimpleNamespace(**(base | more))


FIRST = job("clean", (), (tables.EVENTS,))
SECOND = job("split", (tables.EVENTS,), (tables.SPLIT,))


def commit(conf: Any, *jobs: Any) -> None:
    for j in jobs:
        t = door.ticket(j, conf)
        made_of = t.manifest(j.GIVES[-1], versions.new_version(t.skip_key), fingerprint=t.skip_key)
        versions.seal(conf.root, made_of)


def told(conf: Any, *jobs: Any) -> list[tuple[str, str]]:
    return [(s.state, s.why) for s in status.states(conf, list(jobs))]


def test_never_then_done_then_why_stale(tmp_path):
    conf = made.config(tmp_path)
    assert told(conf, FIRST, SECOND) == [("never", "has not run"), ("never", "after clean")]
    commit(conf, FIRST, SECOND)
    assert told(conf, FIRST, SECOND) == [("done", ""), ("done", "")]
    changed = made.config(tmp_path, split={"test_days": 7})
    assert told(changed, FIRST, SECOND)[0] == ("stale", "config: split.test_days")
    assert told(conf, job("clean", (), (tables.EVENTS,), VERSION=2), SECOND) == [
        ("stale", "version 1 -> 2"), ("stale", "after clean"),
    ]  # fmt: skip
    other = made.config(tmp_path, as_of="2018-02-01T00:00:00Z")
    commit(other, FIRST)
    assert told(other, FIRST, job("split", (tables.EVENTS,), (tables.SPLIT,), SECTIONS=("split",)))[1][0] == "stale"
    assert told(conf, SECOND) == [("stale", "input: events")]
