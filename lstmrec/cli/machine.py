"""What a check of this machine finds, and how much memory it has."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]
GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """One check: its name, ok / warn / fail, what was found, and what to do (empty when ok)."""

    name: str
    level: Level
    found: str
    hint: str = ""


def memory_bytes() -> int:
    """The machine's memory, or the container's limit where that is lower."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as limit:
            return min(total, int(limit.read()))
    except (OSError, ValueError):  # no cgroup v2, or "max"
        return total
