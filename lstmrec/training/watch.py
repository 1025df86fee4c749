"""A thread that ends a rank which has stopped moving: a dead peer must not hang the job for ever."""

from __future__ import annotations

import os
import sys
import time
from threading import Event, Thread

EXIT = 4  # that of a ResourceError


class Watchdog:
    """Ends the process with exit code 4 and a message naming rank and step if no `beat` comes for `stall_s` seconds."""

    def __init__(self, stall_s: float, rank: int) -> None:
        self.stall_s, self.rank = stall_s, rank
        self._at, self._doing = time.monotonic(), "start"
        self._stop = Event()
        self._thread = Thread(target=self._run, name="watchdog", daemon=True)

    def beat(self, doing: str) -> None:
        """Say that the rank moves, and what it turns to now (for the message)."""
        self._at, self._doing = time.monotonic(), doing

    def __enter__(self) -> Watchdog:
        self.beat("start")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(min(self.stall_s / 4, 5.0)):
            still = time.monotonic() - self._at
            if still > self.stall_s:
                print(f"error[R632] rank {self.rank} has not moved for {still:.0f} s\n  where  {self._doing}\n"
                      "  hint   another rank or the storage is gone: run again, it goes on from the last checkpoint; "
                      "or raise train.stall_s", file=sys.stderr, flush=True)  # fmt: skip
                os._exit(EXIT)  # the main thread sits in a collective that nothing else can leave
