"""Item profiles against plain Python, with and without a clock."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from lstmrec.frames.item_profiles import item_profiles
from tests.frames.world import DAY, World, world


def oracle(made: World) -> dict[tuple[str, str], tuple[Any, ...]]:
    out = {}
    for role in ("validation", "test", "serve"):
        known = [(user, e) for user in made.users for e in made.history(user, role)]
        for item in {e["item"] for _, e in known}:
            mine = [(user, e) for user, e in known if e["item"] == item]
            users = Counter(user for user, _ in mine)
            cut = made.cuts[role]
            recent = [None if cut is None else sum(e["time"] >= cut - d * DAY for _, e in mine) for d in (7, 28)]
            values = [e["value"] for _, e in mine if e["value"] is not None]
            out[role, item] = (len(mine), len(users), *recent, sum(values) if values else None,
                               sum(n >= 2 for n in users.values()))  # fmt: skip
    return out


@pytest.mark.parametrize("clock", [True, False])
def test_item_profiles_are_the_oracles(spark: Any, clock: bool) -> None:
    made = world(5, clock=clock, held_items="")
    frames = made.frames(spark)
    got = item_profiles(frames["split"], frames["cuts"]).collect()
    found = {(r.role, r.item_id): (r.events, r.users, r.events_7d, r.events_28d, r.value, r.repeat_users) for r in got}
    assert found == oracle(made)
    assert len(got) == len(found)
