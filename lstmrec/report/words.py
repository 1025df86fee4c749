"""Numbers, days and rows as people read them: the page's filters and its CSV links."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from lstmrec.said import span


def flat(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose [value, low, high] are three columns."""
    return [{f"{name}{end}": v for name, value in row.items()
             for end, v in (zip(("", "_low", "_high"), value, strict=True) if isinstance(value, list | tuple)
                            else [("", value)])} for row in rows]  # fmt: skip


def csv_link(rows: Sequence[Mapping[str, Any]]) -> str:
    """A data: address with the rows as CSV; text that a spreadsheet would run as a formula gets an apostrophe."""
    if not rows:
        return ""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"'{v}" if isinstance(v, str) and v[:1] in "=+-@\t\r" else v for k, v in row.items()})
    return "data:text/csv;charset=utf-8," + quote(out.getvalue())


def count(value: float) -> str:
    """1,234,567."""
    return f"{value:,.0f}"


def figure(value: float) -> str:
    """Four digits after the point."""
    return f"{value:.4f}"


def short(value: float) -> str:
    """Four digits after the point, fewer where many stand before it."""
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 10 else figure(value)


def chance(p: float | None) -> str:
    """A p of the bootstrap; nothing where none was drawn."""
    return "" if p is None else f"{p:.3f}"


def share(part: float, whole: float) -> str:
    """Percent for a bar's width, at least a hair."""
    return f"{max(0.5, 100 * part / whole):.1f}" if whole else "0"


def when(time: int | None) -> str:
    """Microseconds as a UTC day."""
    return "" if time is None else datetime.fromtimestamp(time / 1e6, UTC).strftime("%Y-%m-%d")


FILTERS = {"count": count, "when": when, "span": span, "figure": figure, "share": share, "short": short,
           "chance": chance}  # fmt: skip
