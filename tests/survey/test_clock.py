from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest

from lstmrec.survey.clock import Clock, clock_of, micros

#: 2024-03-15 14:30:00 UTC
AT = 1_710_513_000_000_000
DAY = 1_710_460_800_000_000


@pytest.mark.parametrize(
    ("value", "clock", "us"),
    [
        (1_710_513_000, Clock(unit="s"), AT),
        (1_710_513_000_123, Clock(unit="ms"), AT + 123_000),
        (AT, Clock(unit="us"), AT),
        (AT * 1000, Clock(unit="ns"), AT),
        ("1710513000", Clock(unit="s"), AT),
        (1_710_513_000.5, Clock(unit="s"), AT + 500_000),
        (20_240_315, Clock(pattern="%Y%m%d"), DAY),
        ("20240315", Clock(pattern="%Y%m%d"), DAY),
        ("2024-03-15 14:30:00", Clock(), AT),
        ("2024-03-15T14:30:00Z", Clock(), AT),
        ("2024-03-15T15:30:00+01:00", Clock(), AT),
        ("2024-03-15", Clock(), DAY),
        ("15.03.2024 14:30", Clock(pattern="%d.%m.%Y %H:%M"), AT),
        ("15/03/2024", Clock(pattern="%d/%m/%Y"), DAY),
        ("03/15/2024", Clock(pattern="%m/%d/%Y"), DAY),
        (datetime(2024, 3, 15, 14, 30), Clock(), AT),
        (date(2024, 3, 15), Clock(), DAY),
    ],
)
def test_instants(value: Any, clock: Clock, us: int) -> None:
    values = pa.chunked_array([[value, value]])
    assert clock_of(values) == clock
    assert micros(values, clock).to_pylist() == [us, us]


@pytest.mark.parametrize("values", [["a", "b"], [1, 2], ["12:30", "13:30"], [0.5, 0.7], ["2024", "2025"], [None, None]])
def test_what_is_no_instant(values: list[Any]) -> None:
    assert clock_of(pa.chunked_array([values], pa.string() if None in values else None)) is None


def test_what_cannot_be_read_is_null() -> None:
    assert micros(pa.array(["15.03.2024", "?", None]), Clock(pattern="%d.%m.%Y")).to_pylist() == [DAY, None, None]
    assert micros(pa.array(["2024-03-15", "soon", "13:00"]), Clock()).to_pylist() == [DAY, None, None]
    assert micros(pa.array(["1710513000", "x"]), Clock(unit="s")).to_pylist() == [AT, None]


def test_sql_says_the_pattern() -> None:
    assert Clock(unit="s").sql("at") == "at"
    assert Clock(pattern="%d.%m.%Y").sql("a`t") == "try_to_timestamp(cast(`a``t` as string), 'dd.MM.yyyy')"
