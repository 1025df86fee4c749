"""What the reader does when petastorm fails it, whatever the reason."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.training.petastorm_feed import PetastormFeed
from tests.training.parts import COLUMNS, same, write_parts


def fail(monkeypatch: pytest.MonkeyPatch, change: Callable[[list[Any], Callable[[], Any]], Any]) -> None:
    """Put `change(results so far, next result)` between petastorm's pool and its reader."""
    PetastormFeed()
    from petastorm.workers_pool.thread_pool import ThreadPool

    original = ThreadPool.get_results
    seen: list[Any] = []

    def changed(self: Any) -> Any:
        result = change(seen, lambda: original(self))
        seen.append(result)
        return result

    monkeypatch.setattr(ThreadPool, "get_results", changed)


def refused(folder: Path, code: str, *words: str) -> None:
    files, _ = write_parts(folder, 6)
    before = threading.active_count()
    with pytest.raises(DataError) as caught:
        list(PetastormFeed(workers=2, rank=5).read(files, COLUMNS))
    assert caught.value.code == code
    for word in ("rank 5", *words):
        assert word in str(caught.value)
    assert threading.active_count() == before


def test_a_lost_row_group_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_third(seen: list[Any], following: Callable[[], Any]) -> Any:
        if len(seen) == 2:
            following()
        return following()

    fail(monkeypatch, lose_third)
    refused(tmp_path, "D623", "part-002.parquet", "part-003.parquet")


def test_a_lost_end_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def end_early(seen: list[Any], following: Callable[[], Any]) -> Any:
        from petastorm.workers_pool import EmptyResultError

        if len(seen) == 4:
            raise EmptyResultError
        return following()

    fail(monkeypatch, end_early)
    refused(tmp_path, "D622", "part-004.parquet")


def test_lost_rows_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(seen: list[Any], following: Callable[[], Any]) -> Any:
        group = following()
        if len(seen) == 3:
            group.columns.update({name: array[1:] for name, array in group.columns.items()})
        return group

    fail(monkeypatch, cut)
    refused(tmp_path, "D617", "part-003.parquet", "4 rows", "5")


def test_more_than_there_is_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, lambda seen, following: seen[5] if len(seen) == 6 else following())
    refused(tmp_path, "D621")


def test_it_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    files, _ = write_parts(tmp_path, 3)
    list(PetastormFeed().read(files, COLUMNS))
    broken = Path(files[1].path)
    broken.write_bytes(broken.read_bytes()[:4] + b"\xff" * 200 + broken.read_bytes()[204:])
    with pytest.raises(DataError, match="part-001"):
        list(PetastormFeed().read(files, COLUMNS))
    assert capfd.readouterr() == ("", "")


def test_two_readers_at_once(tmp_path: Path) -> None:
    files, wanted = write_parts(tmp_path, 8)
    feed = PetastormFeed(workers=2)
    for one, other, want in zip(feed.read(files, COLUMNS), feed.read(files, COLUMNS), wanted, strict=True):
        assert same(one, want) and same(other, want)


def test_workers_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="C614"):
        PetastormFeed(workers=0)


def test_it_loads_neither_torch_nor_spark() -> None:
    import subprocess

    code = (
        "from lstmrec.training.petastorm_feed import PetastormFeed; import sys; PetastormFeed();"
        "assert not {'torch', 'pyspark', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
