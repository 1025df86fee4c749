import importlib
import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import PySparkException

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError, ResourceError
from lstmrec.contracts.manifest import Manifest
from lstmrec.store import door
from lstmrec.store.commit import Ticket, commit
from lstmrec.store.read import read


def conf(root: Path, **more: Any) -> Config:
    return validate({"root": str(root), "as_of": "2020-01-01T00:00:00Z", "clean": {"events": {"path": ["e"]}}} | more)


def job(version: int = 1) -> Any:
    module = types.ModuleType("lstmrec.jobs.example")
    module.NEEDS, module.GIVES, module.SECTIONS = (), (tables.BUNDLE,), ("seed", "split")  # type: ignore[attr-defined]
    module.VERSION, module.SPARK, module.calls = version, False, 0  # type: ignore[attr-defined]

    def run(_: Any, c: Config) -> Manifest:
        module.calls += 1  # type: ignore[attr-defined]
        t = door.ticket(module, c)
        return versions.seal(c.root, t.manifest(tables.BUNDLE, versions.new_version(t.skip_key), fingerprint="f"))

    module.run = run  # type: ignore[attr-defined]
    return module


def test_a_job_that_is_done_is_skipped(tmp_path: Path) -> None:
    j = job()
    assert [door.walk(j, conf(tmp_path)).state for _ in range(3)] == ["ok", "skip", "skip"]
    assert j.calls == 1
    assert door.walk(j, conf(tmp_path), force=True).state == "ok"


def test_config_of_the_job_version_and_nothing_else_make_it_run_again(tmp_path: Path) -> None:
    j = job()
    first = door.walk(j, conf(tmp_path)).manifest
    assert door.walk(j, conf(tmp_path, report={"users": 1})).state == "skip"
    assert door.walk(j, conf(tmp_path, seed=2)).state == "ok"
    assert door.walk(job(version=2), conf(tmp_path)).state == "ok"
    again = door.walk(j, conf(tmp_path))
    assert again.state == "skip" and again.manifest == first
    assert versions.current(str(tmp_path), tables.BUNDLE) == first, "head is what the next job reads"


def test_inputs_make_it_run_again(tmp_path: Path) -> None:
    j = job()
    j.NEEDS = (tables.EVENTS,)
    with pytest.raises(DataError, match="events has no head"):
        door.walk(j, conf(tmp_path))
    for fingerprint, state in (("x", "ok"), ("x", "skip"), ("y", "ok")):
        m = Manifest("events", versions.new_version("k" * 64), 1, 0, "clean", 1, "k", fingerprint, "x")
        versions.seal(str(tmp_path), m)
        assert door.walk(j, conf(tmp_path)).state == state


def test_main_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f'root: {tmp_path}/run\nas_of: "2020-01-01T00:00:00Z"\nclean: {{events: {{path: [e]}}}}\n')
    assert door.main(job(), ["--config", str(config), "--set", "sed=1"]) == 2
    assert "did you mean seed?" in capsys.readouterr().err
    assert door.main(job(), ["--config", str(config)]) == 0
    assert capsys.readouterr().out.startswith("example    ok")
    assert door.main(job(), ["--config", str(config)]) == 0
    assert "skip  unchanged" in capsys.readouterr().out


def test_a_session_handed_in_lives_and_keeps_its_settings(spark: Any) -> None:
    from lstmrec.store.session import session

    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    spark.conf.unset("spark.sql.parquet.outputTimestampType")
    try:
        with session() as used:
            assert used.conf.get("spark.sql.session.timeZone") == "UTC"
        assert spark.range(3).count() == 3
        assert spark.conf.get("spark.sql.session.timeZone") == "America/New_York"
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")


