"""Folders made once a host: named by a digest, made under a file lock, shown whole or not at all. No pyspark here."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from lstmrec import files


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` (a hex digest with a prefix), made by `make` unless it is there: by one process a host. What a
    process left that died over it is cleared."""
    if not re.fullmatch(r"[a-z]+-[0-9a-f]{16,64}", name):
        raise ValueError(f"{name!r} is no digest's name")
    final = files.own_folder() / name
    if final.is_dir():
        return final
    with open(files.own_folder() / f"{name}.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.is_dir():
            for dead in files.own_folder().glob(f".{name}.*"):
                shutil.rmtree(dead, ignore_errors=True)
            stage = files.own_folder() / f".{name}.{uuid.uuid4().hex}"
            stage.mkdir()
            try:
                make(stage)
                for path in [*stage.rglob("*"), stage]:
                    files.fsync(path)
                os.rename(stage, final)
            finally:
                shutil.rmtree(stage, ignore_errors=True)
    return final
