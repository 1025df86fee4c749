"""A clock that jumps, a lock whose owner is killed, a training that is broken off, a disk that is full."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from lstmrec import versions
from lstmrec.cli.lock import locked
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ResourceError
from lstmrec.jobs import train as train_job
from lstmrec.store import door
from tests.faults import scenes
from tests.faults.crash import Local, explore
from tests.faults.scenes import Scene
from tests.faults.tally import Tally
from tests.training.tables import config, write_all

Record = Callable[[str, Any], None]
#: A job that shuffles eight megabytes.
SHUFFLES = """
import sys, types
from lstmrec.contracts import tables
from lstmrec.store import door
from lstmrec.store.commit import commit
job = types.ModuleType("lstmrec.jobs.normalise")
job.NEEDS, job.GIVES, job.SECTIONS, job.VERSION, job.SPARK = (), (tables.VOCABULARY,), ("seed",), 1, True
def run(spark, conf):
    mixed = spark.range(1_000_000).selectExpr("xxhash64(id) h").repartition(2, "h")
    mixed = mixed.groupBy(expr("pmod(h, 50)").alias("m"))
    rows = mixed.count().selectExpr("'tag' feature", "string(m) value", "int(m) + 2 id", "count")
    return commit(rows.select(*tables.VOCABULARY.names), door.ticket(job, conf), tables.VOCABULARY)
from pyspark.sql.functions import expr
job.run = run
sys.exit(door.main(job, sys.argv[1:]))
"""
#: Takes the lock of a root and keeps it.
OWNER = """
import sys, time
from lstmrec.cli.lock import locked
with locked(sys.argv[1], "7"):
    print(1, flush=True)
    time.sleep(600)