@pytest.mark.parametrize("harm", ["flip", "cut"])
def test_a_damaged_file_of_a_table_is_named(spark: Any, tmp_path: Path, harm: str) -> None:
    rows = spark.createDataFrame([("tag", f"v{i}", i + 2, i) for i in range(500)], tables.VOCABULARY.ddl)
    made = commit(rows.coalesce(1), Ticket(str(tmp_path), "normalise", 1, "k" * 64, "now"), tables.VOCABULARY)
    path = tmp_path / "vocabulary" / made.version / "data" / made.files[0].path
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 1
    path.write_bytes(data if harm == "flip" else data[: len(data) // 2])
    (path.parent / f".{path.name}.crc").unlink()  # which object stores have none of
    j = job()
    j.SPARK, j.run = True, lambda s, c: read(s, c.root, tables.VOCABULARY).collect()
    with pytest.raises(DataError, match=rf"D116.*{path.name}"):
        door.walk(j, conf(tmp_path), spark=spark)


@pytest.mark.parametrize("act", ["read", "written"])
def test_what_an_executor_raises_of_ours_arrives_as_it_is(spark: Any, tmp_path: Path, act: str) -> None:
    def refused(batches: Any) -> Any:
        for batch in batches:
            raise ResourceError("R709", "no room\tfor 'it'", "partition 3 · host a", "less memory a core")
            yield batch

    def run(session: Any, c: Config) -> Any:
        rows = session.range(3).mapInArrow(refused, "id bigint")
        return rows.collect() if act == "read" else rows.write.parquet(str(tmp_path / "out"))

    j = job()
    j.SPARK, j.run = True, run
    with pytest.raises(ResourceError) as caught:
        door.walk(j, conf(tmp_path), spark=spark)
    assert caught.value.args == ("R709", "no room\tfor 'it'", "partition 3 · host a", "less memory a core")
    assert isinstance(caught.value.__cause__, PySparkException)


def test_another_python_on_executors_is_no_bug(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark.sparkContext, "pythonVer", "3.9")  # what workers hold theirs against
    j = job()
    j.SPARK = True
    j.run = lambda session, _: session.range(3).mapInArrow(lambda batches: batches, "id bigint").collect()
    with pytest.raises(ResourceError, match="R012") as caught:
        door.walk(j, conf(tmp_path), spark=spark)
    assert "3.9" in caught.value.what and "PYSPARK_PYTHON" in str(caught.value) and caught.value.exit_code == 4


def test_a_package_that_is_missing_is_no_bug(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                             capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    def lacking(batches: Any) -> Any:
        import no_such_torch.nn  # type: ignore[import-not-found]

        yield from (b for b in batches if no_such_torch)

    j = job()
    j.SPARK, j.run = True, lambda session, _: session.range(3).mapInArrow(lacking, "id bigint").collect()
    with pytest.raises(ResourceError, match=r"R014.*no_such_torch is not installed where executors run"):
        door.walk(j, conf(tmp_path), spark=spark)

    monkeypatch.setitem(sys.modules, "torch", None)  # as where it is not installed
    config = tmp_path / "c.yaml"
    config.write_text(f'root: {tmp_path}/run\nas_of: "2020-01-01T00:00:00Z"\nclean: {{events: {{path: [e]}}}}\n')
    j.SPARK, j.run = False, lambda *_: importlib.import_module("torch")
    assert door.main(j, ["--config", str(config)]) == 4
    assert "error[R013] package torch is not installed" in capsys.readouterr().err

    j.run = lambda *_: importlib.import_module("lstmrec.no_such")  # of ours: a bug
    with pytest.raises(ModuleNotFoundError):
        door.walk(j, conf(tmp_path))


@pytest.mark.parametrize("door_", [["-m", "lstmrec.cli.main", "run", "--only", "clean"], ["jobs/s1_clean.py"]])
def test_java_that_is_missing_is_no_bug(tmp_path: Path, door_: list[str]) -> None:
    (tmp_path / "e.csv").write_text("u,i,t\n1,2,3\n")
    config, at = tmp_path / "c.yaml", Path(__file__).parents[2]
    config.write_text(f'root: {tmp_path}/run\nas_of: "2020-01-01T00:00:00Z"\nclean: {{events: {{format: csv, '
                      f'path: [{tmp_path}/e.csv], options: {{header: "true"}}}}}}\n')  # fmt: skip
    env = {k: v for k, v in os.environ.items() if k != "SPARK_HOME"} | {
        "JAVA_HOME": str(tmp_path / "none"), "PYTHONPATH": str(at)}  # fmt: skip
    done = subprocess.run([sys.executable, *door_, "--config", str(config)], cwd=at, env=env, capture_output=True,
                          text=True, timeout=120, check=False)  # fmt: skip
    assert done.returncode == 4 and "error[R011]" in done.stderr and "JDK 17 or 21" in done.stderr
    assert "Traceback" not in done.stderr
    records = [json.loads(p.read_text())["error"] for p in tmp_path.glob("run/_runs/*/1_clean.json")]
    assert records == (["R011"] if door_[0] == "-m" else [])


def test_a_full_disk_of_sparks_is_no_bug(tmp_path: Path) -> None:
    j = job()

    def run(*_: Any) -> Manifest:
        raise PySparkException("Job aborted.\nCaused by: java.io.IOException: No space left on device\n\tat x")

    j.run = run
    with pytest.raises(ResourceError, match=r"R108.*no space left") as caught:
        door.walk(j, conf(tmp_path))
    assert caught.value.exit_code == 4 and "spark.local.dir" in caught.value.where


def test_too_little_memory_for_spark_is_no_bug(tmp_path: Path) -> None:
    j = job()

    def run(*_: Any) -> Manifest:
        raise PySparkException("Job aborted due to stage failure: java.lang.OutOfMemoryError: Java heap space")

    j.run = run
    with pytest.raises(ResourceError, match=r"R109.*out of memory"):
        door.walk(j, conf(tmp_path))


def test_a_job_submitted_alone_tells_machines_too(tmp_path: Path) -> None:
    config, log = tmp_path / "c.yaml", tmp_path / "log.jsonl"
    config.write_text(f'root: {tmp_path}/run\nas_of: "2020-01-01T00:00:00Z"\nclean: {{events: {{path: [e]}}}}\n')
    told = ["--config", str(config), "--set", f"operate.log={log}"]
    assert door.main(job(), told) == 0
    broken = job(version=2)
    broken.NEEDS = (tables.EVENTS,)
    assert door.main(broken, told) == 3
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(x["event"], x.get("state")) for x in lines] == [
        ("job_start", None), ("job_end", "ok"), ("job_start", None), ("job_end", "fail")]  # fmt: skip
    assert lines[0]["run"].startswith("submitted-") and lines[3]["error"] == "D105"
