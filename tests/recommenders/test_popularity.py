from __future__ import annotations

from typing import Any

import pytest

from lstmrec.config.recommenders import Popularity
from lstmrec.recommenders import popularity
from lstmrec.recommenders.lists import Shown
from tests.recommenders import logs

USERS = [f"u{i}" for i in range(12)] + ["stranger"]


@pytest.mark.parametrize(("days", "hide", "k"), [(None, False, 5), (None, True, 5), (6, False, 20), (6, True, 4)])
def test_equals_a_plain_count(spark: Any, days: int | None, hide: bool, k: int) -> None:
    rows = logs.log(1)
    tie, cut = logs.hashes(spark, rows), max(r[2] for r in rows) + 1  # type: ignore[type-var, operator]
    got = logs.run(spark, popularity, Popularity(kind="popularity", days=days), rows, USERS, cut, k, hide)
    order = logs.popular(rows, tie, None if days is None else cut - days * logs.DAY)
    had = {u: {r[1] for r in found} for u, found in logs.by_user(rows).items()}
    for u in USERS:
        wanted = [(i, float(n)) for i, n in order if not (hide and i in had.get(u, set()))][:k]
        assert got[u] == (wanted, "popularity")
    assert len({tuple(v[0]) for v in got.values()}) == 1 or hide


def test_whose_number_of_events_is_known_need_not_be_counted(spark: Any) -> None:
    k, rows = 2, logs.log(1)
    rows += [("all", f"i{i}", *rows[0][2:]) for i in range(9)]
    order = [i for i, _ in logs.popular(rows, logs.hashes(spark, rows), None)]
    many = {u: len(found) for u, found in logs.by_user(rows).items()}
    who = spark.createDataFrame([(u, many.get(u, 0)) for u in [*USERS, "all"]], "user_id string, history int")
    frame = spark.createDataFrame(rows, logs.DDL)
    found = popularity.score(who, frame, {}, Popularity(kind="popularity"), None, k, Shown("history"))
    for r in found.collect():
        had = {i for u, i, *_ in rows if u == r["user_id"]}
        assert [x["item_id"] for x in r["items"]] == [i for i in order if i not in had][:k]


def test_an_empty_history_gives_empty_lists(spark: Any) -> None:
    frame = spark.createDataFrame([], logs.DDL)
    who = spark.createDataFrame([("a",)], "user_id string")
    got = popularity.score(who, frame, {}, Popularity(kind="popularity"), None, 3, Shown("history")).collect()
    assert [(r["user_id"], r["items"]) for r in got] == [("a", [])]
