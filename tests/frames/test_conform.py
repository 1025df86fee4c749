"""Source rows in the contracts' words: ids kept exactly, instants and amounts exact, nothing throws."""

from __future__ import annotations

import datetime as dt
import math
import random
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from lstmrec.config.clean import EventSource
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.frames import conform
from lstmrec.frames.names import Named, kept, resolve

HOUR = 3_600_000_000


def events(frame: Any, **named: Any) -> list[Any]:
    source = EventSource(path=["x"], **{"user_id": "u", "item_id": "i", "time": "t", **named})
    return list(conform.conform_events(frame, source).collect())


def texts(spark: Any, values: list[Any], kind: str) -> list[str | None]:
    frame = spark.createDataFrame([(n, v) for n, v in enumerate(values)], f"n int, v {kind}")
    named = resolve(frame, {"v": "v"}, "test")["v"]
    return [r[0] for r in frame.orderBy("n").select(conform.text(named, "test")).collect()]


def test_ids_are_kept_exactly(spark: Any) -> None:
    ids = ["007", "7", " 7\t", "Ünï·cødé 日本", "a b", "", "  ", "\u00a07", "x" * 300, "a\0b", None, "1.0", "1e3"]
    expected = ["007", "7", "7", "Ünï·cødé 日本", "a b", "", "", "\u00a07", "x" * 300, "a\0b", None, "1.0", "1e3"]
    assert texts(spark, ids, "string") == expected


def test_numbers_print_as_integers_where_they_are(spark: Any) -> None:
    assert texts(spark, [2**53 + 1, -(2**63), 7], "bigint") == ["9007199254740993", "-9223372036854775808", "7"]
    doubles = [7.0, -7.0, 1e20, 0.5, -0.0, math.nan, math.inf, None]
    assert texts(spark, doubles, "double") == ["7", "-7", "1" + "0" * 20, "0.5", "0", None, None, None]
    assert texts(spark, [Decimal("7.00"), Decimal("7.50")], "decimal(10,2)") == ["7", "7.50"]
    assert texts(spark, [True, None], "boolean") == ["true", None]


def test_an_array_is_no_id(spark: Any) -> None:
    frame = spark.createDataFrame([([1],)], "v array<int>")
    with pytest.raises(ConfigError, match="C304"):
        conform.text(resolve(frame, {"v": "v"}, "clean.events")["v"], "clean.events.user_id")


@pytest.mark.parametrize("unit,step", [("s", 1_000_000), ("ms", 1_000), ("us", 1)])
def test_numeric_times(spark: Any, unit: str, step: int) -> None:
    frame = spark.createDataFrame([("u", "i", 12), ("u", "i", -12), ("u", "i", None)], "u string, i string, t bigint")
    assert [r["time"] for r in events(frame, time_unit=unit)] == [12 * step, -12 * step, None]


