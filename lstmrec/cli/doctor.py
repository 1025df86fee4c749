"""`lstmrec doctor`: what this machine lacks and which versions do not fit, each with what to do.

Without --config it starts no Spark and imports neither pyspark nor torch into this process: versions come from package
metadata, and Horovod is imported in a process of its own. :func:`versions_fit` is cheap enough for every start-up.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lstmrec.cli.machine import GIB, Finding, Level, memory_bytes
from lstmrec.cli.options import Json, Overrides, config_of

Probed = Annotated[list[str] | None, typer.Option("--config", "-c", help="also probe every path of this config")]

# The lowest pyarrow (major) that each PySpark accepts, by PySpark's (major, minor); later ones ask for the last entry.
PYARROW_FLOOR = {(3, 5): 4, (4, 0): 11, (4, 1): 15, (4, 2): 18}
PETASTORM_TESTED = (0, 13, 1)  # what training/petastorm_compat.py was written for

# package -> (needed by every command?, what to do when it is missing)
PACKAGES = {
    "pyarrow": (True, "pip install 'pyarrow>=18'"),
    "numpy": (True, "pip install numpy"),
    "pyspark": (False, "pip install 'lstmrec[spark]', except where the platform brings its own"),
    "pandas": (False, "pip install 'lstmrec[spark]'"),
    "torch": (False, "pip install 'lstmrec[train]'"),
    "petastorm": (False, "scripts/setup.sh installs it; without it: --set train.reader=arrow"),
    "horovod": (False, "scripts/setup.sh builds it; without it: --set train.comm=solo"),
}


def check() -> list[Finding]:
    """All checks, in the order people read them. Takes a few seconds (Java, a compiler and Horovod are asked)."""
    versions = installed_versions()
    misfits = [Finding("versions", "fail", *text.split(": ", 1)) for text in versions_fit(versions)]
    return [
        check_python(sys.version_info[:3]),
        check_java(),
        check_compiler(),
        *(check_package(name, versions.get(name)) for name in PACKAGES),
        *(misfits or [Finding("versions", "ok", "the installed versions fit each other")]),
        *([check_horovod()] if "horovod" in versions else []),
        check_temp(shutil.disk_usage(tempfile.gettempdir()).free),
        check_machine(len(os.sched_getaffinity(0)), memory_bytes()),
        *check_platform(os.environ),
    ]


def installed_versions() -> dict[str, str]:
    """Versions of the packages of :data:`PACKAGES` that are installed, by name, from metadata alone."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def versions_fit(versions: Mapping[str, str] | None = None) -> list[str]:
    """The pairs of installed versions that do not fit, one sentence and fix each; empty when all is well.

    versions: package -> version, by default those installed. Cheap: no import of the packages themselves.
    """
    v = installed_versions() if versions is None else versions
    have = {name: _release(text) for name, text in v.items()}
    spark, arrow, numpy = have.get("pyspark"), have.get("pyarrow"), have.get("numpy")
    petastorm, torch = have.get("petastorm"), have.get("torch")
    floor = _pyarrow_floor(spark) if spark else 0
    misfits = []
    if arrow and arrow[0] < floor:
        misfits.append(f"pyspark {v['pyspark']} does not take pyarrow {v['pyarrow']}: pip install 'pyarrow>={floor}'")
    if arrow and numpy and arrow[0] < 16 and numpy[0] >= 2:
        misfits.append(f"pyarrow {v['pyarrow']} does not load with numpy {v['numpy']}: pip install 'pyarrow>=18'")
    if arrow and arrow < (14, 0, 1):
        misfits.append(f"pyarrow {v['pyarrow']} runs code from data (CVE-2023-47248): pip install 'pyarrow>=18'")
    if petastorm and arrow and arrow[0] >= 15 and petastorm != PETASTORM_TESTED:
        fix = f"pip install --no-deps petastorm=={_dots(PETASTORM_TESTED)}, or --set train.reader=arrow"
        misfits.append(f"petastorm {v['petastorm']} does not run on pyarrow {v['pyarrow']}: {fix}")
    if torch and torch < (2, 10):
        misfits.append(f"torch {v['torch']} runs code from a checkpoint (CVE-2026-24747): pip install 'torch>=2.10'")
    return misfits


def check_python(version: tuple[int, ...]) -> Finding:
    """3.10 and later; the lock is tested on 3.11."""
    if version < (3, 10):
        return Finding("python", "fail", _dots(version), "Python 3.10 or later; the lock is for 3.11 to 3.13")
    return Finding("python", "ok", _dots(version))


