from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lstmrec.config.load import validate
from lstmrec.contracts.errors import DataError, LstmrecError, ResourceError
from lstmrec.launch import processes
from tests.training.tables import config


def note(folder: Path, rank: int, kind: str, *args: str) -> None:
    (folder / f"rank-{rank}.json").write_text(json.dumps({"kind": kind, "args": list(args)}))


def told(folder: Path, *ended: tuple[int, int]) -> LstmrecError:
    return processes.failure(str(folder), ended)


def test_the_cause_is_told_and_not_what_followed(tmp_path: Path) -> None:
    note(tmp_path, 0, "ResourceError", "R602", "the other ranks are gone", "rank 0", "")
    assert "rank 1 was killed by signal 9" in told(tmp_path, (1, -9)).what
    assert told(tmp_path, (1, 137)).what == told(tmp_path, (1, -9)).what
    assert told(tmp_path, (0, 4), (1, -9)).what == told(tmp_path, (1, -9)).what  # rank 0 only followed, if faster
    note(tmp_path, 2, "MemoryError", "MemoryError: no more")
    assert told(tmp_path, (2, 1)).what == "rank 2 ended with exit code 1: MemoryError: no more"
    assert told(tmp_path).what == told(tmp_path, (2, 1)).what
    note(tmp_path, 3, "ResourceError", "R631", "another process writes", "w", "h")
    note(tmp_path, 4, "DataError", "D612", "cannot read", "rank 4 · x", "h")
    found = told(tmp_path, (3, 4))
    assert isinstance(found, DataError) and (found.code, found.where, found.hint) == ("D612", "rank 4 · x", "h")


def test_without_a_word_it_is_a_rank_that_ended(tmp_path: Path) -> None:
    found = told(tmp_path)
    assert isinstance(found, ResourceError) and found.what == "a rank ended with exit code 1"
    assert told(tmp_path, (0, 4)).what == "rank 0 ended with exit code 4"


def test_the_config_travels_whole(tmp_path: Path) -> None:
    conf = config(tmp_path, epochs=17)
    attempt, path = processes.new_attempt(conf, str(tmp_path))
    assert validate(json.loads(Path(path).read_text())) == conf
    assert processes.new_attempt(conf, str(tmp_path))[0] != attempt  # notes of one start are not those of another


def test_children_are_stopped_with_their_children(tmp_path: Path) -> None:
    code = "import subprocess, time; print(subprocess.Popen(['sleep', '500']).pid, flush=True); time.sleep(500)"
    process = processes.spawn([sys.executable, "-c", code], processes.environment({}))
    assert process.stdout is not None
    grandchild = int(process.stdout.readline())
    processes.stop([process])
    assert process.returncode == -15
    status = Path(f"/proc/{grandchild}/status")
    for _ in range(600):  # it is signalled with its parent, and ends when it is next scheduled
        if not status.exists() or "zombie" in status.read_text():
            return
        time.sleep(0.05)
    raise AssertionError("the grandchild lives")


def test_the_environment_finds_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/a:/b")
    env: Any = processes.environment({"RANK": "3"})
    assert env["PYTHONPATH"].split(":")[1:] == ["/a", "/b"] and env["RANK"] == "3"
    assert Path(env["PYTHONPATH"].split(":")[0], "lstmrec").is_dir()
