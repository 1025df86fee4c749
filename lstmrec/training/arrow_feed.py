"""The plain reader: pyarrow and one thread. It needs no petastorm, and is the oracle of the reader that does."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from lstmrec.contracts.errors import ConfigError
from lstmrec.training.ahead import Ahead
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
        ahead = Ahead((read_file(read, columns) for read in files), self.prefetch, "arrow-feed")
        types = SameTypes()
        try:
            with on_rank(self.rank):
                for read in files:
                    item = ahead.take()
                    assert item is not None  # one a file
                    types.check(read.path, item)
                    yield item
        finally:
            ahead.stop()
