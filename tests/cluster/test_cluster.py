"""The road on a real standalone cluster gives what local mode gives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from lstmrec import versions
from lstmrec.config.load import load
from lstmrec.contracts import tables
from lstmrec.jobs import clean, split
from lstmrec.store import door
from tests.cluster.standalone import ROOT, Cluster, standalone
from tests.road import small

#: What the road makes, the same wherever it is walked: all but the report, which tells durations.
NOT_OF_IT = (tables.REPORT, tables.USER_STATES, tables.LABELS, tables.CANDIDATES, tables.JUDGED)
MADE = [t for t in tables.ALL if t not in NOT_OF_IT]


def write_config(root: Path, source: Path, **train: Any) -> Path:
    conf = small.config(root, source)
    conf["train"] |= train
    path = root.parent / f"{root.name}.yaml"
    path.write_text(yaml.safe_dump(conf))
    return path


def fingerprints(root: Path, made: list[tables.Table]) -> dict[str, str]:
    return {t.name: versions.current(str(root), t).fingerprint for t in made}


def in_local_mode(config: Path, *more: str) -> None:
    command = [sys.executable, "-m", "lstmrec.cli.main", "run", "--config", str(config), *more]
    done = subprocess.run(command, cwd=config.parent, capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster") / "source"
    small.write(folder)
    return folder


def ok(cluster: Cluster, job: str, *arguments: str) -> str:
    done = cluster.submit(job, *arguments)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    return done.stdout


def test_jobs_submitted_to_a_worker(spark: Any, source: Path, tmp_path: Path) -> None:
    """The smoke of what is below: two jobs in an executor of a worker, in this Python; tables as of the local session.
    The second is skipped where the first is asked for again."""
    there, here = write_config(tmp_path / "there", source), write_config(tmp_path / "here", source)
    with standalone(tmp_path / "hosts", workers=1) as cluster:
        for job in ("clean", "split"):
            said = ok(cluster, job, "--config", str(there), "--", "--conf", "spark.cores.max=1")
            assert said.startswith(f"{job:<10} ok")
        assert sorted(p.name for p in tmp_path.glob("hosts/worker*/app-*/*") if p.is_dir()) == ["0", "0"]
    conf = load([str(here)])
    for job in (clean, split):
        door.walk(job, conf, spark=spark)
    made = [*clean.GIVES, *split.GIVES]
    assert fingerprints(tmp_path / "there", made) == fingerprints(tmp_path / "here", made)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packed environment. LSTMREC_PACKED names one that is there already (two minutes, 1.2 GB)."""
    if there := os.environ.get("LSTMREC_PACKED"):
        return Path(there)
    path = tmp_path_factory.mktemp("packed") / "environment.tar.gz"
    command = ["bash", "scripts/pack_env.sh", "--venv", str(Path(sys.prefix)), "--level", "0", str(path)]
    subprocess.run(command, cwd=ROOT, check=True, env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
    return path


@pytest.mark.cluster
@pytest.mark.horovod
@pytest.mark.timeout(10_800)
def test_the_whole_road_from_a_packed_environment(source: Path, environment: Path, tmp_path: Path) -> None:
    """All nine jobs by spark-submit, the training's two ranks on executors; tables as in local mode, bit for bit."""
    ranks = {"ranks": 2, "comm": "horovod", "reader": "petastorm"}
    there = write_config(tmp_path / "there", source, launch="on_spark", network="lo", **ranks)
    here = write_config(tmp_path / "here", source, launch="horovodrun", **ranks)
    with standalone(tmp_path / "hosts", workers=2, bare=True) as cluster:
        more = ("--env", str(environment), "--config", str(there), "--", "--conf", "spark.cores.max=2")
        said = ok(cluster, "all", *more)
        assert [line.split()[1] for line in said.splitlines() if line[:1].isalpha()].count("ok") == 9, said
        assert "skip" in ok(cluster, "evaluate", *more)
    in_local_mode(here)
    assert fingerprints(tmp_path / "there", MADE) == fingerprints(tmp_path / "here", MADE)


@pytest.mark.cluster
@pytest.mark.timeout(1200)
def test_a_worker_that_dies_costs_time_only(source: Path, tmp_path: Path) -> None:
    """kill -9 of a worker and its executor while s1 runs: the other does its part, the tables are the same."""
    there, here = write_config(tmp_path / "there", source), write_config(tmp_path / "here", source)
    with standalone(tmp_path / "hosts", workers=2) as cluster:

        def kill() -> None:
            while not list(tmp_path.glob("there/_work/*/*")):  # the job has begun to write
                time.sleep(0.1)
            os.killpg(cluster.workers[0].pid, signal.SIGKILL)

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        done = cluster.submit("clean", "--config", str(there), "--", "--conf", "spark.cores.max=2")
        assert done.returncode == 0, done.stderr[-5000:]
        assert "Lost executor" in done.stderr
        assert cluster.workers[0].wait(10) == -signal.SIGKILL
    in_local_mode(here, "--only", "clean")
    assert fingerprints(tmp_path / "there", list(clean.GIVES)) == fingerprints(tmp_path / "here", list(clean.GIVES))
