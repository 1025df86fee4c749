"""One run a root: a second one is refused while the first lives."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from lstmrec import files
from lstmrec.contracts.errors import ResourceError


@contextmanager
def locked(root: str, run: str) -> Iterator[None]:
    """Hold ROOT/_lock by flock, which ends with the process however it ends; ResourceError R105 where another holds it.

    Roots that are not on this machine hold no lock: there, versions and names are created only where none is, and
    two runs at once cost time, not tables.
    """
    if not files.is_local(root):
        yield
        return
    place = files.local(root) / "_lock"
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place, "a+", encoding="utf-8") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            f.seek(0)
            raise ResourceError("R105", f"locked by {f.read().strip() or 'another run'}", str(place),
                                "wait for it, or end it") from error  # fmt: skip
        f.truncate(0)
        f.write(f"run {run} (process {os.getpid()})\n")
        f.flush()
        yield
