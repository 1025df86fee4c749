"""Quantities as people read them, in lines and on pages alike."""

from __future__ import annotations


def span(seconds: float) -> str:
    """`3.2 s`, `4 m 05 s`, `7 h 30 m`."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes:02d} m"
    return f"{minutes} m {rest:02d} s" if minutes else f"{seconds:.1f} s"
