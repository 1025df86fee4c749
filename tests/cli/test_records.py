from __future__ import annotations

import json

from lstmrec.cli import records
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import DataFile
from tests import made


def test_a_job_is_kept_once_with_what_it_took_and_gave(tmp_path, capsys):
    conf = made.config(tmp_path)
    good = made.manifest(tables.EVENTS, "v1", rows_in=10, rows_out=8, rows_rejected=2,
                         files=(DataFile("a", 5, 1_500_000), DataFile("b", 3, 700_000)))  # fmt: skip
    row = records.record(conf, "000001", 1, "clean", "ok", 12.3456, good)
    records.record(conf, "000001", 2, "split", "fail", 1.0, None, "D320")
    records.record(conf, "000002", 1, "clean", "skip", 0.01, good)
    records.record(conf, "000002", 1, "clean", "fail", 9.0, None)  # what is kept stays
    assert (row["seconds"], row["rows_in"], row["rows"], row["rejected"]) == (12.346, 10, 8, 2)
    assert (row["bytes"], row["version"], row["job_version"]) == (2_200_000, "v1", 1) and row["peak_mb"] > 10
    kept = records.rows(str(tmp_path))
    assert kept[0] == row == json.loads((tmp_path / "_runs/000001/1_clean.json").read_text())
    assert [(r["run"], r["job"], r["state"], r["error"]) for r in kept] == [
        ("000001", "clean", "ok", ""), ("000001", "split", "fail", "D320"), ("000002", "clean", "skip", ""),
    ]  # fmt: skip
    assert kept[1]["rows"] is None and {frozenset(r) for r in kept} == {frozenset(row)}


def test_runs_prints_the_newest_and_all_as_json(tmp_path, capsys):
    from lstmrec.cli.main import call

    conf = made.config(tmp_path)
    (tmp_path / "c.yaml").write_text(json.dumps(conf.model_dump(mode="json")))
    assert call(["runs", "--config", str(tmp_path / "c.yaml")]) == 0
    assert "no run has ended a job yet" in capsys.readouterr().out
    for run in ("000001", "000002"):
        records.record(conf, run, 2, "split", "fail", 61.5, None, "D320")
    assert call(["runs", "--config", str(tmp_path / "c.yaml"), "--last", "1"]) == 0
    said = capsys.readouterr().out
    assert "fail D320" in said and "61.5" in said and "000001" not in said
    assert call(["runs", "--config", str(tmp_path / "c.yaml"), "--json"]) == 0
    assert [json.loads(line)["run"] for line in capsys.readouterr().out.splitlines()] == ["000001", "000002"]
