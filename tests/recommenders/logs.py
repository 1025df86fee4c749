"""Small logs as SPLIT rows, and plain Python oracles of the lists."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from lstmrec.recommenders.lists import Shown

DAY = 86_400_000_000
DDL = "user_id string, item_id string, time bigint, position bigint, role string, index int"
Event = tuple[str, str, int | None, int | None, str, int]


def log(seed: int = 0, users: int = 12, items: int = 14, clock: bool = True) -> list[Event]:
    """Repeats, several items an instant, and many ties; the newest third of each user is `test`."""
    rng, rows = random.Random(seed), []
    for u in range(users):
        when = rng.randrange(5)
        n = rng.choice([1, 2, 5, 9, 17])
        for i in range(n):
            when += rng.choice([0, 0, 1, 3])
            item = f"i{min(rng.randrange(items), rng.randrange(items))}"
            role = "train" if i < max(1, 2 * n // 3) else "test"
            rows.append((f"u{u}", item, when * DAY if clock else None, None if clock else when, role, i))
    return rows


def hashes(spark: Any, rows: list[Event]) -> dict[str, int]:
    """Spark's own xxhash64 of every item: the oracles sort by it."""
    frame = spark.createDataFrame([(i,) for i in sorted({r[1] for r in rows})], "item_id string")
    return {r[0]: r[1] for r in frame.selectExpr("item_id", "xxhash64(item_id)").collect()}


def by_user(rows: list[Event]) -> dict[str, list[Event]]:
    out: dict[str, list[Event]] = defaultdict(list)
    for r in rows:
        out[r[0]].append(r)
    return {u: sorted(found, key=lambda r: r[5]) for u, found in out.items()}


def popular(rows: list[Event], tie: Mapping[str, int], since: int | None = None) -> list[tuple[str, int]]:
    every = Counter(r[1] for r in rows)
    recent = Counter(r[1] for r in rows if since is None or (r[2] is not None and r[2] >= since))
    return [(i, recent[i]) for i in sorted(every, key=lambda i: (-recent[i], -every[i], tie[i], i))]


def filled(
    users: list[str], rows: list[Event], tie: Mapping[str, int], own: Callable[[str], list[str]], k: int, hide: bool
) -> dict[str, tuple[list[str], str]]:
    """user -> (items, reason); own(user): all items of the user's own, best first."""
    out, had = {}, {u: {r[1] for r in found} for u, found in by_user(rows).items()}
    for u in users:
        seen = had.get(u, set()) if hide else set()
        mine = [i for i in own(u) if i not in seen][:k]
        rest = [i for i, _ in popular(rows, tie) if i not in seen and i not in mine]
        out[u] = ((mine + rest)[:k], "history" if mine else "popularity")
    return out


def run(spark: Any, module: Any, entry: Any, rows: list[Event], users: list[str], cut: int | None, k: int,
        hide: bool | Shown, beside: Mapping[str, Any] | None = None
        ) -> dict[str, tuple[list[tuple[str, float]], str]]:  # fmt: skip
    """user -> (list of (item, score), reason) of fit and score; ranks are checked here, and one row a user.

    beside: the tables that fit is given by name.
    """
    shown = hide if isinstance(hide, Shown) else Shown("history" if hide else "none")
    frame = spark.createDataFrame(rows, DDL).repartition(3)
    who = spark.createDataFrame([(u,) for u in users], "user_id string")
    fitted = module.fit(frame.where("role = 'train'"), entry, **(beside or {}))
    found = module.score(who, frame, fitted, entry, cut, k, shown)
    assert found.columns == ["user_id", "items", "reason"]
    got = found.collect()
    assert sorted(r["user_id"] for r in got) == sorted(users)
    for r in got:
        assert [x["rank"] for x in r["items"]] == list(range(1, len(r["items"]) + 1))
        scores = [x["score"] for x in r["items"]]
        assert all(s is not None and s == s for s in scores) and scores == sorted(scores, reverse=True)
    return {r["user_id"]: ([(x["item_id"], x["score"]) for x in r["items"]], r["reason"]) for r in got}


def names(got: dict[str, tuple[list[tuple[str, float]], str]]) -> dict[str, tuple[list[str], str]]:
    return {u: ([i for i, _ in items], reason) for u, (items, reason) in got.items()}
