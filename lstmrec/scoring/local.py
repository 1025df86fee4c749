"""Folders made once a host: named by a digest, made under a file lock, shown whole or not at all. No pyspark here."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

from lstmrec.contracts.errors import ResourceError


def place() -> Path:
    """Where such folders lie: LSTMREC_CACHE, or a folder of this user's below the temporary one.

    ResourceError R701 where it belongs to somebody else, who could have put a model of theirs there.
    """
    path = Path(os.environ.get("LSTMREC_CACHE") or Path(tempfile.gettempdir(), f"lstmrec-{os.getuid()}"))
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise ResourceError(
            "R701", "the cache folder is not this user's alone to write", str(path), "set LSTMREC_CACHE"
        )
    return path


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` (a hex digest with a prefix), made by `make` unless it is there: by one process a host."""
    if not re.fullmatch(r"[a-z]+-[0-9a-f]{16,64}", name):
        raise ValueError(f"{name!r} is no digest's name")
    final = place() / name
    if final.is_dir():
        return final
    with open(place() / f"{name}.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.is_dir():
            stage = place() / f".{name}.{uuid.uuid4().hex}"
            stage.mkdir()
            try:
                make(stage)
                os.rename(stage, final)
            finally:
                shutil.rmtree(stage, ignore_errors=True)
    return final
