"""A Spark standalone cluster of this machine's own: a master and workers as processes on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyspark

ROOT = Path(__file__).resolve().parents[2]
SPARK_HOME = Path(pyspark.__file__).parent
#: Sizes for a test; a cluster's own are in conf/spark/cluster.conf. No password: nothing leaves loopback.
PROPERTIES = """
spark.driver.host                       127.0.0.1
spark.driver.bindAddress                127.0.0.1
spark.driver.memory                     1g
spark.executor.cores                    1
spark.executor.memory                   1g
spark.sql.shuffle.partitions            2
spark.default.parallelism               2
spark.ui.enabled                        false
spark.ui.showConsoleProgress            false
spark.scheduler.minRegisteredResourcesRatio 1.0
"""

#: Seconds for all nine jobs on a busy machine; a packed environment is sent and unpacked three times a job.
_PATIENCE_S = 7200


@dataclass
class Cluster:
    """url: what --master takes. workers: their processes, to be killed by a test that wants to."""

    url: str
    folder: Path
    properties: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def submit(self, job: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """scripts/submit.sh JOB against this cluster."""
        command = ["bash", str(ROOT / "scripts" / "submit.sh"), job, "--master", self.url, *arguments]
        env = {**_environment(), "PROPERTIES": str(self.properties), **environment}
        with subprocess.Popen(command, env=env, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, start_new_session=True) as process:  # fmt: skip
            try:
                out, err = process.communicate(timeout=_PATIENCE_S)
            except BaseException:  # with the shell go spark-submit and its driver
                _stop(process)
                raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)


def _environment() -> dict[str, str]:
    """The hosts' own Python is this one, unless an archive brings another."""
    return {**os.environ, "SPARK_HOME": str(SPARK_HOME), "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable,
            "PYTHONPATH": str(ROOT)}  # fmt: skip


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _start(folder: Path, name: str, main: str, arguments: Sequence[str], bare: bool) -> subprocess.Popen[bytes]:
    command = [str(SPARK_HOME / "bin" / "spark-class"), f"org.apache.spark.deploy.{main}", "--host", "127.0.0.1"]
    log = (folder / f"{name}.log").open("wb")
    env = {**_environment(), "SPARK_DAEMON_MEMORY": "256m", "SPARK_LOG_DIR": str(folder)}
    if bare:
        env = {k: v for k, v in env.items() if not k.startswith(("PYTHON", "PYSPARK"))} | {"PATH": "/usr/bin:/bin"}
    # A group of its own: with a worker go its executors.
    return subprocess.Popen([*command, *arguments], stdout=log, stderr=log, env=env, start_new_session=True)


def _stop(process: subprocess.Popen[Any]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


@contextmanager
def standalone(folder: Path, workers: int, *, bare: bool = False) -> Iterator[Cluster]:
    """A master and `workers` workers of one core each, all killed in the end. bare: hosts without a Python of ours."""
    folder.mkdir(parents=True, exist_ok=True)
    port, page = _free_port(), _free_port()
    properties = folder / "spark.conf"
    properties.write_text(PROPERTIES)
    cluster = Cluster(f"spark://127.0.0.1:{port}", folder, properties)
    master = _start(folder, "master", "master.Master", ["--port", str(port), "--webui-port", str(page)], bare)
    try:
        for n in range(workers):
            more = ["--cores", "1", "--memory", "1g", "--webui-port", "0", "--work-dir", str(folder / f"worker{n}")]
            cluster.workers.append(_start(folder, f"worker{n}", "worker.Worker", [*more, cluster.url], bare))
        _registered(page, workers)
        yield cluster
    finally:
        for process in [*cluster.workers, master]:
            _stop(process)


def _registered(page: int, workers: int) -> None:
    """Waits until the master knows all workers."""
    deadline = time.monotonic() + 120
    said = b""
    while time.monotonic() < deadline:
        with suppress(OSError):
            said = urllib.request.urlopen(f"http://127.0.0.1:{page}/json/", timeout=5).read()
            if said.count(b'"ALIVE"') == workers + 1:  # the master says so of itself
                return
        time.sleep(0.3)
    raise TimeoutError(f"{workers} workers did not register: {said[-500:]!r}")
