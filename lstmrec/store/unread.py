"""What Spark says of a file that it cannot read: which one, and why."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import NamedTuple
from urllib.parse import unquote

from lstmrec.contracts.errors import text_of

_FILE = re.compile(r"\[FAILED_READ_FILE\.(\w+)\] Encountered error while reading file (.+?)\.\s+(.*)")


class Unread(NamedTuple):
    """A file's URL, Spark's name for what is wrong with it (NO_HINT for most), and the reason in words."""

    file: str
    kind: str
    why: str


def file_of(error: Exception) -> Unread | None:
    """The file that an error of Spark's is about; None where it is about none."""
    told = _FILE.search(text_of(error))
    if told is None:
        return None
    causes = _causes(_lines(error))
    why = causes[-1] if causes else told[2].strip()
    if told[1] == "PARQUET_COLUMN_DATA_TYPE_MISMATCH":
        why = told[3].strip()
    return Unread(unquote(told[2]), told[1], why)


def is_full(error: Exception) -> bool:
    """Whether a disk had no room, Spark's own for what it shuffles among them."""
    return "No space left on device" in text_of(error)


def cause(error: Exception) -> str:
    """What lies at the bottom of an error, in a line."""
    lines = _lines(error)
    causes = _causes(lines)
    return causes[-1] if causes else lines[0]


def _lines(error: Exception) -> list[str]:
    return [line for line in text_of(error).splitlines() if line.strip()] or [type(error).__name__]


def _causes(lines: list[str]) -> list[str]:
    """What each "Caused by" says; lines of its own before the stack belong to it."""
    at = [n for n, line in enumerate(lines) if line.startswith("Caused by:")]
    said = [takewhile(lambda line: not line.startswith(("\tat ", "Caused by:")), lines[n + 1 : n + 6]) for n in at]
    return [" ".join([lines[n], *map(str.strip, more)]) for n, more in zip(at, said, strict=True)]
