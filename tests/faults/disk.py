"""A disk whose every operation can be the last: what a process does below a folder is counted, and ended at will.

An operation is whatever Python does to files there: create, write, truncate, fsync, link, rename, unlink, mkdir, rmdir.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

#: How an operation ends. The first four end the process there: before it, after it, in the middle of a write, and after
#: it with a power cut, which halves what was not yet synced. With the last two the process lives and is told: no space
#: from here on, or no permission for this one.
KINDS = ("before", "after", "torn write", "power cut", "disk full", "permission")
_WRITES = frozenset(("create", "write", "truncate", "link", "rename", "mkdir"))


class Crash(BaseException):
    """The end of the process: no handler for errors may take it for one."""


class Disk:
    """What is done below `root`, ended at operation `at` (from 0) in the way `kind`; with at None, only counted.

    done: (operation, path below the root, bytes are unsynced after it) of each. dead: nothing moves any more.
    """

    def __init__(self, root: str | Path, at: int | None = None, kind: str = "") -> None:
        self.root, self.at, self.kind = str(root), at, kind
        self.done: list[tuple[str, str, bool]] = []
        self.dead = self.full = False
        self._unsynced: set[int] = set()

    def mine(self, path: Any, folder: int | None = None) -> str | None:
        """A path below the root, made absolute; None for others."""
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        path = os.fspath(path)
        if folder is not None:
            path = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)
        path = os.path.abspath(path)
        return path if path.startswith(self.root + "/") else None

    def op(self, what: str, path: str, do: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        """Do an operation, unless it is the one to end at."""
        if self.dead:
            raise Crash(f"{what} of {path} after the end")
        number, here = len(self.done), len(self.done) == self.at
        if here and self.kind == "disk full":
            self.full = True
        self.done.append((what, path.removeprefix(self.root + "/"), False))
        if self.full and what in _WRITES:
            if half is not None:
                half()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        if here and self.kind == "permission" and what != "write":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        if here and self.kind == "before":
            self._end(what, path)
        if here and self.kind == "torn write" and half is not None:
            half()
            self._end(what, path)
        try:
            return do()
        finally:
            self.done[number] = (*self.done[number][:2], bool(self._unsynced))
            if here and self.kind in ("after", "power cut"):
                if self.kind == "power cut":
                    self._halve()
                self._end(what, path)

    def _end(self, what: str, path: str) -> None:
        self.dead = True
        raise Crash(f"{self.kind}: {what} of {path}")

    def _halve(self) -> None:
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(folder, name)
                if os.stat(path).st_ino in self._unsynced:
                    os.truncate(path, os.path.getsize(path) // 2)

    def written(self, number: int) -> None:
        self._unsynced.add(os.fstat(number).st_ino)

    def synced(self, number: int) -> None:
        self._unsynced.discard(os.fstat(number).st_ino)


class _File:
    """An open file whose writes are operations; what is written is on the disk at once."""

    def __init__(self, disk: Disk, path: str, file: Any) -> None:
        self._disk, self._path, self._file = disk, path, file

    def write(self, data: Any) -> int:
        return int(
            self._disk.op("write", self._path, lambda: self._put(data), lambda: self._put(data[: len(data) // 2]))
        )

    def _put(self, data: Any) -> int:
        size = self._file.write(data)
        self._file.flush()
        self._disk.written(self._file.fileno())
        return int(size)

    def truncate(self, size: int | None = None) -> int:
        return int(self._disk.op("truncate", self._path, lambda: self._file.truncate(size)))

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def watched(disk: Disk) -> Iterator[Disk]:
    """Let every operation below the disk's root go through it. A `Crash` ends the block, and is no error."""
    real = {name: getattr(os, name) for name in
            ("open", "fsync", "link", "rename", "replace", "unlink", "remove", "mkdir", "rmdir")}  # fmt: skip
    opened = builtins.open

    def open_(path: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
        mine = None if isinstance(path, int) or not set(mode) & set("wax+") else disk.mine(path)
        if mine is None:
            return opened(path, mode, *args, **more)
        if os.path.exists(mine) and not set(mode) & set("wx"):
            return _File(disk, mine, opened(path, mode, *args, **more))
        return _File(disk, mine, disk.op("create", mine, lambda: opened(path, mode, *args, **more)))

    def one(name: str, what: str) -> Callable[..., Any]:
        def call(path: Any, *args: Any, dir_fd: int | None = None, **more: Any) -> Any:
            mine = disk.mine(path, dir_fd)
            more |= {} if dir_fd is None else {"dir_fd": dir_fd}
            return real[name](path, *args, **more) if mine is None else disk.op(
                what, mine, lambda: real[name](path, *args, **more))  # fmt: skip

        return call

    def two(name: str, what: str) -> Callable[..., Any]:
        def call(source: Any, target: Any, **more: Any) -> Any:
            mine = disk.mine(target)
            return real[name](source, target, **more) if mine is None else disk.op(
                what, mine, lambda: real[name](source, target, **more))  # fmt: skip

        return call

    def fsync(handle: Any) -> Any:
        number = handle if isinstance(handle, int) else handle.fileno()
        mine = disk.mine(number)

        return real["fsync"](number) if mine is None else disk.op("fsync", mine, lambda: disk.synced(number))

    put = {"fsync": fsync, "mkdir": one("mkdir", "mkdir"), "rmdir": one("rmdir", "rmdir"),
           "unlink": one("unlink", "unlink"), "remove": one("remove", "unlink"), "link": two("link", "link"),
           "rename": two("rename", "rename"), "replace": two("replace", "rename")}  # fmt: skip
    with (
        mock.patch.multiple(os, **put),
        mock.patch.object(builtins, "open", open_),
        mock.patch.object(io, "open", open_),
    ):
        try:
            yield disk
        except Crash:
            if not disk.dead:
                raise


def points(done: list[tuple[str, str, bool]], kinds: tuple[str, ...] = KINDS) -> list[tuple[int, str]]:
    """Every fault that an undisturbed run's operations allow: (number of the operation, kind)."""
    allowed: dict[str, Callable[[str, bool], bool]] = {
        "before": lambda what, unsynced: True,
        "after": lambda what, unsynced: True,
        "torn write": lambda what, unsynced: what == "write",
        "power cut": lambda what, unsynced: unsynced,
        "disk full": lambda what, unsynced: what in _WRITES,
        "permission": lambda what, unsynced: what in ("create", "link", "rename", "unlink", "mkdir", "rmdir"),
    }
    return [(n, kind) for n, (what, _, unsynced) in enumerate(done) for kind in kinds if allowed[kind](what, unsynced)]
