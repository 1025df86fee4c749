"""Rules over each user's events, one after the other, and the order of all rules: what the ledger counts by."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame

from lstmrec.config.clean import CleanConfig
from lstmrec.frames import dedup, outliers, repeats


def over_users(conf: CleanConfig, buckets: int) -> Callable[[DataFrame], DataFrame]:
    """Judged events -> the same, refused where a rule over their user's events says so, and `session`.

    One shuffle of all events, by user into so many buckets, as EVENTS lies; every window after it stays inside a user,
    so none shuffles again. (With `unique_event_id` one more before it, by event id.) A rule that is off adds nothing to
    the plan.
    """

    def with_refusals(frame: DataFrame) -> DataFrame:
        if conf.events.event_id and conf.unique_event_id:
            frame = frame.transform(dedup.refuse_event_ids(everywhere=True))
        frame = frame.repartition(buckets, "user_id")
        if conf.events.event_id and not conf.unique_event_id:
            frame = frame.transform(dedup.refuse_event_ids(everywhere=False))
        frame = frame.transform(dedup.refuse_duplicates(conf.duplicates))
        if conf.cancellations == "undo":
            frame = frame.transform(repeats.refuse_cancelled)
        if conf.double_click_s:
            frame = frame.transform(repeats.refuse_double_clicks(conf.double_click_s))
        if conf.consecutive_repeats == "reject":
            frame = frame.transform(repeats.refuse_consecutive_repeats)
        if conf.session_gap_minutes:
            frame = frame.transform(repeats.with_sessions(conf.session_gap_minutes))
        return frame.transform(outliers.set_aside(conf.bots.max_events))

    return with_refusals


def rules(conf: CleanConfig) -> list[str]:
    """Reject reasons of event rows, in the order they are asked, without those that the config has switched off."""
    e = conf.events
    asked: list[tuple[str, object]] = [
        ("malformed", e.format in ("csv", "json")),
        *[(r, True) for r in ("null_user", "empty_user", "bad_encoding", "control_character", "too_long_id")],
        ("null_item", True), ("empty_item", True), ("unknown_type", e.unknown_types == "reject"),
        ("zero_weight", 0 in e.weights.values()), ("bad_timestamp", e.time), ("bad_position", e.position),
        ("no_order", True), ("too_early", e.time), ("future", e.time), ("bad_value", e.value),
        ("bad_quantity", e.quantity), ("cancellation", conf.cancellations == "reject"),
        *[(r, getattr(conf, key) is not None) for r, key in (
            ("low_value", "min_value"), ("high_value", "max_value"), ("low_quantity", "min_quantity"),
            ("high_quantity", "max_quantity"))],
        *[(rule.name, True) for rule in conf.rules],
        ("unknown_item", conf.unknown_items == "reject"), ("unknown_user", conf.unknown_users == "reject"),
        ("conflicting_event_id", e.event_id), ("duplicate_event_id", e.event_id), ("duplicate", True),
        *[(r, conf.cancellations == "undo") for r in ("cancelled", "cancellation", "unmatched_cancellation")],
        ("double_click", conf.double_click_s), ("consecutive_repeat", conf.consecutive_repeats == "reject"),
        ("bot", True), ("over_cap", True), ("rare_item", conf.core.items), ("rare_user", conf.core.users),
    ]  # fmt: skip
    return list(dict.fromkeys(reason for reason, on in asked if on))


def ledger(conf: CleanConfig, rows: int, refused: dict[str, int]) -> list[list[object]]:
    """[rule, rows in, rows refused] of each rule in order; rows in: those that no rule before refused. The last one's
    rows in less its refused ones is what is left."""
    out: list[list[object]] = []
    for reason in [*rules(conf), *sorted(refused.keys() - set(rules(conf)))]:
        out.append([reason, rows, refused.get(reason, 0)])
        rows -= refused.get(reason, 0)
    return out
