"""The plain reader: pyarrow and one thread. It needs no petastorm, and is the oracle of the reader that does."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from queue import SimpleQueue
from threading import Semaphore, Thread

from lstmrec.contracts.errors import ConfigError
from lstmrec.training.feed import Columns, FileRead, SameTypes, check_request, on_rank, read_file


class ArrowFeed:
    """A `Feed` that keeps `prefetch` files ready; rank is named in errors."""

    def __init__(self, rank: int = 0, prefetch: int = 2) -> None:
        if prefetch < 1:
            raise ConfigError("C613", f"prefetch must be 1 or more, not {prefetch}")
        self.rank = rank
        self.prefetch = prefetch

    def read(self, files: Sequence[FileRead], columns: Sequence[str]) -> Generator[Columns, None, None]:
        """See `Feed.read`. Wrong columns and paths raise here, broken files where their item is due."""
        with on_rank(self.rank):
            check_request(files, columns)
        return self._items(list(files), list(columns))

    def _items(self, files: list[FileRead], columns: list[str]) -> Generator[Columns, None, None]:
        ahead = _Ahead(files, columns, self.prefetch)
        types = SameTypes()
        ahead.thread.start()
        try:
            with on_rank(self.rank):
                for read in files:
                    item = ahead.take()
                    types.check(read.path, item)
                    yield item
        finally:
            ahead.stop()


class _Ahead:
    """A thread that reads files in order, at most `slots` ahead of `take`."""

    def __init__(self, files: list[FileRead], columns: list[str], slots: int) -> None:
        self.thread = Thread(target=self._run, args=(files, columns), name="arrow-feed", daemon=True)
        self._ready: SimpleQueue[Columns | BaseException] = SimpleQueue()
        self._slots = Semaphore(slots)
        self._stopped = False

    def _run(self, files: list[FileRead], columns: list[str]) -> None:
        try:
            for read in files:
                self._slots.acquire()
                if self._stopped:
                    return
                self._ready.put(read_file(read, columns))
        except BaseException as error:  # carried to the consumer, who would wait for ever otherwise
            self._ready.put(error)

    def take(self) -> Columns:
        item = self._ready.get()
        if isinstance(item, BaseException):
            raise item
        self._slots.release()
        return item

    def stop(self) -> None:
        self._stopped = True
        self._slots.release()
        self.thread.join()
