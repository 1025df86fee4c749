"""Reserved ids, the same in every vocabulary."""

from __future__ import annotations

PADDING = 0
UNKNOWN = 1
FIRST = 2
