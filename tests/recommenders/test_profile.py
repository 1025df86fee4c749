from __future__ import annotations

import random
from typing import Any

import pytest

from lstmrec.config.recommenders import Profile
from lstmrec.recommenders import profile
from lstmrec.recommenders.lists import Shown
from tests.recommenders import logs

USERS = [f"u{i}" for i in range(12)] + ["stranger", "nobody"]


@pytest.mark.parametrize(("shrink", "names", "hide"), [(3.0, None, False), (0.0, ["town"], True)])
def test_equals_plain_shares(spark: Any, shrink: float, names: list[str] | None, hide: bool) -> None:
    rows, rng = logs.log(5), random.Random(1)
    tie = logs.hashes(spark, rows)
    whose = {u: {n: rng.choice("abc") for n in ("town", "age") if rng.random() < 0.7} for u in USERS}
    whose |= {"stranger": {"town": "a", "age": "b"}, "nobody": {}}
    had = {u: {r[1] for r in mine} for u, mine in logs.by_user([r for r in rows if r[4] == "train"]).items()}

    def score(u: str, item: str) -> float:
        all_, total = sum(item in h for h in had.values()) / len(had), 0.0
        for name, value in whose[u].items():
            group = [v for v in had if whose[v].get(name) == value]
            if group and (names is None or name in names):
                total += (sum(item in had[v] for v in group) + shrink * all_) / (len(group) + shrink)
        return total

    people = spark.createDataFrame([*whose.items()], "user_id string, attributes map<string,string>")
    frame = spark.createDataFrame(rows, logs.DDL).repartition(3)
    entry = Profile(kind="profile", shrink=shrink, attributes=names)
    fitted = profile.fit(frame.where("role = 'train'"), entry, people=people)
    who, shown = people.select("user_id"), Shown("history" if hide else "none")
    found = profile.score(who, frame, fitted, entry, None, 20, shown).collect()
    assert sorted(r["user_id"] for r in found) == sorted(USERS)
    seen = {u: {r[1] for r in mine} for u, mine in logs.by_user(rows).items()}
    for r in found:
        away = seen.get(r["user_id"], set()) if hide else set()
        got = [(x["item_id"], x["score"]) for x in r["items"] if x["score"] > 0]
        want = {i: score(r["user_id"], i) for i in tie if i not in away}
        assert {i for i, _ in got} == {i for i, s in want.items() if s > 0}
        assert [s for _, s in got] == pytest.approx(sorted((s for s in want.values() if s > 0), reverse=True), abs=1e-5)
        assert all(s == pytest.approx(want[i], abs=1e-5) for i, s in got)
        assert len(r["items"]) == len(tie) - len(away & set(tie))
        assert r["reason"] == ("segment_popularity" if got else "popularity")
    reasons = {r["user_id"]: r["reason"] for r in found}
    assert (reasons["stranger"], reasons["nobody"]) == ("segment_popularity", "popularity")
