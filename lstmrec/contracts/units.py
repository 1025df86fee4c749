"""Numbers that many modules count by."""

from __future__ import annotations

#: Microseconds of a day: tables tell instants so.
DAY_US = 86_400_000_000
#: Seconds of a day: sequences, and the nets that read them, count so.
DAY_S = 86_400
#: Parts of one. Fractions are rounded to so many and summed as integers: no order of addition shows.
FIXED = 1 << 20
