"""Profiles against plain Python over each user's events, at every boundary; scalers against statistics."""

from __future__ import annotations

import math
import statistics
from typing import Any, get_args

import pytest

from lstmrec.config.profile import Feature
from lstmrec.frames import profiles
from tests.frames.world import DAY, World, world

FEATURES = get_args(Feature)
WINDOWS = "user_id string, role string, start int, history int"


def oracle(events: list[dict[str, Any]]) -> list[float]:
    """All features of these events, in the order of FEATURES."""
    if not events:
        return [0.0] * len(FEATURES)
    n, items = len(events), len({e["item"] for e in events})
    times = [e["time"] for e in events]
    days = len({t // DAY for t in times})
    tenure = (max(times) - min(times)) / DAY
    return [n, items, 1000 * (n - items) / n, len({e["type"] for e in events}), sum(e["value"] or 0 for e in events),
            days, tenure, tenure / (days - 1) if days > 1 else 0.0, n / len(set(times))]  # fmt: skip


def _windows(spark: Any, made: World) -> Any:
    """Train windows starting at every third event, and serve windows."""
    rows = []
    for user, events in made.histories.items():
        train = sum(e["role"] == "train" for e in events)
        rows += [(user, "train", start, train) for start in range(0, train, 3)]
        rows.append((user, "serve", max(0, len(events) - 7), len(events)))
    return spark.createDataFrame(rows, WINDOWS)


def test_raw_is_the_oracles_at_every_boundary(spark: Any) -> None:
    made = world(3)
    got = profiles.raw(made.frames(spark)["split"], _windows(spark, made), FEATURES).collect()
    expected = {}
    for user, events in made.histories.items():
        train = {*range(0, sum(e["role"] == "train" for e in events), 3)}
        for boundary in train | {max(0, len(events) - 7), len(events)}:
            expected[user, boundary] = (boundary in train, oracle(events[:boundary]))
    assert {(r.user_id, r.boundary) for r in got} == set(expected)
    assert len(got) == len(expected)
    for r in got:
        fit, values = expected[r.user_id, r.boundary]
        assert r.fit == fit
        assert r.raw == pytest.approx(values, rel=1e-12)


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
    made = world(4, clock=False, users=3)
    features = ["events", "items", "repeat_share", "types", "value"]
    rows = profiles.raw(made.frames(spark)["split"], _windows(spark, made), features).collect()
    for r in rows:
        events = [{**e, "time": 0} for e in made.histories[r.user_id][: r.boundary]]
        assert r.raw == pytest.approx(oracle(events)[:5])
