"""Tag affinities against sums by hand, over decades of half-lives."""

from __future__ import annotations

import random
from typing import Any

import pytest

from lstmrec.config.profile import Affinities, ProfileConfig
from lstmrec.contracts import tables
from lstmrec.frames import affinity, profiles
from tests.frames.test_profiles import WINDOWS, split
from tests.frames.world import DAY

HALF_LIFE = 3.5
TAGS = {2: "drama", 5: "comedy", 7: "news"}
ITEMS = {"i0": [2], "i1": [2, 5, 9], "i2": [], "i3": [7, 9], "i4": [9]}
CONF = ProfileConfig(features=["events"], affinities=Affinities(tags=3, half_life_days=HALF_LIFE))


def _histories(seed: int, users: int = 30) -> dict[str, list[dict[str, Any]]]:
    """Steps of seconds, days, exactly half a block, years: blocks begin, are skipped, are shared."""
    rng, block = random.Random(seed), int(32 * HALF_LIFE * DAY)
    made = {}
    for k in range(users):
        now, events = rng.choice([block * 150, block * 150 + block // 2, block * 149 + rng.randrange(block)]), []
        for _ in range(rng.choice([0, 1, 3, 30])):
            now += rng.choice([0, 1_000_000, rng.randrange(2 * DAY), rng.randrange(30 * DAY), block // 2, 700 * DAY])
            events.append({"item": rng.choice([*ITEMS, "gone"]), "type": "buy", "time": now, "value": 1, "quantity": 1})
        made[f"u{k}"] = events
    return made


def _oracle(events: list[dict[str, Any]]) -> list[float]:
    """Plain decayed shares, of everything there ever was."""
    weights = [2.0 ** ((e["time"] - events[-1]["time"]) / (HALF_LIFE * DAY)) for e in events]
    return [
        1000 * sum(w for w, e in zip(weights, events, strict=True) if tag in ITEMS.get(e["item"], [])) / sum(weights)
        for tag in TAGS
    ]  # fmt: skip


def _raw(spark: Any, made: dict[str, list[dict[str, Any]]], partitions: int) -> dict[tuple[str, int], list[float]]:
    rows = [(i, x, None, i, 1, tags, [], []) for i, (x, tags) in enumerate(ITEMS.items(), 2)]
    columns = "item int, item_id string, title string, id int, count bigint, tags array<int>, text array<int>, "
    items = spark.createDataFrame(rows, columns + "numeric array<float>")
    starts = [(u, "train", b, b) for u, events in made.items() for b in range(len(events) + 1)]
    found = profiles.raw(split(spark, made, partitions), spark.createDataFrame(starts, WINDOWS), CONF,
                         affinity.masks(items, list(TAGS)), len(TAGS)).collect()  # fmt: skip
    return {(r.user_id, r.boundary): r.raw for r in found}


def test_shares_are_the_decayed_sums(spark: Any) -> None:
    made = _histories(1)
    got = _raw(spark, made, 2)
    assert len(got) == sum(len(events) + 1 for events in made.values())
    for (user, boundary), (events, *shares) in got.items():
        known = made[user][:boundary]
        assert events == boundary
        # An event over 16 half-lives old may be left out, less than 2^-16 of a new one each: of 1000, under 0.5.
        assert shares == pytest.approx(_oracle(known) if known else [0, 0, 0], abs=0.5)
    assert got == _raw(spark, made, 5)
    names = profiles.names(CONF, list(TAGS.values()))
    assert names == ["events", "tag:drama", "tag:comedy", "tag:news"]


def test_masks_hold_items_with_a_tag_only(spark: Any) -> None:
    rows = [(x, tags) for x, tags in ITEMS.items()]
    frame = affinity.masks(spark.createDataFrame(rows, "item_id string, tags array<int>"), [5, 2])
    assert {r.item_id: r._tags for r in frame.collect()} == {"i0": 2, "i1": 3}
    assert tables.ENCODED_ITEMS.column("tags").kind == "array<int>"


def test_62_tags_fit(spark: Any) -> None:
    items = spark.createDataFrame([("i0", list(range(2, 64)))], "item_id string, tags array<int>")
    assert affinity.masks(items, range(2, 64)).collect()[0]._tags == 2**62 - 1
