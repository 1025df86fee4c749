"""How a process that computes with torch on a CPU holds its memory."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# glibc's malloc.h; mallopt takes an int.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_KEPT = {_MMAP_MAX: 0, _TRIM_THRESHOLD: (1 << 31) - 1}
_USUAL = {_MMAP_MAX: 1 << 16, _TRIM_THRESHOLD: 1 << 17}


def keep() -> None:
    """From now on freed memory stays with this process.

    glibc hands large blocks back as soon as they are free: a step on a CPU then takes the same thousands of pages from
    the kernel, zeroed, again and again (seen: 8 % of the time of training). With another C library nothing happens.
    """
    _set(_KEPT)


@contextmanager
def kept() -> Iterator[None]:
    """`keep` within it; at its end what is free goes back to the system."""
    keep()
    try:
        yield
    finally:
        _set(_USUAL)
        if (libc := _glibc()) is not None:
            libc.malloc_trim(0)


def _set(options: Mapping[int, int]) -> None:
    if (libc := _glibc()) is not None:
        for option, value in options.items():
            libc.mallopt(option, value)


def _glibc() -> ctypes.CDLL | None:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if hasattr(libc, "mallopt") else None
