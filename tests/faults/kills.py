"""A run of all jobs as processes of its own, to be killed at: driver, Spark's JVM (in local mode the executor too), a
Python worker, a Horovod rank, and what launched the ranks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import yaml

from lstmrec import files, versions
from lstmrec.cli.run import JOBS
from lstmrec.config.load import validate
from lstmrec.contracts import tables
from lstmrec.store import publish
from tests.road import small

_MARK = "LSTMREC_TEST_RUN"
_DONE = re.compile(r"^[1-9]/9 \w+ +(?:ok|skip) ", re.MULTILINE)
_PATIENCE_S = 300.0
#: A word of its command line -> what a process is. A launcher's holds those of its ranks behind its own.
_KINDS = {"pyspark.daemon": "Python worker", "horovod.runner.launch": "launcher", "lstmrec.launch.rank": "rank"}
#: Those whose place another one takes.
REPLACED = frozenset(_KINDS.values())


def config(folder: Path, root: Path, source: Path, as_of: str) -> Path:
    """A config of all nine jobs, as small as they let it be; another as_of makes each of them run again."""
    plain = small.config(
        root, source, as_of=as_of,
        train={"epochs": 3, "checkpoint_steps": 7, "launch": "horovodrun", "ranks": 2, "comm": "horovod",
               "model": {"dim": 8, "units": 8, "use_profile": True}},
        score={"k": 5, "buckets": 2, "recommenders": [{"kind": "model"}, {"kind": "popularity"}, {"kind": "item_knn"}]},
        evaluate={"ks": [5], "bootstrap": 20, "probes": None, "cold_items": False, "ips": None},
    )  # fmt: skip
    place = folder / f"{root.name}-{as_of[:10]}.yaml"
    place.write_text(yaml.safe_dump(validate(plain).model_dump(mode="json")))
    return place


class Run:
    """`lstmrec run` under way. more: its other options."""

    def __init__(self, conf: Path, log: Path, *more: str) -> None:
        self.mark, self.log, self.since = uuid.uuid4().hex, log, [time.monotonic()]
        env = os.environ | {_MARK: self.mark, "LSTMREC_SPARK_MASTER": "local[2,4]", "LSTMREC_DRIVER_MEMORY": "1g"}
        with open(log, "w") as out:
            command = [sys.executable, "-m", "lstmrec.cli.main", "run", "--config", str(conf), *more]
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=env, start_new_session=True)

    def jobs_done(self) -> int:
        done = len(_DONE.findall(self.log.read_text()))
        self.since += [time.monotonic()] * (done + 1 - len(self.since))
        return done

    def wait(self, over: Callable[[], bool]) -> None:
        """Until it is over, or the process has ended."""
        while self.process.poll() is None and not over():
            time.sleep(0.05)

    def seconds(self) -> list[float]:
        """How long each job took."""
        return [b - a for a, b in zip(self.since, self.since[1:], strict=False)]

    def processes(self) -> list[psutil.Process]:
        """Those of this run, itself included, that live."""
        found = []
        for p in psutil.process_iter():
            try:
                if p.environ().get(_MARK) == self.mark and p.status() != psutil.STATUS_ZOMBIE:
                    found.append(p)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def find(self, victim: str) -> psutil.Process | None:
        """A living process of that kind; None for the driver, and where there is none now."""
        for p in reversed(self.processes()):  # a worker is younger than the daemon it was forked from
            with suppress(psutil.NoSuchProcess):
                words = p.cmdline()
                kind = "JVM" if p.name() == "java" else _KINDS.get(next((w for w in words if w in _KINDS), ""), "")
                if kind == victim and p.pid != self.process.pid and Path(words[0]).name.startswith(("python", "java")):
                    return p
        return None

    def kill(self, victim: str) -> str:
        """Kill one; returns what was killed in the end: the driver where there is no such process now."""
        if (found := self.find(victim)) is not None:
            with suppress(psutil.NoSuchProcess):
                found.kill()
                return victim
        self.process.send_signal(signal.SIGTERM if victim == "SIGTERM" else signal.SIGKILL)
        return victim if victim == "SIGTERM" else "driver"

    def ended(self) -> str:
        """Wait for the end; what is wrong with it. A run that cannot know that it should end is ended."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None and not self.processes():
                return ""
            time.sleep(0.1)
        left = self.processes()
        for p in left:
            p.kill()
        self.process.wait()
        return f"still there after {_PATIENCE_S:.0f} s: {[p.pid for p in left]}"


def fingerprints(root: Path) -> dict[str, str]:
    """What each table that was made holds; the report tells durations and so differs from run to run."""
    made = [t for t in tables.ALL if t is not tables.REPORT and versions.log(str(root), t.name)]
    return {t.name: versions.current(str(root), t).fingerprint for t in made}


def live(root: Path) -> dict[str, str]:
    return {t.name: versions.current(str(root), t, "live").version for t in publish.PUBLISHED}


def unreadable(root: Path) -> list[str]:
    """Names of tables that point at a version which is not there with all its files."""
    out = []
    for table in tables.ALL:
        for name in ("head", "live"):
            if versions.log(str(root), table.name, name):
                found = versions.current(str(root), table, name)
                if not versions.lies_there(str(root), table, found):
                    out.append(f"{table.name} {name}")
    return out


def leftovers(root: Path) -> list[str]:
    """Desks, and versions without a manifest: what a run that ends by itself clears away."""
    desks = [
        p for job in JOBS for p in Path(root, "_work", job).glob("?*-????????") if not p.name.startswith("buckets-")
    ]
    staged = [p for t in tables.ALL for p in Path(root, t.name).glob("[!_]*") if not (p / "_MANIFEST.json").exists()]
    return [str(p) for p in [*desks, *staged] if files.walk(str(p))]
