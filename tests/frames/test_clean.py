"""Each reason to refuse a row, one after the other, against a plain-Python judge."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from lstmrec.config.clean import CleanConfig
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.frames import clean, conform, verdicts

AS_OF = 1_000_000_000_000
SCHEMA = "u string, i string, t string, p string, v string, q string"
DAY = "1970-01-05"


def config(**more: Any) -> CleanConfig:
    source = {
        "path": ["x"],
        "user_id": "u",
        "item_id": "i",
        "time": "t",
        "position": "p",
        "value": "v",
        "quantity": "q",
    }
    return CleanConfig.model_validate(
        {"events": source, "max_id_length": 5, "min_value": 0.5, "min_quantity": 1, **more}
    )


def judge(spark: Any, rows: list[tuple[Any, ...]], conf: CleanConfig, schema: str = SCHEMA) -> list[Any]:
    frame = conform.conform_events(spark.createDataFrame(rows, schema), conf.events)
    return list(frame.transform(clean.judge_events(conf, AS_OF)).collect())


CASES = [
    (("a", "b", DAY, None, "1", "1"), None, None),
    ((None, "b", DAY, None, "1", "1"), "null_user", None),
    ((" ", "b", DAY, None, "1", "1"), "empty_user", ""),
    (("a", None, DAY, None, "1", "1"), "null_item", None),
    (("a", "", DAY, None, "1", "1"), "empty_item", ""),
    (("a", "b\0c", DAY, None, "1", "1"), "control_character", "b\0c"),
    (("a\u0085b", "b", DAY, None, "1", "1"), "control_character", "a\u0085b"),
    (("é" * 5, "b", DAY, None, "1", "1"), None, None),
    (("é" * 6, "b", DAY, None, "1", "1"), "too_long_id", "é" * 5 + "..."),
    (("a", "b", "nonsense", "1", "1", "1"), "bad_timestamp", "nonsense"),
    (("a", "b", None, "x", "1", "1"), "bad_position", "x"),
    (("a", "b", None, "NaN", "1", "1"), "no_order", None),
    (("a", "b", None, None, "1", "1"), "no_order", None),
    (("a", "b", None, "3", "1", "1"), None, None),
    (("a", "b", "1969-12-31", None, "1", "1"), "too_early", "1969-12-31"),
    (("a", "b", "1970-02-01", None, "1", "1"), "future", "1970-02-01"),
    (("a", "b", DAY, None, "NaN", "1"), "bad_value", "NaN"),
    (("a", "b", DAY, None, "Infinity", "1"), "bad_value", "Infinity"),
    (("a", "b", DAY, None, "1", "two"), "bad_quantity", "two"),
    (("a", "b", DAY, None, "0.499", "1"), "low_value", "0.499"),
    (("a", "b", DAY, None, "0.5", "1"), None, None),
    (("a", "b", DAY, None, "1", "0"), "low_quantity", "0"),
    (("a", "b", DAY, None, None, None), None, None),
    ((None, None, "nonsense", None, "NaN", "0"), "null_user", None),
]


def test_every_reason(spark: Any) -> None:
    found = judge(spark, [row for row, _, _ in CASES], config())
    for (row, reason, value), judged in zip(CASES, found, strict=True):
        assert (judged["reject_reason"], judged["reject_value"]) == (reason, value), row
        known = row[0] is not None and reason not in ("null_user", "empty_user") and row[0] in ("a", "é" * 5)
        assert judged["_known_user"] == known, row


def test_badly_encoded_ids(spark: Any) -> None:
    lost = "a\ufffdb".encode()  # a decoder before us could not read it
    rows = [(raw, "b", DAY, None, "1", "1") for raw in (b"\xff\xfe", lost, "ü".encode())]
    schema = SCHEMA.replace("u string", "u binary")
    bad, worse, good = judge(spark, rows, config(), schema)
    assert (bad["reject_reason"], bad["reject_value"]) == ("bad_encoding", "FFFE")
    assert (worse["reject_reason"], worse["reject_value"]) == ("bad_encoding", lost.hex().upper())
    assert (good["reject_reason"], good["user_id"]) == (None, "ü")


def test_rules_of_ones_own(spark: Any) -> None:
    rule = {"name": "returned", "when": "quantity = 3 and user_id = 'a'"}
    rows = [("a", "b", DAY, None, "1", q) for q in ("3", "2", None)]
    found = judge(spark, rows, config(rules=[rule]))
    assert [r["reject_reason"] for r in found] == ["returned", None, None]
    with pytest.raises(ConfigError, match="C307"):
        judge(spark, rows, config(rules=[{"name": "x", "when": "quantity + 1"}]))


def test_random_dirty_rows_against_plain_python(spark: Any) -> None:
    rng = random.Random(3)
    pick = {
        "u": [None, "", "a", "b", "abcdef", "x\x07"], "i": [None, "", "a", "longer"],
        "t": [None, DAY, "??", "1960-01-01"], "p": [None, "1", "?"], "v": [None, "1", "0.1", "nan?"],
        "q": [None, "1", "0", "?"],
    }  # fmt: skip
    rows = [tuple(rng.choice(values) for values in pick.values()) for _ in range(400)]

    def oracle(u: Any, i: Any, t: Any, p: Any, v: Any, q: Any) -> str | None:
        for kind, x in (("user", u), ("item", i)):
            if x is None:
                return f"null_{kind}"
            if x == "":
                return f"empty_{kind}"
            if "\x07" in x:
                return "control_character"
            if len(x) > 5:
                return "too_long_id"
        checks = [
            (t == "??", "bad_timestamp"), (p == "?", "bad_position"), (t is None and p is None, "no_order"),
            (t == "1960-01-01", "too_early"), (v == "nan?", "bad_value"), (q == "?", "bad_quantity"),
            (v == "0.1", "low_value"), (q == "0", "low_quantity"),
        ]  # fmt: skip
        return next((reason for hit, reason in checks if hit), None)

    found = [r["reject_reason"] for r in judge(spark, rows, config())]
    assert found == [oracle(*row) for row in rows]


def test_unknown_ids(spark: Any) -> None:
    frame = spark.createDataFrame(
        [("a", None), ("b", None), (None, "null_item")], "item_id string, reject_reason string"
    )
    frame = frame.selectExpr("*", "cast(null as string) reject_value")
    known = spark.createDataFrame([("a",)], "item_id string")
    found = frame.transform(clean.refuse_unknown("item", known)).collect()
    assert {r["item_id"]: r["reject_reason"] for r in found} == {"a": None, "b": "unknown_item", None: "null_item"}


def test_verdict_accepted_and_rejects(spark: Any) -> None:
    rows = [("a", "b", DAY, None, "1", "1"), ("a", None, DAY, None, "1", "1")]
    frame = conform.conform_events(spark.createDataFrame(rows, SCHEMA), config().events)
    judged = frame.transform(clean.judge_events(config(), AS_OF)).transform(verdicts.told)
    judged = verdicts.verdict(judged, "events")
    assert verdicts.accepted(judged, tables.EVENTS).columns == list(tables.EVENTS.names)
    assert [r["item_id"] for r in verdicts.accepted(judged, tables.EVENTS).collect()] == ["b"]
    (refused,) = verdicts.rejects(judged).collect()
    assert (refused["source"], refused["reject_reason"], refused["value"]) == ("events", "null_item", None)
    assert json.loads(refused["row"]) == {"u": "a", "i": None, "t": DAY, "p": None, "v": "1", "q": "1"}


def test_everybody(spark: Any) -> None:
    users = spark.createDataFrame([("p", {"sex": "F"})], tables.USERS.ddl)
    rows = [("p", True), ("e", True), ("e", True), ("bad", False)]
    events = spark.createDataFrame(rows, "user_id string, _known_user boolean")
    found = {r["user_id"]: r["attributes"] for r in verdicts.everybody(users, events, False).collect()}
    assert found == {"p": {"sex": "F"}, "e": {}}
    assert [r["user_id"] for r in verdicts.everybody(users, events, True).collect()] == ["p"]


def test_bounds_types_weights_and_cancellations(spark: Any) -> None:
    rows = [
        (("9.5", "1", "buy"), None, None), (("10.5", "1", "buy"), "high_value", "10.5"),
        (("1", "8", "buy"), "high_quantity", "8"),
        (("1", "1", "dance"), "unknown_type", "dance"), (("1", "1", "spam"), "zero_weight", "spam"),
        (("-99", "-2", "buy"), "cancellation", "-2"), ((None, "-2", "spam"), "zero_weight", "spam"),
    ]  # fmt: skip
    source = {"path": ["x"], "user_id": "u", "item_id": "i", "time": "t", "value": "v", "quantity": "q",
              "event_type": "k", "weights": {"buy": 1, "spam": 0}, "unknown_types": "reject"}  # fmt: skip
    more = {"max_value": 10, "min_value": 0, "max_quantity": 5, "min_quantity": 1}
    given = [("a", "b", DAY, *row) for row, _, _ in rows]
    schema = "u string, i string, t string, v string, q string, k string"
    reject = CleanConfig.model_validate({"events": source, "cancellations": "reject", **more})
    found = judge(spark, given, reject, schema)
    assert [(r["reject_reason"], r["reject_value"]) for r in found] == [(reason, value) for _, reason, value in rows]
    undo = CleanConfig.model_validate({"events": source, "cancellations": "undo", **more})
    assert [r["_cancel"] for r in judge(spark, given, undo, schema) if r["reject_reason"] is None] == [False, True]
    keep = CleanConfig.model_validate({"events": source, **more, "cancel_when": "no_such_column"})
    assert judge(spark, given, keep, schema)[5]["reject_reason"] == "low_value"
