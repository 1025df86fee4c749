"""doctor --config: each path is tried by both sides, what fails is named with whose rights, nothing stays behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lstmrec import files
from lstmrec.cli import main
from lstmrec.config.load import validate
from lstmrec.store import reach


@pytest.fixture
def data(spark: Any, tmp_path: Path) -> dict[str, Any]:
    spark.range(3).selectExpr("id as user_id", "id as item_id", "id as time").write.parquet(str(tmp_path / "events"))
    source = {"path": [str(tmp_path / "events")]}
    return {"root": str(tmp_path / "root"), "as_of": "2026-01-01T00:00:00Z", "clean": {"events": source}}


def tried(spark: Any, data: dict[str, Any], environ: dict[str, str] | None = None) -> dict[tuple[str, str, str], Any]:
    return {(r.key, r.by, r.act): r for r in reach.probes(spark, validate(data), environ or {})}


def test_what_can_be_reached_is_ok_and_nothing_stays(spark: Any, data: dict[str, Any]) -> None:
    done = tried(spark, data)
    assert [r for r in done.values() if r.failed] == []
    assert {(by, act) for key, by, act in done if key == "root"} == {
        (reach.FSSPEC, "list"), (reach.FSSPEC, "write"), (reach.FSSPEC, "create if absent"), (reach.FSSPEC, "read"),
        (reach.SPARK, "read what fsspec wrote"), (reach.SPARK, "write"), (reach.FSSPEC, "list what Spark wrote"),
    }  # fmt: skip
    assert {("clean.events", reach.FSSPEC, "list"), ("clean.events", reach.SPARK, "read")} <= set(done)
    assert not files.names(data["root"])


def test_what_is_not_there_is_named(spark: Any, data: dict[str, Any], tmp_path: Path) -> None:
    data["clean"]["items"] = {"path": [str(tmp_path / "nothing")]}
    data["erase"] = {"table": {"path": [str(tmp_path / "nobody")]}}
    data["train"] = {"teacher": {"bundles": [f"{tmp_path}/other#v1"]}}
    failed = {key: r.failed for (key, _, _), r in tried(spark, data).items() if r.failed}
    assert set(failed) == {"clean.items", "erase.table", "train.teacher.bundles"}
    assert "D301" in failed["clean.items"] and "nothing" in failed["clean.items"]


def test_a_careless_store_is_found_out(spark: Any, data: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    create = files.create
    monkeypatch.setattr(files, "create", lambda path, text: create(path, text) or True)
    [found] = [r for r in tried(spark, data).values() if r.failed]
    assert (found.act, found.by) == ("create if absent", reach.FSSPEC) and "overwritten" in found.failed


def test_a_root_that_cannot_be_written(spark: Any, data: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "root").write_text("a file")
    failed = [(r.by, r.act) for r in tried(spark, data).values() if r.failed]
    assert (reach.FSSPEC, "write") in failed and (reach.SPARK, "write") in failed


def test_whose_credentials(spark: Any) -> None:
    who = {k: reach.credentials(path, reach.FSSPEC, spark, environ) for k, path, environ in (
        ("key", "s3://b/x", {"AWS_ACCESS_KEY_ID": "AKIASECRET"}), ("profile", "s3a://b", {"AWS_PROFILE": "ml"}),
        ("none", "s3://b", {}), ("gs", "gs://b", {"GOOGLE_APPLICATION_CREDENTIALS": "/k.json"}),
        ("hdfs", "hdfs://n/x", {"HADOOP_USER_NAME": "etl"}))}  # fmt: skip
    assert who["key"].endswith("AKIA...") and "SECRET" not in who["key"] and who["profile"] == "AWS_PROFILE ml"
    assert "none" in who["none"] and who["gs"] == "/k.json" and who["hdfs"] == "user etl"
    assert reach.credentials("/x", reach.SPARK, spark, {}).startswith("user ")


def test_the_verb(spark: Any, data: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str],
                  monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr("lstmrec.cli.doctor.check", list)
    config = tmp_path / "c.yaml"
    config.write_text(json.dumps(data))
    assert main.call(["doctor", "-c", str(config), "--json"]) == 0
    assert {f["level"] for f in json.loads(capsys.readouterr().out)} == {"ok"}
    assert main.call(["doctor", "-c", str(config), "--set", "clean.events.path=[nowhere]"]) == 4
    assert "…" not in (said := capsys.readouterr().out) and "D301" in said
