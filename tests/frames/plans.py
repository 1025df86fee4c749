"""How Spark means to compute a frame, as text: what a transform must not read, sort or move can be seen there."""

from __future__ import annotations

import contextlib
import io
from typing import Any


def text(frame: Any) -> str:
    """The physical plan, one operator a line; nothing runs."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        frame.explain()
    return out.getvalue()
