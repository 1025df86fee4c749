"""Profiles against plain Python over each user's events, at every boundary; what the future may not change; scalers."""

from __future__ import annotations

import math
import random
import statistics
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import functions as F

from lstmrec.config.profile import CLOCK_FEATURES, FEATURES, ProfileConfig
from lstmrec.frames import profiles
from tests.frames.plans import text
from tests.frames.world import DAY, World, world

ALL = [*FEATURES, *CLOCK_FEATURES, "count:buy", "count:we.i`rd"]
OWN = [
    {"name": "big_spender", "agg": "sum(value) / 100.0"},
    {"name": "floats", "agg": "avg(if(event_type = 'buy', value, NULL)) + 0.1 * count_if(quantity > 1)"},
]
ZONE = "America/New_York"
SPLIT = ("user_id string, item_id string, event_type string, time bigint, event_id string, value bigint, "
         "quantity bigint, index int")  # fmt: skip
WINDOWS = "user_id string, role string, start int, history int"


def oracle(events: list[dict[str, Any]], zone: str) -> dict[str, float]:
    """Every feature of these events by name; 0 where there is nothing to tell."""
    n = len(events)
    items = Counter(e["item"] for e in events)
    valued = [e for e in events if e["value"] is not None]
    value, units = sum(e["value"] for e in valued), sum(e["quantity"] or 1 for e in valued)
    types = Counter(e["type"] for e in events)
    buys = [e["value"] for e in valued if e["type"] == "buy"]
    many = sum((e["quantity"] or 0) > 1 for e in events)
    out = {
        "events": n, "items": len(items), "repeat_share": 1000 * (n - len(items)) / n if n else 0,
        "types": len(types), "item_entropy": -sum(c / n * math.log2(c / n) for c in items.values()),
        "value": value, "mean_value": value / len(valued) if valued else 0, "mean_price": value / units if units else 0,
        "count:buy": types["buy"], "count:we.i`rd": types["we.i`rd"], "big_spender": value / 100,
        "floats": statistics.mean(buys) + 0.1 * many if buys else 0,
    }  # fmt: skip
    return out | _by_clock([e["time"] for e in events], zone)


