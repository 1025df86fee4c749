"""The checks of `lstmrec doctor`: each one ok, warned and failed, from values handed in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from lstmrec.cli import doctor

TODAY = {"pyspark": "4.3.0", "pyarrow": "26.0.1", "numpy": "2.4.6", "petastorm": "0.13.1", "torch": "2.13.0+cpu"}
OLD = {"pyspark": "3.5.3", "pyarrow": "14.0.2", "numpy": "1.26.4", "petastorm": "0.13.1", "torch": "2.13.0"}


def program(folder: Path, name: str, body: str) -> Path:
    """An executable shell script in the folder's bin."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("versions", [TODAY, OLD, {}, {"pyspark": "4.0.5"}, {"pyarrow": "26.0.1"}])
def test_sets_that_fit(versions: dict[str, str]) -> None:
    assert doctor.versions_fit(versions) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pyspark": "4.0.5", "pyarrow": "10.0.1", "numpy": "1.26.4"}, ["pyspark 4.0.5", "pyarrow>=11"]),
        ({"pyspark": "4.1.0", "pyarrow": "14.0.2", "numpy": "1.26.4"}, ["pyspark 4.1.0", "pyarrow>=15"]),
        ({"pyspark": "4.2.0", "pyarrow": "17.0.0"}, ["pyspark 4.2.0", "pyarrow>=18"]),
        ({"pyspark": "4.3.0", "pyarrow": "17.0.0"}, ["pyspark 4.3.0", "pyarrow>=18"]),
        ({"pyspark": "5.1.0", "pyarrow": "17.0.0"}, ["pyspark 5.1.0", "pyarrow>=18"]),
        ({"pyspark": "3.5.3", "pyarrow": "14.0.2"}, ["pyarrow 14.0.2", "numpy 2.4.6"]),
        ({"pyspark": "3.5.3", "pyarrow": "14.0.0", "numpy": "1.26.4"}, ["CVE-2023-47248"]),
        ({"petastorm": "0.12.1"}, ["petastorm 0.12.1", "petastorm==0.13.1", "train.reader=arrow"]),
        ({"torch": "2.9.1+cu126"}, ["torch 2.9.1+cu126", "torch>=2.10"]),
    ],
)
def test_each_pair_that_does_not_fit_is_named_once_with_its_fix(change: dict[str, str], words: list[str]) -> None:
    misfits = [text for text in doctor.versions_fit({**TODAY, **change}) if all(word in text for word in words)]
    assert len(misfits) == 1
    assert ": pip install" in misfits[0]


def test_what_is_installed_here_fits() -> None:
    assert doctor.versions_fit() == []


@pytest.mark.parametrize(
    ("version", "level"), [((3, 9, 18), "fail"), ((3, 10, 0), "ok"), ((3, 11, 7), "ok"), ((3, 13, 0), "ok")]
)
def test_python(version: tuple[int, ...], level: str) -> None:
    assert doctor.check_python(version).level == level


VECTOR = "java.base@17\njdk.incubator.vector@17"


@pytest.mark.parametrize(
    ("version", "modules", "level", "word"),
    [
        ("17.0.15", VECTOR, "ok", "17.0.15"),
        ("21.0.2", VECTOR, "ok", "21.0.2"),
        ("25", VECTOR, "warn", "25"),
        ("17.0.15", "java.base@17", "fail", "without the module"),
        ("11.0.2", VECTOR, "fail", "11.0.2"),
        ("1.8.0_392", VECTOR, "fail", "1.8.0"),
    ],
)
def test_java(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, modules: str, level: str, word: str
) -> None:
    body = f"""case $1 in -version) echo 'openjdk version "{version}" 2025' >&2;; *) echo '{modules}';; esac"""
    program(tmp_path, "java", body)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    finding = doctor.check_java()
    assert (finding.level, word in finding.found) == (level, True)
    assert (finding.hint == "") == (level == "ok")