def check_java() -> Finding:
    """JDK 17 or 21 with the module jdk.incubator.vector, found as Spark finds it (JAVA_HOME, then PATH)."""
    home = os.environ.get("JAVA_HOME")
    java = os.path.join(home, "bin", "java") if home else shutil.which("java")
    fix = "install openjdk-17-jdk-headless" + (", or point JAVA_HOME at a JDK 17 or 21" if home else "")
    told = _ask([java, "-version"]) if java else None
    if told is None:
        return Finding("java", "fail", f"none at JAVA_HOME={home}" if home else "none", fix)
    match = re.search(r'version "(\d+)([^"]*)"', told)
    if match is None or int(match[1]) < 17:
        return Finding("java", "fail", told.splitlines()[0], f"Spark 4 runs on 17 and 21: {fix}")
    found = match[1] + match[2]
    if "jdk.incubator.vector" not in (_ask([str(java), "--list-modules"]) or ""):
        return Finding("java", "fail", f"{found} without the module jdk.incubator.vector", f"Spark needs it: {fix}")
    if int(match[1]) not in (17, 21):
        return Finding("java", "warn", found, f"tested on 17 and 21 only: {fix}")
    return Finding("java", "ok", found)


def check_compiler() -> Finding:
    """g++, which only Horovod's build needs."""
    told = _ask(["g++", "--version"])
    if told is None:
        return Finding("g++", "warn", "none", "apt-get install g++ make cmake; needed to build Horovod, not to run it")
    return Finding("g++", "ok", told.splitlines()[0])


def check_package(name: str, version: str | None) -> Finding:
    """Installed or not; pandas 3 warns, since PySpark does."""
    needed, hint = PACKAGES[name]
    if version is None:
        return Finding(name, "fail" if needed else "warn", "not installed", hint)
    if name == "pandas" and _release(version) >= (3,):
        return Finding(name, "warn", version, "PySpark is tested with 2.x: pip install 'pandas<3'")
    return Finding(name, "ok", version)


def check_horovod(python: str = sys.executable) -> Finding:
    """Horovod's library loads with the torch that is installed (in a process of its own: a bad one can abort it)."""
    code = "import torch, horovod.torch as h; print(torch.__version__, 'nccl' if h.nccl_built() else 'gloo')"
    fix = "it is compiled for one torch: scripts/build_horovod.sh builds it for this one"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("horovod build", "fail", type(error).__name__, fix)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        return Finding("horovod build", "fail", lines[-1][:200], fix)
    return Finding("horovod build", "ok", "for torch " + done.stdout.strip().replace(" ", ", "))


def check_temp(free: int) -> Finding:
    """Free bytes where Spark spills and downloads land; below 1 GiB nothing of size runs."""
    level: Level = "fail" if free < GIB else "warn" if free < 5 * GIB else "ok"
    hint = "" if level == "ok" else "point TMPDIR and spark.local.dir at a larger disk"
    return Finding("temp space", level, f"{free / GIB:.1f} GiB free in {tempfile.gettempdir()}", hint)


def check_machine(cores: int, memory: int) -> Finding:
    """Cores this process may use, and bytes of memory (the container's limit where there is one)."""
    found = f"{cores} cores, {memory / GIB:.1f} GiB"
    if cores < 2 or memory < 4 * GIB:
        return Finding("machine", "warn", found, "the demo wants 2 cores and 4 GiB")
    return Finding("machine", "ok", found)


def check_platform(environ: Mapping[str, str]) -> list[Finding]:
    """What a hosted runtime cannot do; empty elsewhere."""
    runtime = environ.get("DATABRICKS_RUNTIME_VERSION")
    hint = "a dedicated-access cluster: serverless and standard access are Connect only, no Horovod after 15.4 ML"
    return [Finding("databricks", "warn", f"runtime {runtime}", hint)] if runtime else []


def doctor(config: Probed = None, set_: Overrides = None, json_: Json = False) -> None:
    """Check Python, Java, compiler, versions, Horovod, disk and memory; with --config also every path it names, by
    Spark and by fsspec: list, write, create only where nothing is, read. Exits with 4 when something fails."""
    findings = check()
    if config:
        from lstmrec.cli.paths import check_paths

        findings += check_paths(config_of(config, set_))
    if json_:
        typer.echo(json.dumps([dataclasses.asdict(finding) for finding in findings]))
    else:
        Console().print(as_table(findings))
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(4)


def as_table(findings: list[Finding]) -> Table:
    """The findings for people."""
    colour = {"ok": "green", "warn": "yellow", "fail": "red"}
    table = Table("check", "", "found", "what to do", box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"  # a path is told whole
    for finding in findings:
        mark = f"[{colour[finding.level]}]{finding.level}[/]"
        table.add_row(finding.name, mark, escape(finding.found), escape(finding.hint))
    return table


def _ask(command: list[str]) -> str | None:
    """What a program says on both streams; None where it is not there, hangs or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else None


def _pyarrow_floor(spark: tuple[int, ...]) -> int:
    known = [floor for version, floor in PYARROW_FLOOR.items() if version <= spark[:2]]
    return max(known, default=0)


def _release(version: str) -> tuple[int, ...]:
    """'2.13.0+cpu' -> (2, 13, 0)."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else (0,)


def _dots(release: tuple[int, ...]) -> str:
    return ".".join(map(str, release))
