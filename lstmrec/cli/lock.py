"""One run a root: a second one is refused while the first lives.

ROOT/_lock                       on this machine: held by `flock`
ROOT/_lease/000003/owner.json    elsewhere: the fourth lease, taken by who created it
ROOT/_lease/000003/000042.json   it lives: a file more every few seconds, the last two are kept
ROOT/_lease/000003/ended.json    given back
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lstmrec import files
from lstmrec.contracts.errors import ConfigError, ResourceError

#: Seconds from one sign of life to the next, and how many may be missed: a lease without one for so long is nobody's.
BEAT_S, MISSED = 10.0, 3
_OWNER, _ENDED = "owner.json", "ended.json"


@contextmanager
def locked(root: str, run: str) -> Iterator[None]:
    """Hold a root; ResourceError R105 where another run holds it, ConfigError C035 where its store cannot tell.

    On this machine by flock, which ends with the process however it ends. Elsewhere by a lease: an owner that died is
    known by no new sign of life while we watch, half a minute on our own clock; no two clocks are compared, so it does
    not matter what they say. An owner that was stopped for longer loses it; versions and names are created only where
    none is, and two runs at once cost time, not tables.
    """
    with _flock(root, run) if files.is_local(root) else _lease(root, run):
        yield


@contextmanager
def _flock(root: str, run: str) -> Iterator[None]:
    place = files.local(root) / "_lock"
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place, "a+", encoding="utf-8") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            f.seek(0)
            raise _refused(f.read().strip(), str(place)) from error
        f.truncate(0)
        f.write(f"run {run} (process {os.getpid()})\n")
        f.flush()
        yield


@contextmanager
def _lease(root: str, run: str) -> Iterator[None]:
    above = files.join(root, "_lease")
    number, over = _free(above), threading.Event()
    mine = files.join(above, f"{number:06d}")
    owner = json.dumps({"owner": f"run {run} ({socket.gethostname()}, process {os.getpid()})"})
    if not files.create(files.join(mine, _OWNER), owner.encode()):
        raise _refused(_owner(mine), mine)
    if files.create(files.join(mine, _OWNER), owner.encode()):  # some servers that speak S3 pass the condition over
        raise ConfigError("C035", "this store overwrites a file that should have been created only where none is", mine,
                          "two runs could undo each other: keep the root on another store")  # fmt: skip
    for old in files.names(above):
        if old < f"{number - 1:06d}":  # the last one stays for those who still watch it
            files.remove(files.join(above, old))
    beating = threading.Thread(target=_beat, args=(above, mine, over), daemon=True)
    beating.start()
    try:
        yield
    finally:
        over.set()
        beating.join()
        with suppress(OSError):  # then it ends by itself
            files.create(files.join(mine, _ENDED), b"{}")


def _free(above: str) -> int:
    """The number of the next lease, once the last one is given back or its owner dead."""
    last = max(files.names(above), default="")
    if not last:
        return 0
    place = files.join(above, last)
    seen, until = files.names(place), time.monotonic() + MISSED * BEAT_S
    while _ENDED not in files.names(place) and time.monotonic() < until:
        if files.names(place) != seen or max(files.names(above)) != last:
            raise _refused(_owner(place), place)
        time.sleep(BEAT_S / 10)
    return int(last) + 1


def _beat(above: str, mine: str, over: threading.Event) -> None:
    number = 0
    while not over.wait(BEAT_S):
        try:
            files.create(files.join(mine, f"{number:06d}.json"), b"{}")
            if number > 1:
                files.remove(files.join(mine, f"{number - 2:06d}.json"))
            number += 1
            if not mine.endswith(max(files.names(above))):
                warnings.warn(f"another run took this root over ({_owner(mine)} was silent for long)", stacklevel=1)
                return
        except OSError:  # the store does not answer: the next beat may get through
            continue


def _owner(place: str) -> str:
    told = files.whole_json(files.join(place, _OWNER))
    return str(told["owner"]) if told else ""


def _refused(owner: str, where: str) -> ResourceError:
    return ResourceError("R105", f"locked by {owner or 'another run'}", where, "wait for it, or end it")