"""


def test_a_clock_that_jumps(tmp_path: Path, record_property: Record) -> None:
    steps, tally = count(), Tally()
    scenes.pair(str(tmp_path / "straight"), 1)
    for jump in (-3600.0, 3600.0):
        clock = lambda jump=jump: 1.6e9 + jump * (next(steps) % 2)  # noqa: E731
        root = str(tmp_path / f"jumped{jump}")
        with mock.patch("time.time", clock), mock.patch("time.time_ns", lambda clock=clock: int(clock() * 1e9)):
            scenes.pair(root, 1)
        same = scenes.pair_seen(root) == scenes.pair_seen(str(tmp_path / "straight"))
        tally.count("clock jumps", "" if same else "another table")
    tally.told(record_property)


def test_a_lock_ends_with_its_owner(tmp_path: Path, record_property: Record) -> None:
    tally = Tally()
    for number in (signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE) as owner:
            assert owner.stdout is not None and owner.stdout.readline() == b"1\n"
            with (
                pytest.raises(ResourceError, match=f"run 7 .process {owner.pid}") as caught,
                locked(str(tmp_path), "8"),
            ):
                pass
            assert caught.value.code == "R105"
            owner.send_signal(number)
            owner.wait()
        with locked(str(tmp_path), "8"):
            tally.count("second run at once")
    tally.told(record_property)


# A real training of its job, in this process.


def trains(root: str) -> None:
    door.walk(train_job, config(Path(root), epochs=2, checkpoint_steps=2, keep_checkpoints=1, log_steps=2))


def bundle_of(root: str) -> str:
    found = versions.current(root, tables.BUNDLE)
    versions.verify_files(root, found)
    return found.fingerprint


@pytest.mark.slow
def test_a_training_broken_off_gives_the_same_bundle(tmp_path: Path, record_property: Record) -> None:
    def prepare(root: str) -> None:
        write_all(Path(root), rows=8, validation=4, phases=1, files=1)

    def seen(root: str) -> str | None:
        return bundle_of(root) if versions.log(root, "bundle") else None

    tally = Tally()
    explore(Scene("training", prepare, trains, seen), Local(tmp_path), tally, at_most=40, seed=3)
    tally.told(record_property)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A tmpfs of that size."""
    folder.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=False).returncode
    ):
        pytest.skip("this machine does not let us mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_sparks_own_disk_is_full(tmp_path: Path, record_property: Record) -> None:
    """What Spark shuffles finds no room: exit 4, nothing committed; with room the same job ends."""
    config, tally = tmp_path / "c.yaml", Tally()
    config.write_text(f'root: {tmp_path}/run\nas_of: "2020-01-01T00:00:00Z"\nclean: {{events: {{path: [e]}}}}\n')

    def job(place: Path) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"SPARK_LOCAL_DIRS": str(place), "PYSPARK_SUBMIT_ARGS":
                            "--master local[2] --driver-memory 1g pyspark-shell"}  # fmt: skip
        return subprocess.run([sys.executable, "-c", SHUFFLES, "--config", str(config)], env=env, text=True,
                              capture_output=True, check=False)  # fmt: skip

    with small_disk(tmp_path / "disk", "3m") as place:
        full = job(place)
    told = full.returncode == 4 and "error[R108]" in full.stderr
    wrong = "" if told else f"exit {full.returncode}: {full.stderr[-800:]}"
    wrong = wrong or ("something was committed" if versions.log(str(tmp_path / "run"), "vocabulary") else "")
    again = job(tmp_path)
    made = not again.returncode and versions.current(str(tmp_path / "run"), tables.VOCABULARY).rows_out == 50
    tally.count("disk full, Spark's own", wrong or ("" if made else again.stderr[-800:]))
    tally.told(record_property)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_line_of_100_mb_for_which_memory_does_not_do(tmp_path: Path, form: str) -> None:
    lines = {"json": '{"user_id":"a","item_id":"b","time":"2019-01-01"}', "csv": "a,b,2019-01-01"}
    (tmp_path / "e").write_text(f"{lines[form]}\n{'x' * 100_000_000}\n{lines[form]}\n")
    config = tmp_path / "c.yaml"
    config.write_text(
        f'root: {tmp_path}/run\nas_of: "2020-01-01T00:00:00Z"\nclean: {{max_reject_share: 0.9, events: {{path: '
        f'["{tmp_path}/e"], format: {form}, columns: "user_id string, item_id string, time string"}}}}\n'
    )
    env = os.environ | {"LSTMREC_DRIVER_MEMORY": "700m", "LSTMREC_SPARK_MASTER": "local[1]"}
    command = [sys.executable, "-m", "lstmrec.cli.main", "run", "--config", str(config), "--only", "clean"]
    ended = subprocess.run(command, env=env, text=True, capture_output=True, check=False)
    assert ended.returncode == 4 and "error[R109] Spark ran out of memory" in ended.stderr, ended.stderr[-2000:]
    assert "Traceback" not in ended.stderr and not versions.log(str(tmp_path / "run"), "events")


@pytest.mark.slow
def test_a_disk_that_is_full(tmp_path: Path, record_property: Record) -> None:
    """A small tmpfs with less and less room: an error, what was there stays, and with room again it ends the same."""
    write_all(tmp_path / "straight", rows=8, validation=4, phases=1, files=1)
    trains(str(tmp_path / "straight"))
    tally = Tally()
    with small_disk(tmp_path / "disk", "2m") as disk:
        for room in (4, 12, 20, 28, 36, 44, 60, 80):
            root = disk / f"root{room}"
            write_all(root, rows=8, validation=4, phases=1, files=1)
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
            (disk / "ballast").write_bytes(b"\0" * max(free - room * 1024, 0))
            told = False
            try:
                trains(str(root))
            except (OSError, ResourceError):
                told = True
            wrong = "" if told or versions.log(str(root), "bundle") else "no error and no bundle"
            (disk / "ballast").unlink()
            trains(str(root))
            same = bundle_of(str(root)) == bundle_of(str(tmp_path / "straight"))
            tally.count("disk full, a tmpfs", wrong or ("" if same else f"another bundle with {room} kB free"))
            shutil.rmtree(root)
    tally.told(record_property)
