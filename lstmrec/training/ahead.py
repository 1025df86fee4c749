"""A stream made by a thread, a little ahead of who uses it."""

from __future__ import annotations

from collections.abc import Generator
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Runs a stream at most `slots` items ahead of `take`. The thread starts at once, and `stop` ends it."""

    def __init__(self, stream: Generator[T, None, None], slots: int, name: str) -> None:
        self._ready: SimpleQueue[T | BaseException | None] = SimpleQueue()
        self._slots = Semaphore(slots)
        self._stopped = False
        self._thread = Thread(target=self._run, args=(stream,), name=name, daemon=True)
        self._thread.start()

    def _run(self, stream: Generator[T, None, None]) -> None:
        try:
            try:
                while True:
                    self._slots.acquire()
                    if self._stopped:
                        return
                    if (item := next(stream, None)) is None:
                        break
                    self._ready.put(item)
            finally:
                stream.close()  # here, where it ran: what it holds ends before this thread does
            self._ready.put(None)
        except BaseException as error:  # carried to the consumer, who would wait for ever otherwise
            self._ready.put(error)

    def take(self) -> T | None:
        """The next item, None at the end; raises what the stream raised where its item is due."""
        item = self._ready.get()
        if isinstance(item, BaseException):
            raise item
        self._slots.release()
        return item

    def stop(self) -> None:
        """End the thread, which closes the stream."""
        self._stopped = True
        self._slots.release()
        self._thread.join()
