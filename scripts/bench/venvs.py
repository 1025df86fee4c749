"""What benches share: an environment for each of those we are measured beside, Spark, and how a bench ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Failed(SystemExit):
    """A process that ended with an error."""


def environment(place: Path, needs: Sequence[str]) -> str:
    """The Python of the environment at `place`, with these packages; made where it is not there yet. Raises Failed."""
    python = str(place / "bin/python")
    if not (place / "ready").exists():
        for command in ([sys.executable, "-m", "venv", "--clear", str(place)],
                        [python, "-m", "pip", "install", "-q", *needs]):  # fmt: skip
            if code := subprocess.run(command, stdout=sys.stderr).returncode:
                raise Failed(f"{' '.join(command)} ended with {code}")
        (place / "ready").touch()
    return python


def spark(cores: int, heap: str) -> str:
    """What Spark is told, by PYSPARK_SUBMIT_ARGS: local sessions, as `lstmrec run` starts them."""
    return (f"--master local[{cores}] --driver-memory {heap} --properties-file {ROOT / 'conf/spark/local.conf'} "
            f"--conf spark.sql.shuffle.partitions={2 * cores} --conf spark.log.level=ERROR pyspark-shell")  # fmt: skip


def local_spark(cores: int, heap: str) -> None:
    """Sessions of this process are local ones, as in conf/spark/local.conf, unless something else was asked for."""
    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "OMP_NUM_THREADS": "1"}
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_SUBMIT_ARGS", spark(cores, heap))


def finish(missing: Mapping[str, str], facts: Mapping[str, Any], path: Path | None) -> None:
    """What was not measured and why, then the facts as one JSON line, in a file too where one is asked for."""
    for name, why in missing.items():
        print(f"{name} was not measured: {why}")
    line = json.dumps(facts)
    if path:
        path.write_text(line + "\n", encoding="utf-8")
    print(line)
