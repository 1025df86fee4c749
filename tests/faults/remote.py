"""A remote store whose every operation can be the last: fsspec's memory, as an object store or as a file server.

An object store shows a file whole or not at all. A file server (HDFS, SFTP) shows it from its creation on, and what a
writer that died had written of it stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import fsspec

from lstmrec import files
from tests.faults.disk import Crash, Disk

ROOT = "memory://faults/root"
_INNER = "/faults/root"


class _Writer:
    """A file being created."""

    def __init__(self, disk: Disk, fs: Any, path: str, whole: bool) -> None:
        self._disk, self._fs, self._path, self._whole, self._data = disk, fs, path, whole, b""
        if fs.exists(path):
            raise FileExistsError(path)
        if not whole:
            disk.op("create", path, lambda: fs.pipe_file(path, b""))

    def __enter__(self) -> _Writer:
        return self

    def write(self, data: bytes) -> int:
        if self._whole:
            self._data += data
        else:
            put = self._fs.pipe_file
            self._disk.op("write", self._path, lambda: put(self._path, data),
                          lambda: put(self._path, data[: len(data) // 2]))  # fmt: skip
        return len(data)

    def __exit__(self, kind: Any, *_: object) -> None:
        if self._whole and kind is None:
            self._disk.op("create", self._path, lambda: self._fs.pipe_file(self._path, self._data))


class _Store:
    """fsspec's memory; a recursive removal is one operation a file, the last name first."""

    def __init__(self, disk: Disk, whole: bool) -> None:
        self._disk, self._whole, self._fs = disk, whole, fsspec.filesystem("memory")

    def open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        if mode == "xb":
            return _Writer(self._disk, self._fs, path, self._whole)
        return self._fs.open(path, mode, **more)

    def rm(self, path: str, recursive: bool = False) -> None:
        for one in sorted(self._fs.find(path), reverse=True):
            self._disk.op("unlink", one, lambda one=one: self._fs.rm_file(one))  # type: ignore[misc]
        if self._fs.exists(path):
            self._fs.rm(path, recursive=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fs, name)


@contextmanager
def watched(disk: Disk, whole: bool) -> Iterator[Disk]:
    """As `disk.watched`, of what `lstmrec.files` does below `ROOT`."""
    real = files._fs

    def _fs(path: str) -> tuple[Any, str]:
        fs, inner = real(path)
        return (_Store(disk, whole), inner) if path.startswith(ROOT) else (fs, inner)

    with mock.patch.object(files, "_fs", _fs):
        try:
            yield disk
        except Crash:
            if not disk.dead:
                raise


def disk(at: int | None = None, kind: str = "") -> Disk:
    return Disk(_INNER, at, kind)


def saved() -> dict[str, bytes]:
    """All that lies there."""
    fs = fsspec.filesystem("memory")
    return {p: fs.cat_file(p) for p in fs.find("/faults")}


def restored(kept: dict[str, bytes]) -> None:
    """Let there be exactly what was saved."""
    fs = fsspec.filesystem("memory")
    if fs.exists("/faults"):
        fs.rm("/faults", recursive=True)
    for path, data in kept.items():
        fs.pipe_file(path, data)
