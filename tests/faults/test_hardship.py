"""A clock that jumps, a lock whose owner is killed, a training that is broken off, a disk that is full."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
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


@pytest.mark.slow
def test_a_disk_that_is_full(tmp_path: Path, record_property: Record) -> None:
    """A small tmpfs with less and less room: an error, what was there stays, and with room again it ends the same."""
    write_all(tmp_path / "straight", rows=8, validation=4, phases=1, files=1)
    trains(str(tmp_path / "straight"))
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=False).returncode
    ):
        pytest.skip("this machine does not let us mount a tmpfs")
    tally = Tally()
    try:
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
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    tally.told(record_property)
