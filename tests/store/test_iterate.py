"""The k-core against a plain-Python loop: to the fixpoint, in one round, one side alone, and nothing left."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lstmrec.config.clean import CleanConfig, CoreConfig
from lstmrec.contracts.errors import DataError
from lstmrec.store import iterate
from lstmrec.store.work import Desk

Events = list[tuple[str, str]]


def world(seed: int) -> Events:
    """A chain that unravels from one end, and noise."""
    rng = random.Random(seed)
    noise = [(f"u{int(rng.expovariate(0.1))}", f"i{int(rng.expovariate(0.15))}") for _ in range(300)]
    return noise + [(f"c{n}", f"d{n + k}") for n in range(10) for k in (0, 1)]


def oracle(events: Events, conf: CoreConfig) -> tuple[dict[str, tuple[int, bool]], dict[str, tuple[int, bool]], int]:
    """item -> (events at its last count, kept), the same of users, and how many rounds."""
    items, users, rounds = {}, {}, 0
    alive = list(events)
    while conf.rounds is None or rounds < conf.rounds:
        rounds, before = rounds + 1, len(alive)
        if conf.items:
            counts = Counter(i for _, i in alive)
            for i in {i for _, i in events if i not in items or items[i][1]}:
                items[i] = (counts[i], counts[i] >= conf.items)
            alive = [(u, i) for u, i in alive if items[i][1]]
        if conf.users:
            counts = Counter(u for u, _ in alive)
            for u in {u for u, _ in events if u not in users or users[u][1]}:
                users[u] = (counts[u], counts[u] >= conf.users)
            alive = [(u, i) for u, i in alive if users[u][1]]
        if len(alive) == before or not (conf.items and conf.users):
            break
    return items, users, rounds


@pytest.mark.parametrize("conf", [
    CoreConfig(items=2, users=2), CoreConfig(items=5, users=3, rounds=1), CoreConfig(items=5), CoreConfig(users=4),
])  # fmt: skip
def test_core_against_plain_python(spark: Any, tmp_path: Path, conf: CoreConfig) -> None:
    events = world(3)
    items, users, rounds = oracle(events, conf)
    pairs = [(u, i, n) for (u, i), n in Counter(events).items()]
    frame = spark.createDataFrame(pairs, "user_id string, item_id string, n bigint").repartition(3)
    said, parts = iterate.k_core(frame, conf, Desk(str(tmp_path / "desk")))
    found: dict[str, dict[str, tuple[int, bool]]] = {"item": {}, "user": {}}
    for part in parts:
        for r in part.collect():
            assert r["id"] not in found[r["kind"]]
            found[r["kind"]][r["id"]] = (r["events"], r["kept"])
            assert r["reason"] == (None if r["kept"] else f"rare_{r['kind']}")
    assert found == {"item": items, "user": users}
    assert len(said) <= rounds and sum(r[0] for r in said) == sum(not kept for _, kept in items.values())
    if conf.rounds is None and conf.items and conf.users:
        assert len(said) >= 4, "the chain unravels one link a round"


def test_an_empty_core_names_parameters_and_counts(spark: Any, tmp_path: Path) -> None:
    frame = spark.createDataFrame([("u", "i", 3), ("v", "j", 1)], "user_id string, item_id string, n bigint")
    with pytest.raises(DataError, match="D312") as caught:
        iterate.k_core(frame, CoreConfig(items=3, users=4), Desk(str(tmp_path / "desk")))
    assert "no user of 2 has 4 events" in caught.value.what and "clean.core.users: 4" in caught.value.where


def test_bots_leave_before_the_core_is_counted(spark: Any, tmp_path: Path) -> None:
    events = [("bot", f"i{n}", 1) for n in range(9)] + [(f"u{n}", "i0", 1) for n in range(9)] + [("u1", "i1", 99)]
    conf = CleanConfig.model_validate({"events": {"path": ["x"]}, "core": {"items": 2}, "bots": {"user_quantile": 0.9}})
    frame = spark.createDataFrame(events, "user_id string, item_id string, time bigint")
    fitted = iterate.fit(frame, conf, 50, Desk(str(tmp_path / "desk")))
    found = {(r["kind"], r["id"]): (r["events"], r["reason"]) for r in fitted.frame.collect()}
    assert found == {
        ("bound", "user_quantile"): (1, None), ("user", "bot"): (9, "bot"), ("item", "i0"): (9, None),
    }  # fmt: skip
    assert fitted.bounds == {"user_quantile": 1}
