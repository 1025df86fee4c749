"""Environments of those we are measured beside, each of its own, made once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


class Failed(SystemExit):
    """A process that ended with an error."""


def environment(place: Path, needs: Sequence[str]) -> str:
    """The Python of the environment at `place`, with these packages; made where it is not there yet. Raises Failed."""
    python = str(place / "bin/python")
    if not (place / "ready").exists():
        for command in ([sys.executable, "-m", "venv", "--clear", str(place)],
                        [python, "-m", "pip", "install", "-q", *needs]):  # fmt: skip
            if code := subprocess.run(command, stdout=sys.stderr).returncode:
                raise Failed(f"{' '.join(command)} ended with {code}")
        (place / "ready").touch()
    return python
