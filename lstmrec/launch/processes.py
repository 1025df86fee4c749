"""Child processes that end when we do, however we end, and the notes that ranks leave about their errors."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import lstmrec
from lstmrec import files
from lstmrec.config.run import Config
from lstmrec.contracts import errors
from lstmrec.contracts.errors import LstmrecError, ResourceError
from lstmrec.training.comm import LOST

ENDED = "R641"  # the code of a rank that ended without telling a cause: starting again may help
_GRACE_S = 15.0  # horovodrun itself gives its ranks five seconds
_PR_SET_PDEATHSIG = 1


def new_attempt(conf: Config, work: str) -> tuple[str, str]:
    """A fresh folder for the notes of one start, and the config as a file in it."""
    attempt = files.join(work, "attempts", uuid.uuid4().hex[:12])
    path = files.join(attempt, "conf.json")
    files.create(path, conf.model_dump_json().encode())
    return attempt, path


def command(conf_path: str, work: str, attempt: str) -> list[str]:
    """The argument list that starts one rank with this interpreter."""
    return [sys.executable, "-m", "lstmrec.launch.rank", "--conf", conf_path, "--work", work, "--attempt", attempt]


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Ours, this package importable, output unbuffered, and `more`."""
    home = str(Path(lstmrec.__file__).resolve().parent.parent)
    paths = [home, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"} | dict(more)


def spawn(arguments: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a process in a group of its own, its output (stderr too) in a pipe; it gets SIGTERM if we die."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def die_with_parent() -> None:  # between fork and exec: one libc call, no Python lock taken
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return subprocess.Popen(
        list(arguments), env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        start_new_session=True, preexec_fn=die_with_parent,
    )  # fmt: skip


def stop(processes: Sequence[subprocess.Popen[str]]) -> None:
    """End process groups: SIGTERM, then SIGKILL for those still there; all are waited for."""
    for p in processes:
        if p.poll() is None:
            _kill(p, signal.SIGTERM)
    for p in processes:
        try:
            p.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            _kill(p, signal.SIGKILL)
            p.wait()


def _kill(p: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(p.pid, number)


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that children are stopped; only the main thread can hear signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def failure(attempt: str, ended: Sequence[tuple[int, int]]) -> LstmrecError:
    """Why a start failed: the note of a rank (what it says of data or config before what followed from it), else
    ResourceError R641 of the first (rank, exit code) in `ended` that did not just follow another rank down.
    """
    listed = [(n, json.loads(files.read_text(files.join(attempt, n)))) for n in files.names(attempt) if "rank-" in n]
    notes = {int(name.removesuffix(".json").removeprefix("rank-")): note for name, note in listed}
    own = {rank: note for rank, note in notes.items() if note["args"][0] != LOST}
    for kind in ("DataError", "ConfigError", "ResourceError"):
        for note in own.values():
            if note["kind"] == kind:
                found: LstmrecError = getattr(errors, kind)(*note["args"])
                return found
    causes = [(rank, code) for rank, code in ended if rank not in notes or rank in own]
    rank, code = [*causes, *((rank, 1) for rank in own), *ended, (-1, 1)][0]
    said = own[rank]["args"][0] if rank in own else ""
    killed = -code if code < 0 else code - 128 if code > 128 else 0  # a shell adds 128 to the signal
    how = f"was killed by signal {killed}" if killed else f"ended with exit code {code}"
    who = f"rank {rank}" if rank >= 0 else "a rank"
    hint = "out of memory? " if killed == signal.SIGKILL else ""
    return ResourceError(ENDED, f"{who} {how}{': ' + said if said else ''}", attempt,
                         f"{hint}its messages stand above; run again, it goes on from the last checkpoint")  # fmt: skip
