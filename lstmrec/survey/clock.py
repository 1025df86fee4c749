"""What a column of instants looks like: a type, a number with a unit, ISO text, or text of a pattern."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: pyarrow's strptime -> Spark's pattern. Of two that fit, the first: 03.04. and 03/04/ are days before months.
PATTERNS = {
    "%d.%m.%Y %H:%M:%S": "dd.MM.yyyy HH:mm:ss", "%d.%m.%Y %H:%M": "dd.MM.yyyy HH:mm", "%d.%m.%Y": "dd.MM.yyyy",
    "%d/%m/%Y %H:%M:%S": "dd/MM/yyyy HH:mm:ss", "%d/%m/%Y %H:%M": "dd/MM/yyyy HH:mm", "%d/%m/%Y": "dd/MM/yyyy",
    "%m/%d/%Y %H:%M:%S": "MM/dd/yyyy HH:mm:ss", "%m/%d/%Y %H:%M": "MM/dd/yyyy HH:mm", "%m/%d/%Y": "MM/dd/yyyy",
    "%Y%m%d": "yyyyMMdd",
}  # fmt: skip
UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 0}
#: Seconds of 1990 and of 2100: a number between them, in some unit, may be an instant.
_LOW, _HIGH = 631_152_000, 4_102_444_800
_ENOUGH = 0.95
_TRIED = 2_000


@dataclass(frozen=True)
class Clock:
    """How a column is read as instants. unit: of a number; pattern: strptime of text; neither: a type, or ISO text."""

    unit: str | None = None
    pattern: str | None = None

    def sql(self, column: str) -> str:
        """What `clean.events.time` says: the column, or SQL where its text has a pattern of its own."""
        if self.pattern is None:
            return column
        name = column.replace("`", "``")
        return f"try_to_timestamp(cast(`{name}` as string), '{PATTERNS[self.pattern]}')"


def clock_of(values: pa.ChunkedArray) -> Clock | None:
    """How these values are instants; None where (nearly all of) them are not."""
    values = values.drop_null().slice(0, _TRIED)
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        return Clock()
    numbers = _numbers(values)
    if numbers is not None and len(numbers):
        text = pc.cast(pc.cast(numbers, pa.int64(), safe=False), pa.string())
        if _fits(text, Clock(pattern="%Y%m%d")):
            return Clock(pattern="%Y%m%d")
        for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
            inside = pc.and_(pc.greater(numbers, _LOW * factor), pc.less(numbers, _HIGH * factor))
            if pc.mean(pc.cast(inside, pa.float64())).as_py() >= _ENOUGH:
                return Clock(unit=unit)
        return None
    if len(values) and (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        for clock in (Clock(), *(Clock(pattern=p) for p in PATTERNS)):
            if _fits(values, clock):
                return clock
    return None


def micros(values: Any, clock: Clock) -> Any:
    """Microseconds since 1970 UTC (int64, null where unreadable) of an array; zone-less instants are UTC."""
    kind = values.type
    if pa.types.is_date(kind):
        return pc.cast(pc.cast(values, pa.timestamp("us")), pa.int64())
    if pa.types.is_timestamp(kind):
        return pc.cast(pc.cast(values, pa.timestamp("us", kind.tz), safe=False), pa.int64())
    if clock.unit is not None:
        numbers = _numbers(values, whole=True)
        if numbers is None:
            return pa.nulls(len(values), pa.int64())
        factor = UNITS[clock.unit]
        scaled = pc.multiply(numbers, float(factor)) if factor else pc.divide(numbers, 1000.0)
        return pc.cast(pc.floor(scaled), pa.int64(), safe=False)
    text = pc.utf8_trim_whitespace(pc.cast(values, pa.string()))
    if clock.pattern is not None:
        return pc.cast(pc.strptime(text, format=clock.pattern, unit="us", error_is_null=True), pa.int64())
    try:
        return pc.cast(pc.cast(text, pa.timestamp("us")), pa.int64())
    except pa.ArrowInvalid:
        return pa.array([_iso(t) for t in text.to_pylist()], pa.int64())


def _fits(values: Any, clock: Clock) -> bool:
    found = micros(values, clock)
    known = [v for v in found.to_pylist() if v is not None and _LOW <= v / 1e6 < _HIGH]
    return len(known) >= _ENOUGH * len(values) > 0


def _iso(text: str | None) -> int | None:
    """An instant that starts with its year, as s1 wants it."""
    if not text or not text[:4].isdigit():
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            at = datetime.combine(date.fromisoformat(text[:10]), datetime.min.time())
        except ValueError:
            return None
    delta = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def _numbers(values: Any, whole: bool = False) -> Any:
    """Doubles of numbers, or of text that is a number; None where it is (nearly) none. whole: never None for text."""
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pc.cast(values, pa.float64(), safe=False)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return None
    text = pc.utf8_trim_whitespace(values)
    plain = pc.match_substring_regex(text, r"^[-+]?[0-9]+(\.[0-9]+)?$")
    share = pc.mean(pc.cast(plain, pa.float64())).as_py() or 0.0
    if share < _ENOUGH and not whole:
        return None
    return pc.cast(pc.if_else(plain, text, None), pa.float64())
