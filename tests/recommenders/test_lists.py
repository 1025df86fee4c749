from __future__ import annotations

import random
from typing import Any

import pytest

from lstmrec.config.recommenders import (
    Content,
    Ease,
    ItemKnn,
    Markov,
    Personal,
    Popularity,
    Profile,
    SessionKnn,
    TifuKnn,
    UpCf,
)
from lstmrec.recommenders import (
    content,
    ease,
    fallback,
    item_knn,
    markov,
    personal,
    popularity,
    profile,
    session_knn,
    tifu_knn,
    up_cf,
)
from lstmrec.recommenders.lists import Shown
from tests.recommenders import logs

USERS = [f"u{i}" for i in range(12)] + ["stranger"]
RULES = "item int, item_id string, everybody boolean, segments array<string>, pin int, caps array<int>"


def world(seed: int) -> tuple[list[tuple[Any, ...]], dict[str, str]]:
    """Rules about 14 items, one of which nobody had and two are pinned; half of the users have a segment."""
    rng, rows = random.Random(seed), []
    for i in range(15):
        open_ = rng.random() < 0.6
        some = [] if open_ else rng.sample(["north", "south"], rng.choice([0, 1, 1, 2]))
        caps = sorted(rng.sample([1, 2, 3], rng.choice([0, 1, 1, 2])))
        rows.append((i + 2, f"i{i}", open_, some, {3: 1, 14: 2}.get(i) if open_ or some else None, caps))
    return rows, {f"u{i}": rng.choice(["north", "south", "west"]) for i in range(0, 12, 2)}


def lately(rows: list[logs.Event], seen: str | int, cut: int) -> dict[str, set[str]]:
    out: dict[str, set[str]] = {}
    for user, item, time, *_ in rows:
        if seen == "history" or (seen != "none" and time >= cut - int(seen) * logs.DAY):  # type: ignore[operator]
            out.setdefault(user, set()).add(item)
    return out


def walked(ranked: list[str], rules: list[tuple[Any, ...]], segment: str | None, away: set[str], most: list[int], k: int
           ) -> list[str]:  # fmt: skip
    """The oracle: all items in order, each taken where it may be."""
    of, room = {r[1]: r for r in rules}, [0, *most]

    def may(rule: tuple[Any, ...]) -> bool:
        return bool(rule[2] or segment in rule[3])

    for rule in rules:
        if rule[4] is not None and may(rule):
            for tag in rule[5]:
                room[tag] -= 1
    taken: list[str] = []
    for item in ranked:
        rule = of.get(item)
        if rule is None or item in away or rule[4] is not None or not may(rule) or len(taken) == k:
            continue
        if all(room[tag] > 0 for tag in rule[5]):
            taken.append(item)
            for tag in rule[5]:
                room[tag] -= 1
    return taken


def beside(spark: Any, module: Any) -> dict[str, Any]:
    """What some ask for: items' tags, people's towns."""
    rng = random.Random(2)
    if getattr(module, "WANTS", ()) == ("encoded",):
        items = [(f"i{i}", rng.sample(range(2, 8), 2), [], None) for i in range(14)]
        ddl = "item_id string, tags array<int>, text array<int>, vectors array<float>"
        return {"encoded": spark.createDataFrame(items, ddl)}
    if getattr(module, "WANTS", ()) == ("people",):
        people = [(u, {"town": rng.choice("abc")}) for u in USERS[::2]]
        return {"people": spark.createDataFrame(people, "user_id string, attributes map<string,string>")}
    if getattr(module, "WANTS", ()) == ("keep",):
        return {"keep": lambda frame, name: frame}
    return {}


ENTRIES: list[tuple[Any, Any, str | int]] = [
    (popularity, Popularity(kind="popularity"), "history"), (personal, Personal(kind="personal"), 3),
    (item_knn, ItemKnn(kind="item_knn"), "none"), (ease, Ease(kind="ease", l2=1.0), "history"),
    (up_cf, UpCf(kind="up_cf"), 3), (tifu_knn, TifuKnn(kind="tifu_knn"), "none"),
    (content, Content(kind="content"), "history"), (profile, Profile(kind="profile", shrink=2.0), "history"),
    (markov, Markov(kind="markov"), "none"), (session_knn, SessionKnn(kind="session_knn", gap_hours=24.0), 3),
]  # fmt: skip


#: Of those that share their way to a list with one of the others.
LIKE = {"item_knn", "tifu_knn", "profile", "markov"}


