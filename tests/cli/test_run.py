from __future__ import annotations

import io
import json
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from lstmrec import versions
from lstmrec.cli import run as verb
from lstmrec.cli.lock import locked
from lstmrec.cli.records import rows
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError, GateError, ResourceError
from lstmrec.store import door
from tests import made


def test_selection():
    assert verb.selection(None, None, None) == verb.JOBS
    assert verb.selection("train", None, None) == ("train", "score", "evaluate", "report")
    assert verb.selection("split", "profile", None) == ("split", "normalise", "profile")
    assert verb.selection(None, None, "score") == ("score",)
    for bad in (("scor", None, None), ("train", "split", None), (None, "train", "split")):
        with pytest.raises(ConfigError, match="C030"):
            verb.selection(*bad)


def test_runs_are_numbered_and_keep_their_config(tmp_path):
    conf = made.config(tmp_path)
    assert [verb.new_run(conf), verb.new_run(conf)] == ["000001", "000002"]
    kept = json.loads((tmp_path / "_runs" / "000002" / "config.json").read_text())
    assert kept == conf.model_dump(mode="json")


def test_a_second_run_is_refused_while_the_first_lives(tmp_path):
    with locked(str(tmp_path), "000001"):
        with pytest.raises(ResourceError, match="locked by run 000001"), locked(str(tmp_path), "000002"):
            pass
    with locked(str(tmp_path), "000003"):
        assert "run 000003" in (tmp_path / "_lock").read_text()


@pytest.fixture
def jobs(monkeypatch):
    """clean and split that commit a manifest; calls are noted."""
    calls: list[str] = []

    def make(name: str, needs: tuple, gives: Any) -> Any:
        module = SimpleNamespace(__name__=f"lstmrec.jobs.{name}", NEEDS=needs, GIVES=(gives,), SECTIONS=("split",),
                                 VERSION=1, SPARK=False)  # fmt: skip

        def run(spark: Any, conf: Any) -> Any:
            calls.append(name)
            if name == "split" and conf.seed == 13:
                raise DataError("D320", "test: 0 users")
            t = door.ticket(module, conf)
            return versions.seal(
                conf.root, t.manifest(gives, versions.new_version(t.skip_key), fingerprint="f", rows_out=5)
            )

        module.run = run
        monkeypatch.setitem(sys.modules, f"lstmrec.jobs.{name}", module)
        return module

    make("clean", (), tables.EVENTS)
    make("split", (tables.EVENTS,), tables.SPLIT)
    return calls


def walked(conf: Any, force: bool = False) -> list[str]:
    out = io.StringIO()
    try:
        console = Console(file=out, highlight=False, soft_wrap=True)
        verb.walk(conf, ("clean", "split"), force, console, verb.new_run(conf))
    finally:
        walked.text = out.getvalue()  # type: ignore[attr-defined]
    return walked.text.splitlines()  # type: ignore[attr-defined]


def test_walk_runs_then_skips_and_tells(tmp_path, jobs):
    conf = made.config(tmp_path)
    first = walked(conf)
    assert first[0].startswith("1/9 clean      ok    5 rows")
    assert "2 ok, 0 skipped, 0 failed" in first[-1]
    second = walked(conf)
    assert second[1].startswith("2/9 split      skip")
    assert "0 ok, 2 skipped, 0 failed" in second[-1]
    assert jobs == ["clean", "split"]
    walked(conf, force=True)
    assert jobs == ["clean", "split"] * 2
    assert "\x1b" not in "".join(first)
    assert [(r["run"], r["job"], r["state"], r["rows"]) for r in rows(conf.root)] == [
        ("000001", "clean", "ok", 5), ("000001", "split", "ok", 5), ("000002", "clean", "skip", 5),
        ("000002", "split", "skip", 5), ("000003", "clean", "ok", 5), ("000003", "split", "ok", 5),
    ]  # fmt: skip


def test_a_failing_job_is_told_and_raised(tmp_path, jobs):
    conf = made.config(tmp_path, seed=13)
    with pytest.raises(DataError, match="D320"):
        walked(conf)
    lines = walked.text.splitlines()  # type: ignore[attr-defined]
    assert lines[1].startswith("2/9 split      fail")
    assert "1 ok, 0 skipped, 1 failed" in lines[2]
    assert [(r["job"], r["state"], r["error"]) for r in rows(conf.root)] == [
        ("clean", "ok", ""),
        ("split", "fail", "D320"),
    ]


def test_the_end_of_a_run(tmp_path, capsys):
    from lstmrec.jobs import report

    conf = made.root(tmp_path)
    report.run(None, conf)
    (tmp_path / "report.html").unlink()
    verb.finish(conf, Console(highlight=False, soft_wrap=True))
    lines = capsys.readouterr().out.splitlines()
    last = json.loads(lines[-1])
    assert last == {"users": 2, "items": 4, "events": 6, "ndcg_10": 0.41, "hr_10": 0.41, "users_scored": 2,
                    "beats_popularity": True, "beats_item_knn": False, "beats_personal": True}  # fmt: skip
    text = "\n".join(lines)
    assert "user " in text and "Milk" in text and "ndcg@10" in text and "report.html" in text
    assert (tmp_path / "report.html").exists()
    assert versions.log(conf.root, "report", "live")


def test_a_failing_gate_ends_the_run(tmp_path):
    conf = made.root(tmp_path, recommenders=("model", "popularity"))
    with pytest.raises(GateError):
        verb.finish(conf, Console(file=io.StringIO()))


def test_long_jobs_show_that_they_live():
    class Heard(io.StringIO):
        lines = threading.Event()

        def write(self, text: str) -> int:
            if "3/9 normalise works for" in text:
                self.lines.set()
            return super().write(text)

    out = Heard()
    with verb.heartbeat(Console(file=out, soft_wrap=True), "3/9 normalise", every_s=0.01):
        assert out.lines.wait(60)
    quiet = io.StringIO()
    with verb.heartbeat(Console(file=quiet), "6/9 train", quiet=True, every_s=0.0):
        pass
    assert quiet.getvalue() == ""
