"""Item profiles against plain Python, with and without a clock; how events travel."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from lstmrec.contracts import tables
from lstmrec.frames.item_profiles import item_profiles
from tests.frames.plans import text
from tests.frames.world import DAY, World, world

FIXED = 1 << 20
NAMES = tables.ITEM_PROFILES.names
SPLIT = "user_id string, item_id string, time bigint, value bigint, quantity bigint, role string"
CUTS = "role string, time bigint"


def oracle(made: World) -> dict[tuple[str, str], dict[str, Any]]:
    out = {}
    for role in ("validation", "test", "serve"):
        known = [(user, e) for user in made.users for e in made.history(user, role)]
        for item in {e["item"] for _, e in known}:
            out[role, item] = _of([(user, e) for user, e in known if e["item"] == item], made.cuts[role])
    return out


def _of(mine: list[tuple[str, dict[str, Any]]], cut: int | None) -> dict[str, Any]:
    users = Counter(user for user, _ in mine)
    recent = {d: None if cut is None else sum(e["time"] >= cut - d * DAY for _, e in mine) for d in (1, 7, 28, 35, 90)}
    valued = [e for _, e in mine if e["value"] is not None]
    value = sum(e["value"] for e in valued) if valued else None
    units = sum(_quantity(e) or 1 for e in valued)
    price = None if value is None else int(value / units)
    trend = None if recent[35] is None else (4 * (recent[7] + 1) * FIXED) // (recent[35] - recent[7] + 4)
    repeat = sum(n >= 2 for n in users.values())
    return {
        "events": len(mine), "users": len(users), "value": value, "repeat_users": repeat, "trend": trend,
        "price": price, "repeat_rate": repeat * FIXED // len(users),
        **{f"events_{d}d": recent[d] for d in (1, 7, 28, 90)},
    }  # fmt: skip


def _frames(spark: Any, made: World) -> tuple[Any, Any]:
    """SPLIT and CUTS, as far as they are looked at."""
    events = [(u, e["item"], e["time"], e["value"], _quantity(e), e["role"]) for u in made.users
              for e in made.histories[u]]  # fmt: skip
    return spark.createDataFrame(events, SPLIT).repartition(3), spark.createDataFrame([*made.cuts.items()], CUTS)


def _quantity(event: dict[str, Any]) -> int | None:
    return (None, 1, 3, 4)[event["index"] % 4]


@pytest.mark.parametrize("clock", [True, False])
def test_item_profiles_are_the_oracles(spark: Any, clock: bool) -> None:
    made = world(5, clock=clock, users=40)
    got = item_profiles(*_frames(spark, made))
    assert got.columns == list(NAMES)
    rows = got.collect()
    found = {(r.role, r.item_id): {n: r[n] for n in NAMES[2:]} for r in rows}
    assert found == oracle(made)
    assert len(rows) == len(found) > 30


def test_context_is_history_of_every_role(spark: Any) -> None:
    """What a user held out of training did before the cut is known everywhere; a sum beyond 64 bits is none."""
    rows = [("u", "i", 5, 2**62, None, role) for role in ("context", "context", "validation", "test")]
    split, cuts = spark.createDataFrame(rows, SPLIT), spark.createDataFrame([(r, 9) for r in tables.ROLES], CUTS)
    found = {r.role: (r.events, r.users, r.value) for r in item_profiles(split, cuts).collect()}
    assert found == {"validation": (2, 1, None), "test": (3, 1, None), "serve": (4, 1, None)}


def test_events_are_summed_before_they_travel(spark: Any) -> None:
    lines = text(item_profiles(*_frames(spark, world(6)))).splitlines()
    moved = [n for n, line in enumerate(lines) if "Exchange hashpartitioning" in line]
    assert len(moved) == 3  # by item; by item and user, then by item
    assert all("HashAggregate" in lines[n + 1] or "SortAggregate" in lines[n + 1] for n in moved)
    assert not any("Generate" in line for line in lines[moved[0] :])