def _by_clock(times: list[int], zone: str) -> dict[str, float]:
    n = len(times)
    if not n or times[0] is None:
        return dict.fromkeys((*CLOCK_FEATURES, *(f"day_parts:{h}" for h in (0, 6, 12, 18))), 0)
    local = [datetime.fromtimestamp(t // 1_000_000, UTC).astimezone(ZoneInfo(zone)) for t in times]
    instants = sorted(set(times))
    gaps = [(b - a) / DAY for a, b in pairwise(instants)]
    days, tenure = len({t.date() for t in local}), (times[-1] - times[0]) / DAY
    parts = Counter(t.hour // 6 * 6 for t in local)
    return {
        "active_days": days, "tenure_days": tenure, "mean_gap_days": tenure / (days - 1) if days > 1 else 0,
        "recency_days": gaps[-1] if gaps else 0, "max_gap_days": max(gaps, default=0), "basket_size": n / len(instants),
        "weekend_share": 1000 * sum(t.weekday() >= 5 for t in local) / n,
        **{f"day_parts:{h}": 1000 * parts[h] / n for h in (0, 6, 12, 18)},
    }  # fmt: skip


def histories(seed: int, users: int = 40) -> dict[str, list[dict[str, Any]]]:
    """Users with 0 to 40 events around the changes of summer time, with ties, gaps, refunds and nulls."""
    rng = random.Random(seed)
    made = {}
    for k in range(users):
        now, events = 1_446_000_000_000_000 + rng.randrange(400 * DAY), []  # from 28 October 2015
        for _ in range(rng.choice([0, 1, 2, 5, 20, 40])):
            now += rng.choice([0, 0, 1_000_000, 3_600_000_000, rng.randrange(3 * DAY), rng.randrange(200 * DAY)])
            events.append({
                "item": f"i{int(rng.expovariate(0.3))}", "type": rng.choice(["buy", "view", "we.i`rd"]), "time": now,
                "value": rng.choice([None, -150, 0, 99, 1250, 10**9]), "quantity": rng.choice([None, 1, 2, 7]),
            })  # fmt: skip
        made[f"u{k}"] = events
    return made


def split(spark: Any, made: dict[str, list[dict[str, Any]]], partitions: int = 2) -> Any:
    """SPLIT as far as it is looked at, rows in an order of that number."""
    rows = [
        (user, e["item"], e["type"], e["time"], None, e["value"], e["quantity"], i)
        for user, events in made.items() for i, e in enumerate(events)
    ]  # fmt: skip
    random.Random(partitions).shuffle(rows)
    return spark.createDataFrame(rows, SPLIT).repartition(partitions)


def windows(spark: Any, made: dict[str, list[dict[str, Any]]], step: int = 3) -> Any:
    """Train windows starting at every `step`-th event of the first two thirds, and serve windows."""
    rows = []
    for user, events in made.items():
        train = len(events) * 2 // 3
        rows += [(user, "train", start, train) for start in range(0, train, step)]
        rows.append((user, "serve", max(0, len(events) - 7), len(events)))
    return spark.createDataFrame(rows, WINDOWS)


def test_raw_is_the_oracles_at_every_boundary(spark: Any) -> None:
    made = histories(3)
    conf = ProfileConfig(features=[*ALL, *OWN], calendar_zone=ZONE)
    names = profiles.names(conf, [])
    got = profiles.raw(split(spark, made), windows(spark, made), conf).collect()
    expected = {}
    for user, events in made.items():
        train = {*range(0, len(events) * 2 // 3, 3)}
        for boundary in train | {max(0, len(events) - 7), len(events)}:
            expected[user, boundary] = (boundary in train, oracle(events[:boundary], ZONE))
    assert {(r.user_id, r.boundary) for r in got} == set(expected)
    assert len(got) == len(expected)
    for r in got:
        fit, values = expected[r.user_id, r.boundary]
        assert r.fit == fit
        assert dict(zip(names, r.raw, strict=True)) == pytest.approx({k: values[k] for k in names}, rel=1e-9, abs=1e-5)


def test_the_future_and_the_partitions_change_nothing(spark: Any) -> None:
    """Whatever stands at and after a boundary, in whatever order rows come: the same bits."""
    made, other, cut = histories(4), histories(5), {}
    for user, events in made.items():
        cut[user] = len(events) // 2
        later = [{**e, "time": e["time"] + 4_000 * DAY} for e in other[user]]
        other[user] = events[: cut[user]] + later
    conf = ProfileConfig(features=[*ALL, *OWN], calendar_zone=ZONE)
    boundary = spark.createDataFrame([(u, "train", b, b) for u, b in cut.items()], WINDOWS)
    seen = [
        {r.user_id: r.raw for r in profiles.raw(split(spark, m, n), boundary, conf).collect()}
        for m, n in ((made, 1), (made, 5), (other, 3))
    ]
    assert seen[0] == seen[1] == seen[2]
    assert sum(any(x) for x in seen[0].values()) > 20


def test_a_day_is_counted_once_where_clocks_go_back_over_midnight(spark: Any) -> None:
    """St John's, 7 November 2010: 00:01 became 23:01 of the 6th again. Local: 23:59, 00:00, 23:10, 00:10."""
    seconds = [int(datetime(2010, 11, 7, h, m, s, tzinfo=UTC).timestamp()) for h, m, s in
               ((2, 29, 0), (2, 30, 30), (2, 40, 0), (3, 40, 0))]  # fmt: skip
    made = {"u": [{"item": "i", "type": "buy", "time": s * 1_000_000, "value": 1, "quantity": 1} for s in seconds]}
    conf = ProfileConfig(features=["active_days", "day_parts"], calendar_zone="America/St_Johns")
    rows = profiles.raw(split(spark, made), windows(spark, made, 1), conf).collect()
    assert {r.boundary: r.raw for r in rows}[4] == [2, 500, 0, 0, 500]


@pytest.fixture
def large(spark: Any) -> Iterator[None]:
    """Plans as for tables too large to broadcast, in a session that lets what lies by user be joined by more keys."""
    keys = {"spark.sql.autoBroadcastJoinThreshold": "-1", "spark.sql.requireAllClusterKeysForCoPartition": "false"}
    before = {k: spark.conf.get(k) for k in keys}
    for k, v in keys.items():
        spark.conf.set(k, v)
    yield
    for k, v in before.items():
        spark.conf.set(k, v)


def test_only_what_is_asked_for_is_computed(spark: Any, large: None) -> None:
    made = histories(6, 5)
    lying = split(spark, made).repartition("user_id")  # as SPLIT does
    frames = lying.withColumn("item_id", F.lower("item_id")), windows(spark, made)

    def plan(*features: Any) -> str:
        return text(profiles.raw(*frames, ProfileConfig(features=list(features))))

    for features in ((), ("events",)):
        assert "Window" not in plan(*features) and "event_type" not in plan(*features)
    assert plan("value").count(" Window [") == plan("value").count(" Sort [user_id") - 1 == 1
    assert "lower(" not in plan("value", "tenure_days", "weekend_share", "types")
    assert "lower(" in plan("items") and plan("items").count("row_number") == 1
    # By user, events once and boundaries once: neither the windows by item and type nor the join move them again.
    everything = plan(*ALL, *OWN)
    moved = [line for line in everything.splitlines() if "Exchange" in line and "RoundRobin" not in line]
    assert len(moved) == 2 and all("hashpartitioning(user_id#" in line for line in moved)
    # Events are sorted by (user, item), (user, type), and once for all else, the join included; boundaries for it.
    assert everything.count(" Sort [user_id") == 4


def test_scalers_and_encoding(spark: Any) -> None:
    rows = [("a", 0, True, [0.0, 0.0]), ("a", 3, True, [1e6, 5.0]), ("b", 2, True, [-40.0, 5.0]),
            ("b", 9, False, [3.0, 5.0])]  # fmt: skip
    frame = spark.createDataFrame(rows, "user_id string, boundary int, fit boolean, raw array<double>")
    found = profiles.moments(frame, ["value", "types"]).collect()[0].asDict()
    fitted = profiles.scalers(found, ["value", "types"])
    logs = [0.0, math.log1p(1e6), -math.log1p(40.0)]
    assert [s.name for s in fitted] == ["value", "types"]
    assert fitted[0].center == pytest.approx(statistics.mean(logs), abs=1e-6)
    assert fitted[0].scale == pytest.approx(statistics.pstdev(logs), abs=1e-5)
    assert fitted[1].scale == 1.0  # the spread of types, 0.84, is below the floor
    got = {(r.user_id, r.boundary): r.encoded for r in profiles.encode(frame, fitted).collect()}
    z = (math.log1p(3.0) - fitted[0].center) / fitted[0].scale
    assert got["b", 9] == pytest.approx([z, math.log1p(5.0) - fitted[1].center], abs=1e-6)


def test_scalers_of_nothing() -> None:
    assert profiles.scalers({"n": 0, "s0": None, "q0": None}, ["events"]) == [profiles.Scaler("events", 0.0, 1.0)]


def test_counts_need_no_clock(spark: Any) -> None:
    made: World = world(4, clock=False, users=3)
    events = {u: [{**e, "quantity": 1} for e in h] for u, h in made.histories.items()}
    features = [*FEATURES, "count:buy"]
    rows = profiles.raw(split(spark, events), windows(spark, events), ProfileConfig(features=features)).collect()
    assert len(rows) > 10
    for r in rows:
        values = oracle(events[r.user_id][: r.boundary], "UTC")
        assert r.raw == pytest.approx([values[f] for f in features], abs=1e-5)


def test_sums_beyond_64_bits_are_no_value(spark: Any) -> None:
    made = {"u": [{"item": "i", "type": "buy", "time": i, "value": 2**62, "quantity": 1} for i in range(3)]}
    conf = ProfileConfig(features=["value", "events"])
    raw = {r.boundary: r.raw for r in profiles.raw(split(spark, made), windows(spark, made, 1), conf).collect()}
    assert raw == {0: [0.0, 0.0], 1: [2.0**62, 1.0], 3: [0.0, 3.0]}
