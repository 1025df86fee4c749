"""conf/schedule/: every file parses, its calls are calls of ours, and what can run here runs."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
import yaml

from lstmrec.cli import flows, main
from lstmrec.config.load import validate
from tests import by_path

FOLDER = by_path.REPO / "conf/schedule"
DAY = "2026-03-01"


def understood(line: str) -> dict[str, Any]:
    """The options that `lstmrec` takes out of a command line; an error of click's for what it does not know."""
    words = shlex.split(line)
    words = words[words.index("lstmrec") + 1 :]
    command = typer.main.get_command(main.app).commands[words[0]]  # type: ignore[attr-defined]
    return dict(command.make_context(words[0], words[1:]).params)


def is_a_day(line: str) -> None:
    found = understood(line)
    assert found["flow"] == "daily" and found["config"] and flows.days(found["as_of"]) == [f"{DAY}T00:00:00Z"]


def run(script: str, tmp_path: Path) -> str:
    """What a shell line calls `lstmrec` with, today being DAY."""
    for name, body in (("lstmrec", 'echo lstmrec "$@"'), ("date", f'[ "$*" = "-u +%F" ] && echo {DAY}')):
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(stat.S_IRWXU)
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout


def test_cron(tmp_path: Path) -> None:
    [line] = [x for x in (FOLDER / "crontab").read_text().splitlines() if re.match(r"[\d*]", x)]
    command = line.split(None, 5)[5].replace("\\%", "%")  # as cron reads it
    assert "%" not in re.sub(r"\\%", "", line.split(None, 5)[5])
    log = tmp_path / "log"
    command = command.replace("/tmp/", f"{tmp_path}/").replace("/var/log/lstmrec-shop.log", str(log))
    run(command, tmp_path)
    is_a_day(log.read_text())


def test_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """With stand-ins of the two classes that it imports."""
    tasks: list[Any] = []

    class Dag:
        def __init__(self, name: str, **how: Any) -> None:
            assert how["max_active_runs"] == 1 and how["start_date"].utcoffset().total_seconds() == 0

        def __enter__(self) -> Dag:
            return self

        def __exit__(self, *_: object) -> None: ...

    class Bash:
        def __init__(self, task_id: str, bash_command: str, append_env: bool) -> None:
            self.name, self.line, self.after = task_id, bash_command, ""
            tasks.append(self)

        def __rshift__(self, later: Bash) -> Bash:
            later.after = self.name
            return later

    modules = {"airflow": {"DAG": Dag}, "airflow.operators": {}, "airflow.operators.bash": {"BashOperator": Bash}}
    for name, holds in modules.items():
        module = ModuleType(name)
        module.__dict__.update(holds, __path__=[])
        monkeypatch.setitem(sys.modules, name, module)
    by_path.script("conf/schedule/airflow.py")
    conf = validate({"root": "r", "as_of": f"{DAY}T00:00:00Z", "flow": "daily", "score": {"mode": "carry"},
                     "clean": {"events": {"path": ["x"]}}})  # fmt: skip
    names = flows.jobs(conf)
    assert [(t.name, t.after) for t in tasks] == list(zip(names, ("", *names), strict=False))
    for task in tasks:
        line = task.line.replace("{{ data_interval_end | ds }}", DAY)
        is_a_day(line)
        assert understood(line)["only"] == task.name


def test_kubernetes(tmp_path: Path) -> None:
    service, job = yaml.safe_load_all((FOLDER / "cronjob.yaml").read_text())
    spec = job["spec"]["jobTemplate"]["spec"]
    [driver] = spec["template"]["spec"]["containers"]
    is_a_day(run(driver["args"][0], tmp_path))
    assert spec["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] == [2, 3, 5]
    submit = driver["env"][0]["value"]
    assert f"spark.driver.host={service['metadata']['name']}.{service['metadata']['namespace']}.svc" in submit
    assert [f"={p['port']}" in submit for p in service["spec"]["ports"]] == [True, True]
    assert service["spec"]["selector"].items() <= spec["template"]["metadata"]["labels"].items()
    dockerfile = (by_path.REPO / "Dockerfile").read_text()
    properties = re.search(r"--properties-file /opt/lstmrec/(\S+)", submit)
    assert properties and (by_path.REPO / properties[1]).exists() and "WORKDIR /opt/lstmrec" in dockerfile
    assert json.dumps(driver["command"][:-2])[1:-1] in dockerfile and submit.endswith("pyspark-shell")


def test_emr(tmp_path: Path) -> None:
    [step] = json.loads((FOLDER / "emr.json").read_text())
    assert step["Args"][:2] == ["bash", "-c"] and "environment.tar.gz#environment" in step["Args"][2]
    line = step["Args"][2].replace("export PATH=/opt/lstmrec/.venv/bin:$PATH", "export")
    is_a_day(run(line, tmp_path))


def test_databricks() -> None:
    bundle = yaml.safe_load((FOLDER / "databricks.yml").read_text())
    job = bundle["resources"]["jobs"]["daily"]
    wheel = job["tasks"][0]["python_wheel_task"]
    is_a_day(" ".join(["lstmrec", *wheel["parameters"]]).replace("{{job.trigger.time.iso_date}}", DAY))
    project = tomllib.loads((by_path.REPO / "pyproject.toml").read_text())["project"]
    assert project["name"] == wheel["package_name"] and wheel["entry_point"] in project["scripts"]
    assert job["tasks"][0]["job_cluster_key"] in {c["job_cluster_key"] for c in job["job_clusters"]}
    assert all((FOLDER / a["path"] / "pyproject.toml").exists() for a in bundle["artifacts"].values())
