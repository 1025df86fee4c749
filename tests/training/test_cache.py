from __future__ import annotations

import fcntl
import io
import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest

from lstmrec.contracts.errors import DataError, ResourceError
from lstmrec.training import cache as module
from lstmrec.training.cache import Cache


@pytest.fixture
def remote() -> Callable[..., list[str]]:
    """Writes files of so many bytes to a file system in memory; their URLs."""
    root = f"memory://{uuid.uuid4().hex}"

    def write(*sizes: int) -> list[str]:
        urls = [f"{root}/{i}.parquet" for i in range(len(sizes))]
        for i, (url, size) in enumerate(zip(urls, sizes, strict=True)):
            with fsspec.open(url, "wb") as f:
                f.write(bytes([i]) * size)
        return urls

    return write


def here(cache: Cache) -> set[str]:
    """First byte of every whole file in the cache, and the name of anything else but locks."""
    names = [p for p in cache.folder.rglob("*") if p.is_file() and p.suffix != ".lock"]
    return {str(p.read_bytes()[0]) if p.suffix == ".parquet" else p.name for p in names}


def read(cache: Cache, *urls: str) -> list[bytes]:
    with cache.held([cache.find(u) for u in urls]) as paths:
        return [Path(p).read_bytes() for p in paths]


class Source:
    """Stands before the remote file system: counts what is opened, and may break off or be slow."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cut: int | None = None, seconds: float = 0.0) -> None:
        self.opened: list[str] = []
        self.cut, self.seconds, self._open = cut, seconds, fsspec.open
        monkeypatch.setattr(module.fsspec, "open", self)

    def __call__(self, url: str, mode: str) -> Any:
        self.opened.append(url)
        time.sleep(self.seconds)
        if self.cut is None:
            return self._open(url, mode)
        with self._open(url, mode) as f:
            return io.BytesIO(f.read(self.cut))


def test_a_file_is_fetched_once(remote: Callable[..., list[str]], tmp_path: Path, monkeypatch: Any) -> None:
    urls, source = remote(30, 40), Source(monkeypatch)
    for _ in range(3):
        assert read(Cache(tmp_path, 1000), *urls, urls[0]) == [b"\0" * 30, b"\1" * 40, b"\0" * 30]
    assert sorted(source.opened) == urls


def test_a_file_that_changed_is_another(remote: Callable[..., list[str]], tmp_path: Path) -> None:
    (url,) = remote(30)
    read(Cache(tmp_path, 1000), url)
    with fsspec.open(url, "wb") as f:
        f.write(b"9" * 30)  # as many bytes
    assert read(Cache(tmp_path, 1000), url) == [b"9" * 30]


def test_many_readers_fetch_it_once(remote: Callable[..., list[str]], tmp_path: Path, monkeypatch: Any) -> None:
    urls, source = remote(50), Source(monkeypatch, seconds=0.2)
    got: list[list[bytes]] = []
    threads = [threading.Thread(target=lambda: got.append(read(Cache(tmp_path, 1000), *urls))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert got == [[b"\0" * 50]] * 4 and len(source.opened) == 1


def test_what_breaks_off_is_never_seen(remote: Callable[..., list[str]], tmp_path: Path, monkeypatch: Any) -> None:
    cache, urls = Cache(tmp_path, 1000), remote(50)
    with monkeypatch.context() as m:
        Source(m, cut=20)
        with pytest.raises(ResourceError, match="20 bytes came of 50") as error:
            read(cache, *urls)
    assert error.value.code == "R651" and here(cache) == set()
    assert read(cache, *urls) == [b"\0" * 50]


def test_the_longest_unused_go_first(remote: Callable[..., list[str]], tmp_path: Path) -> None:
    cache, urls = Cache(tmp_path, 100), remote(30, 30, 30, 30, 30)
    for url in (*urls[:3], urls[0], urls[3]):
        read(cache, url)
    assert here(cache) == {"0", "2", "3"}
    read(cache, urls[4])
    assert here(cache) == {"0", "3", "4"}


def test_what_is_being_read_stays(remote: Callable[..., list[str]], tmp_path: Path) -> None:
    cache, urls = Cache(tmp_path, 100), remote(50, 40, 40, 40)
    other = Cache(tmp_path, 100)
    with cache.held([cache.find(urls[0])]) as (path,):
        for url in urls[1:]:
            assert read(other, url)[0]
            assert Path(path).read_bytes() == b"\0" * 50 and len(here(cache)) == 2
        with other.held([other.find(urls[1])]), pytest.raises(ResourceError, match="all of it is in use"):
            read(other, urls[2])
    assert read(other, urls[2], urls[3]) and "0" not in here(cache)


def test_ahead_makes_no_room_by_what_it_is_told_to_spare(remote: Callable[..., list[str]], tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100)
    files = [cache.find(url) for url in remote(50, 40, 40)]
    for file in files[:2]:
        read(cache, file.url)
    assert not cache.fetch(files[2], spare=files[:2]) and here(cache) == {"0", "1"}
    assert cache.fetch(files[2], spare=files[:1]) and here(cache) == {"0", "2"}


def test_a_file_too_big_for_a_reader_is_refused(remote: Callable[..., list[str]], tmp_path: Path) -> None:
    (url,) = remote(26)
    with pytest.raises(ResourceError, match="may hold 25") as error:
        Cache(tmp_path, 100, readers=2).find(url)
    assert error.value.code == "R652"


def test_what_a_killed_process_left_is_cleared(remote: Callable[..., list[str]], tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100)
    (tmp_path / ".dead.tmp").write_bytes(b"x" * 9)
    with open(tmp_path / ".alive.tmp", "wb") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        read(cache, *remote(50))
        assert here(cache) == {"0", ".alive.tmp"}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"memory://nowhere/a\.parquet") as error:
        Cache(tmp_path, 100).find("memory://nowhere/a.parquet")
    assert error.value.code == "D611"


def test_a_fetch_that_ends_while_room_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its temporary name goes, and its own comes, between listing and looking."""
    cache = Cache(tmp_path, 100)
    (tmp_path / "0a").mkdir()
    (tmp_path / ".x.tmp").write_bytes(b"1" * 60)
    real = Path.stat

    def stat(path: Path, **how: Any) -> Any:
        if path.name == ".x.tmp":
            os.rename(path, tmp_path / "0a" / "x.parquet")
        return real(path, **how)

    monkeypatch.setattr(Path, "stat", stat)
    assert [(whole, size) for whole, _, size, _ in cache._there()] == [(True, 60)]
