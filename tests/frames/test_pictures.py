"""A made log against plain Python."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from lstmrec.contracts import tables
from lstmrec.frames import pictures

DAY = 86_400_000_000
START = 17_000  # days since 1970: 2016-07-18


def log() -> list[tuple[Any, ...]]:
    """(user, item, day and part of it, role), by user and time: 30 users of 1 to 12 events over 200 days."""
    rng, rows = random.Random(5), []
    for u in range(30):
        times = sorted(START * DAY + rng.randrange(200 * DAY) for _ in range(rng.randint(1, 12)))
        times = [*times, times[-1]]  # two at once
        for place, time in enumerate(times):
            day = time // DAY - START
            role = "train" if day < 150 else "validation" if day < 180 else "test"
            rows.append((f"u{u}", f"i{int(rng.paretovariate(0.7)) % 40}", time, role, place))
    return rows


ROWS = log()
COUNTS = Counter(item for _, item, _, role, _ in ROWS if role == "train")
LISTS = {"model": [["i1", "i2", "i39"], ["i2"]], "pop": [["i1"], ["i1"], ["i1"]]}


@pytest.fixture(scope="module")
def found(spark: Any) -> dict[str, Any]:
    split = spark.createDataFrame([(u, i, t, r, p) for u, i, t, r, p in ROWS],
                                  "user_id string, item_id string, time bigint, role string, index int")  # fmt: skip
    items = spark.createDataFrame([(f"i{n}", COUNTS[f"i{n}"]) for n in range(40)], "item_id string, count bigint")
    made = [(name, "test", f"u{n}", [(i, 1.0, r + 1) for r, i in enumerate(listed)], "history", None, 1, "m", 0, None,
             None) for name, each in LISTS.items() for n, listed in enumerate(each)]  # fmt: skip
    made.append(("model", "serve", "u9", [("i0", 1.0, 1)], "history", None, 1, "m", 0, None, None))
    lists = spark.createDataFrame(made, tables.RECOMMENDATIONS.ddl)
    frames = {"split": split, "encoded_items": items, "recommendations": lists}
    out = {clock: pictures.counted(frames, 40, clock).collect() for clock in (True, False)}
    return {"clock": pictures.figures(r.asDict() for r in out[True]),
            "order": pictures.figures(r.asDict() for r in out[False])}  # fmt: skip


def test_bars_of_the_timeline_hold_every_event(found: dict[str, Any]) -> None:
    got = found["clock"]
    assert got["days"] == 7  # of 200 days: not 200 bars
    first = min(t for _, _, t, _, _ in ROWS) // DAY
    plain = Counter((pictures._day(first + (t // DAY - first) // 7 * 7), r) for _, _, t, r, _ in ROWS)
    assert {(r["at"], r["role"]): r["events"] for r in got["timeline"]} == plain
    assert [r["at"] for r in got["timeline"]] == sorted(r["at"] for r in got["timeline"])


def test_without_a_clock_events_lie_by_place_and_have_no_gaps(found: dict[str, Any]) -> None:
    got = found["order"]
    assert got["days"] is None and got["gaps"] == []
    assert Counter({(r["at"], r["role"]): r["events"] for r in got["timeline"]}) == Counter(
        ("1" if p == 0 else "2–3" if p < 3 else "4–7" if p < 7 else "8–15", r) for _, _, _, r, p in ROWS
    )


def test_gaps_are_between_events_of_a_user(found: dict[str, Any]) -> None:
    plain: Counter[str] = Counter()
    for (u, _, t, _, _), (v, _, later, _, _) in pairwise(ROWS):
        if u == v:
            seconds = (later - t) // 1_000_000
            plain[[name for low, name in pictures.GAPS if seconds >= low][-1]] += 1
    got = {r["gap"]: r["events"] for r in found["clock"]["gaps"]}
    assert {g: n for g, n in got.items() if n} == plain
    assert list(got) == [name for _, name in pictures.GAPS] and got["none"] >= 30


def test_users_lie_by_the_length_of_their_history(found: dict[str, Any]) -> None:
    every, test = Counter(r[0] for r in ROWS), Counter(r[0] for r in ROWS if r[3] == "test")
    rows = found["clock"]["histories"]
    for part, lengths in (("all", every.values()), ("test", [every[u] - test[u] for u in test])):
        mine = [r for r in rows if r["users"] == part]
        bounds = [r["low"] for r in mine] + [10**9]
        assert [r["n"] for r in mine] == [sum(low <= n < high for n in lengths)
                                         for low, high in pairwise(bounds)]  # fmt: skip
    assert rows == found["order"]["histories"]
    assert sum(r["n"] for r in rows if r["users"] == "test") == len(test) < 30


def test_deciles_are_tenths_of_the_items_and_hold_every_event_and_place(found: dict[str, Any]) -> None:
    tail = {(r["of"], r["decile"]): r for r in found["clock"]["tail"]}
    train = [tail["train events", d + 1] for d in range(10)]
    assert sum(r["n"] for r in train) == sum(COUNTS.values()) and sum(r["items"] for r in train) == 40
    highest = sorted(COUNTS.values(), reverse=True)
    assert train[0]["n"] == sum(highest[:4]), "the four items of most events; no tie is that far up"
    means = [r["n"] / max(r["items"], 1) for r in train]
    assert means == sorted(means, reverse=True)
    assert sum(tail["model", d + 1]["n"] for d in range(10)) == 4  # of test alone
    assert sum(tail["model", d + 1]["items"] for d in range(10)) == 3
    assert (tail["pop", 1]["n"], tail["pop", 1]["items"]) == (3, 1)
    assert tail["model", 1]["n"] >= 1 and [r["of"] for r in found["clock"]["tail"][10::10]] == ["model", "pop"]


def test_long_logs_have_few_bars_and_nothing_has_none() -> None:
    rows = [{"figure": "days", "part": "train", "bin": START + d, "n": 1} for d in range(0, 9_000, 3)]
    got = pictures.figures(rows)
    assert got["days"] == 364 and len(got["timeline"]) <= 60 and sum(r["events"] for r in got["timeline"]) == 3_000
    assert pictures.figures(rows[:20])["days"] == 1
    assert pictures.figures([])["timeline"] == [] and pictures.figures([])["histories"] == []
    assert pictures.length(0) == "0" and pictures.length(4) == "8–15"
