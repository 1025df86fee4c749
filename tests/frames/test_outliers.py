"""Users with too many events: seen from before the cut, capped from after it, nobody else touched."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from lstmrec.config.clean import BotConfig
from lstmrec.frames import outliers

SCHEMA = (
    "user_id string, time bigint, event_id string, position bigint, row_hash bigint, reject_reason string, "
    "reject_value string, _rejected boolean"
)
DAY, MINUTE = 86_400_000_000, 60_000_000


def test_only_heavy_users_are_set_aside(spark: Any) -> None:
    given = [(u, n, None, None, n, "future" if n == 9 else None, None, False) for u, k in (("a", 3), ("b", 4)) for n in
             (*range(k), 9)]  # fmt: skip
    found = spark.createDataFrame(given, SCHEMA).transform(outliers.set_aside(3)).collect()
    counts = Counter((r["user_id"], r["reject_reason"], r["reject_value"]) for r in found)
    assert counts == {
        ("a", None, None): 3,
        ("a", "future", None): 1,
        ("b", "over_cap", "4"): 4,
        ("b", "future", None): 1,
    }


def test_bots_by_what_lay_before_and_caps_by_place(spark: Any) -> None:
    rng = random.Random(4)
    given = [(f"u{rng.randrange(30)}", rng.choice([None, *range(100)]), None, None, n, "over_cap", "x", True)
             for n in range(300)]  # fmt: skip
    frame = spark.createDataFrame(given, SCHEMA).repartition(3)
    for before, everything in ((40, False), (None, False), (None, True)):
        expected = {}
        for user in {r[0] for r in given}:
            rows = sorted((r for r in given if r[0] == user), key=lambda r: (r[1] is not None, r[1] or 0, r[4]))
            early = sum(everything if before is None else r[1] is None or r[1] < before for r in rows)
            for place, row in enumerate(rows):
                expected[row[4]] = "bot" if early > 6 else "over_cap" if place >= 6 else None
        found = frame.transform(outliers.capped(6, before, everything)).collect()
        assert {r["row_hash"]: r["reject_reason"] for r in found} == expected
        assert all(r["_rejected"] == (r["reject_reason"] is not None) for r in found)
        if before:
            assert {"bot", "over_cap", None} == set(expected.values())
            fitted = outliers.as_fitted(frame.transform(outliers.capped(6, before, everything))).collect()
            bots = {r[0] for r in given if expected[r[4]] == "bot"}
            assert {(r["id"], r["kept"], r["reason"]) for r in fitted} == {(u, False, "bot") for u in bots}


def test_bots_by_pace_and_by_bound(spark: Any) -> None:
    rng = random.Random(6)
    events = [(f"u{rng.randrange(12)}", "i", rng.choice([None, rng.randrange(-3 * DAY, 3 * DAY, MINUTE // 2)]))
              for _ in range(400)]  # fmt: skip
    events += [("fast", "i", 5 * DAY + n) for n in range(7)]
    per_day = Counter((u, t // DAY) for u, _, t in events if t is not None)
    per_minute = Counter((u, t // MINUTE) for u, _, t in events if t is not None)
    total = Counter(u for u, _, _ in events)
    most, bound = sorted(per_day.values())[-3], sorted(total.values())[-2] - 1
    frame = spark.createDataFrame(events, "user_id string, item_id string, time bigint")
    pairs = frame.groupBy("user_id", "item_id").count().withColumnRenamed("count", "n")
    found = outliers.bots(BotConfig(per_day=most, per_minute=6), frame, pairs, bound)
    assert found is not None
    expected = {u for (u, _), n in per_day.items() if n > most} | {u for (u, _), n in per_minute.items() if n > 6}
    expected |= {u for u, n in total.items() if n > bound}
    assert {r["user_id"] for r in found.collect()} == expected and len(expected) >= 3
    assert outliers.bots(BotConfig(), frame, pairs, None) is None
    assert {r["events"]: r["users"] for r in outliers.histogram(pairs).collect()} == Counter(total.values())


def test_quantile_is_the_nearest_rank() -> None:
    rng = random.Random(7)
    for _ in range(200):
        values = sorted(rng.randrange(1, 9) for _ in range(rng.randrange(1, 30)))
        q = rng.choice([0.5, 0.9, 0.99, rng.random()])
        rank = next(n for n in range(1, len(values) + 1) if n >= q * len(values))
        assert outliers.quantile(Counter(values), q) == values[rank - 1]
