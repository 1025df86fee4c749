"""Whatever bytes stand in a row: it is accepted as it was meant, or refused by the first rule that it breaks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.frames.test_clean import AS_OF, config, judge

SCHEMA = "u binary, i binary, t string, p string, v string, q string"
BLANKS = b" \t\n\r\x0b\x0c"
HOSTILE = ["'; drop table x", "{0}", "../..", "=cmd()", "<b>", "null", "None", "nan", "007", "7", "7.0", "é", "e\u0301",
           "\u202e", "👩‍👩‍👧", "\u200b", "a\0", "a\x85", "a,b", 'a"b', "\\"]  # fmt: skip
IDS = st.none() | st.binary(max_size=7) | st.text(max_size=7).map(lambda t: t.encode("utf-8", "surrogatepass")) | (
    st.sampled_from(HOSTILE).map(str.encode))  # fmt: skip
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.isoformat(sep=" "))
NUMBERS = st.none() | st.text(max_size=5) | st.decimals(-(10**6), 10**6, places=3).map(str) | st.integers().map(str) | (
    st.sampled_from(["NaN", "Infinity", "1e3", "-0", "1,5", " 2 ", "0x10", "1e999", "٣"]))  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ROWS = st.tuples(IDS, IDS, st.none() | TIMES | TEXT, st.none() | st.just("3"), NUMBERS.filter(
    lambda v: v is None or v.isprintable()), NUMBERS.filter(lambda v: v is None or v.isprintable()))  # fmt: skip


def id_reason(kind: str, raw: bytes | None) -> str | None:
    """What the rules say of an id, in plain Python."""
    if raw is None:
        return f"null_{kind}"
    raw = raw.strip(BLANKS)
    if not raw:
        return f"empty_{kind}"
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return "bad_encoding"
    if "\ufffd" in text:
        return "bad_encoding"
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text):
        return "control_character"
    return "too_long_id" if len(text) > 5 else None


def meant(text: str) -> Decimal | None:
    """The number that a text says."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def instant_us(text: str) -> int | None:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(ROWS, min_size=80, max_size=120))
def test_rows_are_accepted_as_meant_or_refused_by_name(spark: Any, rows: list[tuple[Any, ...]]) -> None:
    found = judge(spark, [tuple(bytearray(x) if isinstance(x, bytes) else x for x in row) for row in rows],
                  config(), SCHEMA)  # fmt: skip
    assert len(found) == len(rows)
    for row, judged in zip(rows, found, strict=True):
        u, i, t, p, v, q = row
        reason = id_reason("user", u) or id_reason("item", i)
        if reason is not None:
            assert judged["reject_reason"] == reason, row
            continue
        assert judged["reject_reason"] not in ("null_user", "null_item", "bad_encoding", "control_character"), row
        if judged["reject_reason"] is not None:
            assert refusable(judged["reject_reason"], t, p, v, q), (row, judged["reject_reason"])
            continue
        assert (judged["user_id"].encode(), judged["item_id"].encode()) == (u.strip(BLANKS), i.strip(BLANKS)), row
        if t is not None and instant_us(t) is not None:
            assert judged["time"] == instant_us(t) and 0 <= judged["time"] <= AS_OF, row
        assert t is None or judged["time"] is not None, row
        for said, kept, unit in ((v, judged["value"], 100), (q, judged["quantity"], 1)):
            if said is None:
                assert kept is None
            else:
                number = meant(said)
                assert number is not None and abs(kept - number * unit) <= Decimal("0.5001"), row


def refusable(reason: str, t: Any, p: Any, v: Any, q: Any) -> bool:
    """Whether a row whose ids are good gives cause for that reason."""
    value, many = v is not None and meant(v), q is not None and meant(q)
    us = instant_us(t) if t is not None else None
    return {
        "bad_timestamp": (t is not None and us is None) or (us is not None and t is not None and not t[:4].isdigit()),
        "no_order": t is None and p is None,
        "too_early": us is None or us < 0, "future": us is None or us > AS_OF,
        "bad_value": v is not None, "bad_quantity": q is not None,
        "low_value": value is not False and value is not None and value < Decimal("0.5001"),
        "low_quantity": many is not False and many is not None and many < 1,
    }.get(reason, False)  # fmt: skip
