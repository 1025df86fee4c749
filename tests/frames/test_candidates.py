"""Candidates against plain Python: who nominated what, what was known at the cut, what came after."""

from __future__ import annotations

from typing import Any

from lstmrec.config.profile import ProfileConfig
from lstmrec.contracts import tables
from lstmrec.frames import candidates

DAY = 86_400_000_000
NAMES = ["model", "knn"]
ROLES = ["validation", "test", "serve"]
# user, item, day, role
EVENTS = [("a", "x", 1, "train"), ("a", "y", 2, "train"), ("a", "x", 3, "validation"), ("a", "z", 5, "test"),
          ("a", "x", 5, "test"), ("b", "y", 1, "train"), ("b", "w", 6, "test")]  # fmt: skip
LISTS = {
    ("model", "validation", "a"): ["z", "x"], ("knn", "validation", "a"): ["x", "y", "w"],
    ("model", "test", "a"): ["z"], ("knn", "test", "a"): ["y"], ("model", "test", "b"): ["x"],
    ("knn", "test", "b"): ["x", "y"], ("other", "test", "b"): ["w"], ("model", "serve", "a"): ["x"],
    ("knn", "serve", "a"): [], ("model", "train", "a"): ["x"],
}  # fmt: skip
ENDS = {"validation": 3 * DAY, "test": 5 * DAY, "serve": 9 * DAY}


def test_candidates_know_the_past_and_are_labelled_by_what_came(spark: Any) -> None:
    size = {("a", r): n for r, n in (("validation", 2), ("test", 3), ("serve", 5), ("train", 0))} | {("b", "test"): 1}
    rows = [(n, r, u, [(i, 5.0 - k, k + 1) for k, i in enumerate(items)], size[u, r])
            for (n, r, u), items in LISTS.items()]  # fmt: skip
    lists = spark.createDataFrame(rows, "recommender string, role string, user_id string, items "
                                  "array<struct<item_id:string,score:float,rank:int>>, history int")  # fmt: skip
    split = spark.createDataFrame([(u, i, d * DAY, r) for u, i, d, r in EVENTS],
                                  "user_id string, item_id string, time bigint, role string")  # fmt: skip
    users = spark.createDataFrame([("a", 2, [0.5]), ("a", 3, [0.75]), ("b", 1, [0.25])],
                                  "user_id string, history int, user array<double>")  # fmt: skip
    static = spark.createDataFrame([("a", [2]), ("b", [1])], "user_id string, static array<int>")
    facts = [("validation", "x", 1), ("test", "x", 2), ("test", "y", 7)]
    numbers = [c for c in tables.ITEM_PROFILES.columns if c.name not in ("role", "item_id")]
    items = spark.createDataFrame([(r, i, *[n] * len(numbers)) for r, i, n in facts], "role string, item_id string, "
                                  + ", ".join(f"{c.name} {c.kind}" for c in numbers))  # fmt: skip
    per = 2
    made = candidates.nominated(lists, NAMES, ROLES, per)
    made = candidates.had(candidates.labelled(made, split), split, ROLES, ENDS)
    made = candidates.featured(made, users, static, items)
    assert made.columns == list(tables.CANDIDATES.names)
    got = {(r["role"], r["user_id"], r["item_id"]): r for r in made.collect()}
    want = {(r, u, i) for (n, r, u), listed in LISTS.items() for i in listed[:per] if n in NAMES and r in ROLES}
    assert set(got) == want and made.count() == len(want)
    for (role, user, item), row in got.items():
        for at, name in enumerate(NAMES):
            listed = LISTS.get((name, role, user), [])[:per]
            rank = listed.index(item) + 1 if item in listed else None
            assert row["ranks"][at] == rank and row["scores"][at] == (None if rank is None else 6.0 - rank)
        past = [d for u, i, d, r in EVENTS if (u, i) == (user, item) and r in tables.HISTORY[role]]
        assert row["had"] == len(past)
        assert row["days_since"] == (ENDS[role] / DAY - max(past) if past else None)
        came = any((u, i, r) == (user, item, role) for u, i, _, r in EVENTS)
        assert row["label"] == (None if role == "serve" else int(came))
        known = {("a", 2): [0.5], ("a", 3): [0.75], ("b", 1): [0.25]}
        assert row["user"] == known.get((user, row["history"])) and row["static"] == [2 if user == "a" else 1]
        number = {(r, i): n for r, i, n in facts}.get((role, item))
        assert row["item"] == (None if number is None else [float(number)] * len(candidates.ITEM))
    figures = {r["role"]: r.asDict() for r in candidates.figures(made, split).collect()}
    assert figures["validation"] == {"role": "validation", "users": 1, "rows": 3, "positives": 1, "targets": 1}
    assert figures["test"] == {"role": "test", "users": 2, "rows": 4, "positives": 1, "targets": 3}
    assert figures["serve"]["positives"] is None and figures["serve"]["targets"] is None


def test_a_profile_is_as_of_the_cut(spark: Any) -> None:
    split = spark.createDataFrame([("a", i, d * DAY, n, 1, 1, "e") for n, (u, i, d, _) in enumerate(EVENTS[:5])],
                                  "user_id string, item_id string, time bigint, index int, value bigint, "
                                  "quantity bigint, event_type string")  # fmt: skip
    rows = spark.createDataFrame([("a", 2), ("a", 3), ("a", 3), ("c", 0)], "user_id string, history int")
    conf = ProfileConfig(features=["events", "items"])
    got = sorted(tuple(r) for r in candidates.profiled(rows, split, split, conf, 0).collect())
    assert got == [("a", 2, [2.0, 2.0]), ("a", 3, [3.0, 2.0]), ("c", 0, [0.0, 0.0])]  # x, y, x again