@pytest.mark.parametrize(
    ("module", "entry", "seen"),
    [pytest.param(*e, id=e[1].kind, marks=[pytest.mark.slow] if e[1].kind in LIKE else []) for e in ENTRIES],
)
def test_everybody_obeys_the_filters(spark: Any, module: Any, entry: Any, seen: str | int) -> None:
    rows = logs.log(5)
    cut = max(r[2] for r in rows) + logs.DAY  # type: ignore[type-var, operator]
    rules, whose = world(1)
    frame = spark.createDataFrame(rules, RULES)
    whom = spark.createDataFrame([*whose.items()], "user_id string, segment string")
    more = beside(spark, module)
    whole = logs.run(spark, module, entry, rows, USERS, cut, 50, Shown(), more)
    away = lately(rows, seen, cut)
    for most in ((2, 1, 2), ()) if module in (personal, ease) else ((2, 1, 2),):
        used = [(*r[:5], r[5] if most else []) for r in rules]
        shown = Shown(seen, frame if most else spark.createDataFrame(used, RULES), whom, most, cut)
        got = logs.names(logs.run(spark, module, entry, rows, USERS, cut, 4, shown, more))
        for user in USERS:
            ranked = [i for i, _ in whole[user][0]]
            assert got[user][0] == walked(ranked, used, whose.get(user), away.get(user, set()), list(most), 4)


@pytest.mark.slow
@pytest.mark.parametrize(("module", "entry", "seen"), ENTRIES[3:], ids=[entry.kind for _, entry, _ in ENTRIES[3:]])
def test_partitions_change_no_list_nor_score(spark: Any, module: Any, entry: Any, seen: str | int) -> None:
    rows, before, got = logs.log(6), spark.conf.get("spark.sql.shuffle.partitions"), []
    shown = Shown(seen, cut_us=max(r[2] for r in rows))  # type: ignore[type-var]
    try:
        for partitions in ("1", "7"):
            spark.conf.set("spark.sql.shuffle.partitions", partitions)
            rows.reverse()
            got.append(logs.run(spark, module, entry, rows, USERS, None, 5, shown, beside(spark, module)))
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", before)
    assert got[0] == got[1]


def test_the_last_days_hide_nothing_older(spark: Any) -> None:
    rows = logs.log(5)
    cut = max(r[2] for r in rows) + 1  # type: ignore[type-var, operator]
    entry = Popularity(kind="popularity")
    whole = logs.run(spark, popularity, entry, rows, USERS, cut, 50, Shown())
    got = logs.run(spark, popularity, entry, rows, USERS, cut, 9, Shown(4, cut_us=cut))
    away = lately(rows, 4, cut - cut % 1_000_000)
    assert any(away.values()) and len({len(v) for v in away.values()}) > 1
    for user in USERS:
        assert [i for i, _ in got[user][0]] == [i for i, _ in whole[user][0] if i not in away.get(user, set())][:9]


def test_segment_popularity_counts_train_events_of_its_own(spark: Any) -> None:
    rows = logs.log(6)
    frame = spark.createDataFrame(rows, logs.DDL)
    values = {"u0": "a", "u1": "a", "u2": "b", "u3": "b", "u5": "a", "stranger": "b", "nobody": "c"}
    tie = logs.hashes(spark, rows)
    train = [r for r in rows if r[4] == "train"]
    groups = spark.createDataFrame([*values.items()], "user_id string, group string")
    who = spark.createDataFrame([("u0",), ("u4",), ("stranger",), ("nobody",)], "user_id string")
    had = {u: {r[1] for r in found} for u, found in logs.by_user(rows).items()}
    for shown in (Shown("history"), Shown("none")):
        found = fallback.score(who, frame.where("role = 'train'"), frame, groups, 6, shown).collect()
        got = {r["user_id"]: ([(x["item_id"], x["score"]) for x in r["items"]], r["reason"]) for r in found}
        assert sorted(r["user_id"] for r in found) == ["nobody", "stranger", "u0", "u4"]
        for user, group in (("u0", "a"), ("u4", None), ("stranger", "b"), ("nobody", None)):
            mine = [r for r in train if group is None or values.get(r[0]) == group]
            count, every = ({i: sum(r[1] == i for r in x) for i in tie} for x in (mine, train))
            order = sorted((i for i in tie if every[i]), key=lambda i: (-count[i], -every[i], tie[i], i))
            away = had.get(user, set()) if shown.seen == "history" else set()
            assert got[user][0] == [(i, float(count[i])) for i in order if i not in away][:6]
            assert got[user][1] == ("segment_popularity" if group else "popularity")
    plain = fallback.score(who, frame.where("role = 'train'"), frame, None, 6, Shown("history")).collect()
    assert {r["reason"] for r in plain} == {"popularity"} and len(plain) == 4
