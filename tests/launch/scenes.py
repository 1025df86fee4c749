"""What can befall a launched training: shared by the tests of the launchers. `python -m tests.launch.scenes` trains."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from lstmrec.config.run import Config
from lstmrec.contracts.errors import LstmrecError
from lstmrec.launch.start import start
from tests.training.tables import config

ROOT = Path(__file__).resolve().parents[2]


def conf(root: Path, **train: Any) -> Config:
    return config(root, **{"launch": "horovodrun", "ranks": 2, **train})


def endless(root: Path, **train: Any) -> Config:
    return conf(root, epochs=10**6, patience=10**6, checkpoint_steps=10**6, max_restarts=0, **train)


def long(root: Path, **train: Any) -> Config:
    """Long enough to be hit in the middle of an epoch, with checkpoints that are seldom at an epoch's end."""
    model = {"input_dropout": 0.3, "hidden_dropout": 0.3}
    return conf(root, epochs=40, patience=40, checkpoint_steps=4, ema=0.9, model=model, **train)


def in_background(settings: Config, work: Path) -> subprocess.Popen[str]:
    """A process that trains; its last line of output is what was raised."""
    work.mkdir(parents=True, exist_ok=True)
    path = work / "scene.json"
    path.write_text(settings.model_dump_json())
    return subprocess.Popen([sys.executable, "-m", "tests.launch.scenes", str(path), str(work)], cwd=ROOT,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip


def ranks(work: Path) -> dict[int, psutil.Process]:
    """The living ranks of a training, by rank."""
    found = {}
    for p in psutil.process_iter():
        try:
            words = p.cmdline()
            ours = "lstmrec.launch.rank" in words and str(work) in words and "horovod.runner.launch" not in words
            if ours and Path(words[0]).name.startswith("python") and p.status() != psutil.STATUS_ZOMBIE:
                env = p.environ()
                found[int(env.get("HOROVOD_RANK") or env["RANK"])] = p
        except (psutil.NoSuchProcess, psutil.AccessDenied, KeyError):
            continue
    return found


def until(true: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.2)


def under_way(work: Path) -> dict[int, psutil.Process]:
    """Both ranks, once the first epoch is through."""
    until(lambda: any((work / "checkpoints").glob("step-*/_DONE.json")), "the first checkpoint")
    return ranks(work)


def a_dead_rank(settings: Config, work: Path) -> str:
    """Kill rank 1 outright; what the launcher raises."""
    process = in_background(settings, work)
    try:
        under_way(work)[1].send_signal(signal.SIGKILL)
        said, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    until(lambda: not ranks(work), "the other rank to end")
    return said


def a_rank_killed_once(settings: Config, work: Path, rank: int) -> str:
    """Kill a rank outright after the first checkpoint, whatever it is at; what the launcher says until it is done."""
    process = in_background(settings, work)
    try:
        under_way(work)[rank].send_signal(signal.SIGKILL)
        said, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, said
    return said


def killed_and_straight(settings: Config, work: Path, rank: int) -> None:
    """A training with a rank killed on the way gives the weights of one without, to the bit."""
    start(settings, str(work / "straight"))
    said = a_rank_killed_once(settings, work / "killed", rank)
    assert f"rank {rank} was killed by signal 9: restart 1 of 2" in said and "goes on from step" in said
    straight, killed = ((work / w / "export" / "weights.safetensors").read_bytes() for w in ("straight", "killed"))
    assert straight == killed


def a_hung_rank(settings: Config, work: Path) -> str:
    """Freeze rank 1; what the launcher raises."""
    process = in_background(settings, work)
    try:
        under_way(work)[1].send_signal(signal.SIGSTOP)
        said, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    until(lambda: not ranks(work), "both ranks to end")
    return said


def a_parent_that_ends(settings: Config, work: Path, number: int) -> int:
    """Send the launcher's process a signal; its exit code, once its ranks are gone too."""
    process = in_background(settings, work)
    try:
        assert sorted(under_way(work)) == [0, 1]
        os.kill(process.pid, number)
        process.communicate(timeout=120)
    finally:
        process.kill()
    until(lambda: not ranks(work), "the ranks to end with their parent")
    return process.returncode


if __name__ == "__main__":
    from lstmrec.config.load import validate

    try:
        start(validate(json.loads(Path(sys.argv[1]).read_text())), sys.argv[2])
    except LstmrecError as error:
        print(error, flush=True)
        sys.exit(error.exit_code)
