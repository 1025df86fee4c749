from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from lstmrec import versions
from lstmrec.cli import main, run
from lstmrec.contracts import tables
from tests import made


def written(path: Path) -> str:
    """A config file of a root that has everything up to METRICS."""
    file = path / "c.yaml"
    file.write_text(made.pictured(path).model_dump_json())
    return str(file)


def printed(capsys: Any, *argv: str) -> Any:
    capsys.readouterr()
    assert main.call(list(argv)) == 0
    return json.loads(capsys.readouterr().out)


def test_the_page_is_made_anew_each_time_and_nothing_is_published(tmp_path, capsys):
    file = written(tmp_path)
    assert main.call(["report", "-c", file]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("report     ok    gates ") and out[-1] == f"{tmp_path}/report.html"
    first = versions.current(str(tmp_path), tables.REPORT).version
    (tmp_path / "report.html").unlink()
    told = printed(capsys, "report", "-c", file, "--json")
    assert told["report"] == f"{tmp_path}/report.html" and told["version"] != first
    assert "warn" in told["gates"] and (tmp_path / "report.html").is_file()
    assert not versions.log(str(tmp_path), "report", "live")


def test_what_is_missing_is_said(tmp_path, capsys):
    (tmp_path / "c.yaml").write_text(made.config(tmp_path / "nothing").model_dump_json())
    assert main.call(["report", "-c", str(tmp_path / "c.yaml")]) == 3
    assert "error[D105]" in capsys.readouterr().err


def test_other_verbs_speak_json_too(tmp_path, capsys):
    file = written(tmp_path)
    told = printed(capsys, "show-user", "718", "-c", file, "--json", "--events", "2")
    assert (told["events"], [e["title"] for e in told["history"]]) == (4, [made.NASTY, None])
    assert told["items"][0]["because"][0] == {"item_id": "c", "title": made.NASTY, "influence": 0.5}
    assert told["because"] == ["c"] and told["reason"] == "full_history"
    jobs = printed(capsys, "status", "-c", file, "--json")["jobs"]
    assert [j["job"] for j in jobs][-2:] == ["evaluate", "report"] and jobs[-1]["state"] == "never"
    assert main.call(["report", "-c", file]) == 0
    told = printed(capsys, "publish", "-c", file, "--json")
    assert told["published"] is True and {g["level"] for g in told["gates"]} == {"pass", "warn"}


def test_the_page_of_a_day_is_made_of_the_last_that_was_judged(tmp_path, capsys):
    conf = made.root(tmp_path, recommenders=["model"])
    (tmp_path / "c.yaml").write_text(conf.model_dump_json())
    figures = {f"{m}_10": 0.25 for m in ("ndcg", "recall", "hr", "mrr")}
    facts = {"k": 10, "users": 7, "new": 1, "since": "2017-12-31T00:00:00Z", "days": {"model": figures}}
    made.put(tmp_path, tables.JUDGED, [], facts=facts)
    told = printed(capsys, "report", "-c", str(tmp_path / "c.yaml"), "--flow", "daily", "--json")
    assert told == {"report": str(tmp_path / "day.html"), "version": "v1"}
    assert "7 users judged by the lists of 2017-12-31" in (tmp_path / "day.html").read_text()
    assert versions.log(str(tmp_path), "report") == []


def test_the_end_of_a_day_says_how_an_experiment_stands_with_a_page_or_without(tmp_path, monkeypatch):
    conf = made.root(tmp_path, recommenders=["model"])
    told = {"users judged": "7", "b - control": "+0.0100, open, 3 days"}
    made.put(
        tmp_path, tables.JUDGED, [], facts={"k": 10, "users": 7, "new": 1, "since": None, "days": {}, "told": told}
    )

    def said() -> list[str]:
        out = io.StringIO()
        run._variants(conf, Console(file=out, width=200, soft_wrap=True))
        return out.getvalue().splitlines()

    assert said() == ["variant b - control: +0.0100, open, 3 days", f"report  {tmp_path}/day.html"]
    monkeypatch.setitem(sys.modules, "lstmrec.report.day", None)  # as where the extra `report` is not installed
    monkeypatch.delattr("lstmrec.report.day", raising=False)
    assert said()[1].startswith("no page of the day: ") and "lstmrec[report]" in said()[1]