def test_java_is_looked_for_where_spark_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JAVA_HOME that holds nothing fails even where PATH has a java: Spark would take JAVA_HOME."""
    program(tmp_path, "java", f"""echo 'openjdk version "17.0.1"'; echo '{VECTOR}'""")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert doctor.check_java().level == "ok"
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    finding = doctor.check_java()
    assert finding.level == "fail"
    assert "nowhere" in finding.found


def test_no_programs_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert doctor.check_java() == doctor.Finding("java", "fail", "none", "install openjdk-17-jdk-headless")
    assert doctor.check_compiler().level == "warn"


def test_packages() -> None:
    assert doctor.check_package("numpy", None).level == "fail"
    assert doctor.check_package("torch", None).level == "warn"
    assert "train.comm=solo" in doctor.check_package("horovod", None).hint
    assert doctor.check_package("pandas", "2.3.3").level == "ok"
    assert doctor.check_package("pandas", "3.1.0").level == "warn"


def test_horovod_for_another_torch(tmp_path: Path) -> None:
    """Its library does not load: the last line of the error, and how to build it anew."""
    bad = program(tmp_path, "python", "echo Traceback >&2; echo 'ImportError: undefined symbol: _ZN3c10' >&2; exit 1")
    finding = doctor.check_horovod(str(bad))
    assert (finding.level, finding.found) == ("fail", "ImportError: undefined symbol: _ZN3c10")
    assert "scripts/build_horovod.sh" in finding.hint
    killed = program(tmp_path, "python", "kill -9 $$")
    assert doctor.check_horovod(str(killed)).found == "exit -9"
    assert doctor.check_horovod(str(tmp_path / "none")).level == "fail"
    good = program(tmp_path, "python", "echo 2.13.0+cpu gloo")
    assert doctor.check_horovod(str(good)) == doctor.Finding("horovod build", "ok", "for torch 2.13.0+cpu, gloo")


@pytest.mark.horovod
def test_the_horovod_here_is_for_the_torch_here() -> None:
    assert doctor.check_horovod().level == "ok"


def test_disk_and_machine() -> None:
    assert [doctor.check_temp(gib * doctor.GIB).level for gib in (0, 2, 50)] == ["fail", "warn", "ok"]
    assert doctor.check_machine(2, 8 * doctor.GIB).level == "ok"
    assert doctor.check_machine(1, 8 * doctor.GIB).level == "warn"
    assert doctor.check_machine(4, 2 * doctor.GIB).level == "warn"
    assert 0 < doctor.memory_bytes() < 2**50


def test_platform() -> None:
    assert doctor.check_platform({}) == []
    (finding,) = doctor.check_platform({"DATABRICKS_RUNTIME_VERSION": "16.4"})
    assert (finding.level, finding.found) == ("warn", "runtime 16.4")


def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(doctor.doctor)
    return made


@pytest.mark.parametrize(("level", "code"), [("ok", 0), ("warn", 0), ("fail", 4)])
def test_exit_code_and_both_outputs(monkeypatch: pytest.MonkeyPatch, level: doctor.Level, code: int) -> None:
    finding = doctor.Finding("java", level, "[red]17", "do this")
    monkeypatch.setattr(doctor, "check", lambda: [finding])
    table = CliRunner().invoke(app(), [])
    assert table.exit_code == code
    assert "[red]17" in table.output, "what is found is text, never markup"
    as_json = CliRunner().invoke(app(), ["--json"])
    assert as_json.exit_code == code
    assert json.loads(as_json.output) == [{"name": "java", "level": level, "found": "[red]17", "hint": "do this"}]


def test_check_covers_everything_and_reports_misfits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "installed_versions", lambda: {"pyspark": "4.3.0", "pyarrow": "17.0.0"})
    findings = {finding.name: finding for finding in doctor.check()}
    assert {"python", "java", "g++", "temp space", "machine", *doctor.PACKAGES} <= findings.keys()
    assert findings["versions"].level == "fail"
    assert findings["versions"].hint == "pip install 'pyarrow>=18'"
    assert findings["numpy"].level == "fail"
    assert "horovod build" not in findings


def test_neither_spark_nor_torch_is_imported() -> None:
    code = (
        "import sys, lstmrec.cli.doctor as d; d.versions_fit()\n"
        "assert not {'pyspark', 'torch', 'horovod', 'petastorm', 'pyarrow', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
