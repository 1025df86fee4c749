"""How far the plain reader runs ahead, and whose error is whose."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.training import arrow_feed
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.feed import FileRead
from tests.training.parts import COLUMNS, same, write_parts


@pytest.mark.parametrize("prefetch", [1, 2, 5])
def test_it_reads_so_far_ahead_and_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefetch: int) -> None:
    files, _ = write_parts(tmp_path, 12)
    started: list[str] = []
    enough = threading.Semaphore(0)
    original = arrow_feed.read_file

    def counted(read: FileRead, columns: list[str]) -> Any:
        started.append(read.path)
        enough.release()
        return original(read, columns)

    monkeypatch.setattr(arrow_feed, "read_file", counted)
    items = ArrowFeed(prefetch=prefetch).read(files, COLUMNS)
    assert started == []
    for taken in range(1, 4):
        next(items)
        while len(started) < taken + prefetch:  # the item taken, and those ahead
            assert enough.acquire(timeout=60)
        assert not enough.acquire(timeout=0.05) or len(started) <= taken + prefetch
    items.close()
    assert len(started) <= 3 + prefetch


def test_items_before_a_broken_file_are_good(tmp_path: Path) -> None:
    files, wanted = write_parts(tmp_path, 4)
    Path(files[2].path).write_bytes(b"no")
    items = ArrowFeed(rank=1).read(files, COLUMNS)
    assert same(next(items), wanted[0]) and same(next(items), wanted[1])
    with pytest.raises(DataError, match=r"rank 1 · .*part-002"):
        next(items)


def test_any_error_of_the_background_reaches_the_consumer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, _ = write_parts(tmp_path, 2)

    def fails(read: FileRead, columns: list[str]) -> Any:
        raise MemoryError("no room")

    monkeypatch.setattr(arrow_feed, "read_file", fails)
    with pytest.raises(MemoryError, match="no room"):
        list(ArrowFeed().read(files, COLUMNS))


def test_prefetch_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="C613"):
        ArrowFeed(prefetch=0)
