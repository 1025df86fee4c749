from __future__ import annotations

import random
from collections import Counter
from math import log, sqrt
from typing import Any

import pytest

from lstmrec.config.recommenders import Content
from lstmrec.recommenders import content
from lstmrec.recommenders.lists import Shown
from tests.recommenders import logs

USERS = [f"u{i}" for i in range(12)] + ["stranger"]
ITEMS = "item_id string, tags array<int>, text array<int>, vectors array<float>"
Terms = dict[Any, float]


def catalogue() -> dict[str, tuple[list[int], list[int], list[float] | None]]:
    """Items of the log, one new (i90), one of which nothing is known (i91)."""
    rng = random.Random(4)
    found = {}
    for i in [*range(14), 90]:
        vector = [1.0, rng.uniform(-1, 1), rng.uniform(-1, 1)] if rng.random() < 0.5 else [0.0] * 3
        found[f"i{i}"] = (rng.sample(range(1, 8), 3), rng.sample(range(2, 9), rng.randrange(4)), vector)
    return found | {"i91": ([1], [], [0.0] * 3)}


def unit(terms: Terms, length: float = 1.0) -> Terms:
    norm = sqrt(sum(w * w for w in terms.values()))
    return {t: w / norm * length for t, w in terms.items()} if norm else {}


def vectors(items: dict[str, Any], share: tuple[float, float, float]) -> dict[str, Terms]:
    out: dict[str, Terms] = {}
    for kind in (0, 1):
        held = Counter(t for row in items.values() for t in set(row[kind]) if t > 1)
        for i, row in items.items():
            idf = {(kind, t): log((1 + len(items)) / (1 + held[t])) + 1 for t in row[kind] if t > 1}
            out.setdefault(i, {}).update(unit(idf, share[kind]))
    for i, row in items.items():
        out[i].update(unit({(2, d): x for d, x in enumerate(row[2] or [])}, share[2]))
    return {i: unit(terms) for i, terms in out.items()}


@pytest.mark.parametrize(
    ("share", "recent", "decay", "hide"), [((1.0, 1.0, 1.0), 50, 0.9, True), ((1.0, 0.0, 0.5), 2, 0.5, False)]
)
def test_equals_plain_cosines(
    spark: Any, share: tuple[float, float, float], recent: int, decay: float, hide: bool
) -> None:
    rows, items = logs.log(5), catalogue()
    frame = spark.createDataFrame(rows, logs.DDL).repartition(3)
    encoded = spark.createDataFrame([(i, *row) for i, row in items.items()], ITEMS).repartition(2)
    entry = Content(kind="content", tags=share[0], text=share[1], vectors=share[2], recent=recent, decay=decay)
    fitted = content.fit(frame.where("role = 'train'"), entry, encoded=encoded)
    who = spark.createDataFrame([(u,) for u in USERS], "user_id string")
    found = content.score(who, frame, fitted, entry, None, 20, Shown("history" if hide else "none")).collect()
    assert sorted(r["user_id"] for r in found) == sorted(USERS)
    of, events, new = vectors(items, share), logs.by_user(rows), 0
    for r in found:
        last = list(dict.fromkeys(e[1] for e in reversed(events.get(r["user_id"], []))))
        mean: Counter[Any] = Counter()
        for back, i in enumerate(last[:recent]):
            for term, w in of[i].items():
                mean[term] += w * decay**back
        user = unit(dict(mean))
        want = {i: sum(user.get(t, 0.0) * w for t, w in terms.items()) for i, terms in of.items()}
        got = {x["item_id"]: x["score"] for x in r["items"] if x["score"] > 0}
        may = {i: s for i, s in want.items() if not (hide and i in last)}
        assert set(got) >= {i for i, s in may.items() if s > 1e-4} and set(got) <= {
            i for i, s in may.items() if s > -1e-4
        }
        assert all(s == pytest.approx(want[i], abs=1e-4) for i, s in got.items())
        assert r["reason"] == ("history" if got else "popularity")
        new += "i90" in got
        assert "i91" not in got
    assert new > 3