def test_nanoseconds_and_fractions_go_down(spark: Any) -> None:
    frame = spark.createDataFrame(
        [("u", "i", 1_999), ("u", "i", -1), ("u", "i", 2**63 - 1)], "u string, i string, t bigint"
    )
    assert [r["time"] for r in events(frame, time_unit="ns")] == [1, -1, (2**63 - 1) // 1000]
    frame = spark.createDataFrame(
        [("u", "i", 1.5), ("u", "i", math.nan), ("u", "i", 1e300)], "u string, i string, t double"
    )
    assert [r["time"] for r in events(frame, time_unit="s")] == [1_500_000, None, None]


def test_a_number_needs_its_unit(spark: Any) -> None:
    frame = spark.createDataFrame([("u", "i", 1)], "u string, i string, t bigint")
    with pytest.raises(ConfigError, match="time_unit"):
        events(frame)


def test_text_times(spark: Any) -> None:
    known = {
        "1970-01-01 01:00:00": HOUR, "1970-01-01T01:00:00Z": HOUR, " 1970-01-01T03:00:00+02:00 ": HOUR, "1970-01-01": 0,
        "1969-12-31 23:00:00": -HOUR, "12:30": None, "yesterday": None, "": None, "1970-13-01": None,
        "1514764800": None,
    }  # fmt: skip
    frame = spark.createDataFrame([("u", "i", t) for t in [*known, None]], "u string, i string, t string")
    assert [r["time"] for r in events(frame)] == [*known.values(), None]


def test_timestamps_and_dates(spark: Any) -> None:
    frame = spark.sql("select 'u' u, 'i' i, timestamp'1970-01-01 01:00:00.000001 UTC' t, date'1970-01-02' d, "
                      "timestamp_ntz'1970-01-01 01:00:00' n")  # fmt: skip
    assert [events(frame, time=c)[0]["time"] for c in ("t", "d", "n")] == [HOUR + 1, 24 * HOUR, HOUR]
    instant = dt.datetime(2017, 1, 1, 11, 53, 26, tzinfo=dt.UTC)
    made = spark.createDataFrame([("u", "i", instant)], "u string, i string, t timestamp")
    assert events(made)[0]["time"] == int(instant.timestamp()) * 1_000_000


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_rows_of_late_are_told_by_the_source_column(spark: Any, unit: str) -> None:
    """Those whose time is later, or cannot be read, exactly."""
    after = 1_577_836_800_000_001
    near = {"s": after / 10**6, "ms": after / 10**3, "us": after, "ns": after * 1000}[unit]
    values: list[int | None] = [None, 0, -1, 1]
    for middle in (int(near), 2**63, -(2**63), *(sign * 2**63 // n for n in (10**6, 10**3) for sign in (1, -1))):
        values += [v for v in range(middle - 1003, middle + 1004) if -(2**63) <= v < 2**63]
    frame = spark.createDataFrame([("u", "i", v) for v in values], "u string, i string, t bigint")
    source = EventSource(path=["x"], user_id="u", item_id="i", time="t", time_unit=unit)
    all_ = conform.conform_events(frame, source).where(f"time IS NULL OR time > {after}")
    found = conform.conform_events(conform.lately(frame, source, after), source)
    assert 0 < found.count() < len(values) and found.exceptAll(all_).count() == all_.exceptAll(found).count() == 0


def test_rows_of_late_are_looked_for_in_the_files(spark: Any, tmp_path: Any) -> None:
    made = spark.sql("select 'u' u, 'i' i, timestamp_micros(n * 86400000000L) t, date_from_unix_date(n) d, cast("
                     "timestamp_micros(n * 86400000000L) as timestamp_ntz) z, cast(n as string) s, cast(n as int) b "
                     "from (select explode(sequence(0, 9)) as n)")  # fmt: skip
    made.coalesce(1).write.parquet(str(tmp_path / "log"))
    frame = spark.read.parquet(str(tmp_path / "log"))
    for name, unit in (("t", None), ("d", None), ("z", None), ("b", "s")):
        source = EventSource(path=["x"], user_id="u", item_id="i", time=name, time_unit=unit)
        after = 6_000_000 if unit else 6 * 24 * HOUR
        found = conform.lately(frame, source, after)
        assert found.count() == 3
        assert f"GreaterThan({name}" in found._jdf.queryExecution().executedPlan().toString(), name
    text = EventSource(path=["x"], user_id="u", item_id="i", time="s")
    assert conform.lately(frame, text, 0).count() == 10


def test_amounts_are_exact_minor_units(spark: Any) -> None:
    rng = random.Random(5)
    values = [0.29, 1.005, -1.005, 0.0, 12.345, 1e15, math.nan, math.inf, -math.inf, 1e300, None]
    values += [round(rng.uniform(-1e4, 1e4), rng.randint(0, 5)) for _ in range(200)]
    frame = spark.createDataFrame(
        [("u", "i", n, v) for n, v in enumerate(values)], "u string, i string, t bigint, v double"
    )
    found = {r["time"]: r["value"] for r in events(frame, time_unit="us", value="v")}
    for n, v in enumerate(values):
        cents = None
        if v is not None and math.isfinite(v) and abs(v) < 1e24:
            cents = int((Decimal(repr(v)) * 100).quantize(Decimal(1), ROUND_HALF_UP))
        assert found[n] == cents, v


def test_what_is_no_number_is_null(spark: Any) -> None:
    rows = [("12.34", "3", "5"), ("", "x", "5.5"), ("12,34", "1.5", "1e2"), (" 1 ", "NaN", "NaN")]
    frame = spark.createDataFrame([("u", "i", *r) for r in rows], "u string, i string, v string, q string, p string")
    found = events(frame, time=None, value="v", quantity="q", position="p")
    assert [(r["value"], r["quantity"], r["position"]) for r in found] == [
        (1234, 3, 5), (None, None, None), (None, 2, 100), (100, None, None)
    ]  # fmt: skip


def test_columns_are_names_before_they_are_sql(spark: Any) -> None:
    frame = spark.createDataFrame([("a", "b", "c", 1)], "`user.id` string, `item id` string, `x+y` string, t bigint")
    (row,) = events(frame, user_id="user.id", item_id="item id", event_type="x+y", time_unit="s")
    assert (row["user_id"], row["item_id"], row["event_type"]) == ("a", "b", "c")
    (row,) = events(frame, user_id="concat(`user.id`, '!')", item_id="'fixed'", event_type="'buy'", time_unit="s")
    assert (row["user_id"], row["item_id"], row["event_type"]) == ("a!", "fixed", "buy")


def test_missing_columns_are_all_named(spark: Any) -> None:
    frame = spark.createDataFrame([("a", 1)], "u string, t bigint")
    with pytest.raises(DataError) as caught:
        events(frame, user_id="who", item_id="what", time_unit="s")
    assert "who" in caught.value.what and "what" in caught.value.what and "u, t" in caught.value.hint
    with pytest.raises(ConfigError, match="C303"):
        events(frame, user_id="u +* 1", item_id="u", time_unit="s")


def test_where_keeps_the_rows_that_hold(spark: Any) -> None:
    frame = spark.createDataFrame([(1,), (None,), (3,)], "n int")
    assert [r["n"] for r in kept(frame, "n > 1", "clean.events").collect()] == [3]
    assert kept(frame, None, "clean.events").count() == 3
    read = frame.selectExpr("n", "if(n is null, 'raw line', null) _corrupt_record")
    assert [r["n"] for r in kept(read, "n > 1", "clean.events").collect()] == [None, 3]
    with pytest.raises(ConfigError, match="C303"):
        kept(frame, "n + 1", "clean.events")


def test_hash_tells_nulls_apart(spark: Any) -> None:
    frame = spark.createDataFrame([("a", None), (None, "a"), ("a", "a"), ("a", "a")], "x string, y string")
    hashes = [r[0] for r in frame.select(conform.hash_of(frame["x"], frame["y"])).collect()]
    assert len(set(hashes)) == 3 and hashes[2] == hashes[3]


def test_the_source_row_of_any_type(spark: Any) -> None:
    frame = spark.sql("select 1 a, null b, map('k', 1) c, interval '1' day d, array(1) e, X'00ff' f, 'x' `g.h`")
    (row,) = frame.select(*conform.source_row(frame)).collect()
    assert row["_row"]["a"] == 1 and row["_row"]["g.h"] == "x" and isinstance(row["_tie"], int)


def test_named_carries_the_type(spark: Any) -> None:
    named = resolve(spark.createDataFrame([(1,)], "n int"), {"a": "n", "b": "n / 2", "c": None}, "x")
    assert isinstance(named["a"], Named) and named["a"].kind.simpleString() == "int"
    assert named["b"].kind.simpleString() == "double" and "c" not in named


def test_weights_sessions_and_who_is_nobody(spark: Any) -> None:
    rows = [
        ("a", "i", 1, "buy", " s1 "),
        (None, "i", 1, "view", "s2"),
        ("", "i", 1, None, ""),
        (None, "i", 1, "", None),
    ]
    frame = spark.createDataFrame(rows, "u string, i string, t bigint, k string, s string")
    weights = {"buy": 1.0, "view": 1e-9, "unknown": 0.0}
    source = EventSource(path=["x"], user_id="u", item_id="i", time="t", time_unit="s", event_type="k", session="s",
                         weights=weights)  # fmt: skip
    found = conform.conform_events(frame, source, anonymous=True).collect()
    assert [(r["user_id"], r["event_type"], r["weight"], r["session"]) for r in found] == [
        ("a", "buy", 2**20, "s1"), ("session:s2", "view", 1, "s2"), ("", "unknown", 0, None), (None, "unknown", 0, None)
    ]  # fmt: skip
    plain = conform.conform_events(frame, source.model_copy(update={"weights": {}})).collect()
    assert [r["user_id"] for r in plain] == ["a", None, "", None] and plain[0]["weight"] is None
    assert plain[0]["row_hash"] == found[0]["row_hash"], "a weight is the config's, not the row's"
    bare = conform.conform_events(frame, source.model_copy(update={"session": None})).collect()
    assert bare[0]["row_hash"] != found[0]["row_hash"] and bare[0]["session"] is None
