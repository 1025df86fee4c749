"""The order of the rules, what each costs in the plan, and the ledger's arithmetic."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from lstmrec.config.clean import CleanConfig
from lstmrec.frames import clean, conform, in_order
from tests.frames import plans

SCHEMA = "user_id string, item_id string, time bigint, e string, q int"


def config(**more: Any) -> CleanConfig:
    events = {"path": ["x"], "time_unit": "s", "event_id": "e", "quantity": "q"} | more.pop("events", {})
    return CleanConfig.model_validate({"events": events, **more})


EVERYTHING = {
    "cancellations": "undo", "double_click_s": 2, "consecutive_repeats": "reject", "session_gap_minutes": 30,
    "unknown_items": "reject", "min_value": 1, "core": {"items": 2, "users": 2}, "fit_before": "all",
    "rules": [{"name": "mine", "when": "user_id = 'x'"}],
}  # fmt: skip


def plan(spark: Any, conf: CleanConfig) -> str:
    frame = conform.conform_events(spark.createDataFrame([], SCHEMA), conf.events)
    return plans.text(frame.transform(clean.judge_events(conf, 10**15)).transform(in_order.over_users(conf, 2)))


def test_events_travel_once_whatever_is_asked(spark: Any) -> None:
    bare = plan(spark, config(events={"event_id": None}))
    assert bare.count("Exchange") == 1 and bare.count("Window [") == 2 and bare.count("Sort [") == 1
    assert plan(spark, config(**EVERYTHING)).count("Exchange") == 1
    assert plan(spark, config(unique_event_id=True)).count("Exchange") == 2


def test_numbers_are_not_looked_at_letter_by_letter(spark: Any) -> None:
    conf = config(events={"event_id": None})
    numbers = spark.createDataFrame([], SCHEMA.replace("user_id string, item_id string", "user_id bigint, item_id int"))
    frame = conform.conform_events(numbers, conf.events).transform(clean.judge_events(conf, 10**15))
    assert "RLIKE" not in plans.text(frame).upper() and plan(spark, conf).upper().count("RLIKE") == 2


def test_rules_are_listed_in_the_order_they_are_asked() -> None:
    off = in_order.rules(config(events={"event_id": None, "quantity": None}))
    assert off == ["null_user", "empty_user", "bad_encoding", "control_character", "too_long_id", "null_item",
                   "empty_item", "bad_timestamp", "no_order", "too_early", "future", "duplicate", "bot",
                   "over_cap"]  # fmt: skip
    on = in_order.rules(config(**EVERYTHING))
    assert on.index("low_value") < on.index("mine") < on.index("unknown_item") < on.index("duplicate_event_id")
    assert on[-9:] == ["cancelled", "cancellation", "unmatched_cancellation", "double_click", "consecutive_repeat",
                       "bot", "over_cap", "rare_item", "rare_user"]  # fmt: skip


def test_the_ledger_adds_up() -> None:
    refused = {"null_user": 3, "future": 2, "duplicate": 10, "surprise": 1}
    told = in_order.ledger(config(), 100, refused)
    assert [row for row in told if row[2]] == [["null_user", 100, 3], ["future", 97, 2], ["duplicate", 95, 10],
                                               ["surprise", 85, 1]]  # fmt: skip
    assert told[-1][1] - told[-1][2] == 100 - sum(refused.values())
    assert all(a[1] - a[2] == b[1] for a, b in pairwise(told))
