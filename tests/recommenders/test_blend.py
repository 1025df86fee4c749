from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lstmrec.config.recommenders import Blend
from lstmrec.frames import targets
from lstmrec.recommenders import blend
from lstmrec.recommenders.lists import ITEMS, Shown
from tests.recommenders import logs
from tests.recommenders.test_blend_votes import blended

K, SEED = 3, 1  # by this seed the four users are of both halves
#: Part -> user -> list; the fill of lists that are not the model's has scores below 0 and does not count.
PARTS: dict[str, dict[str, list[tuple[str, float]]]] = {
    "model": {"u0": [("i1", -1.0), ("i2", -2.5), ("i3", -2.5), ("i4", -4.0)], "u1": [("i3", 2.0), ("i1", 1.5)],
              "u2": [("i4", 1.0), ("i2", 0.5), ("i9", 0.25)]},
    "knn": {"u0": [("i4", 0.9), ("i5", 0.4), ("i0", -1.0)], "u1": [("i1", 0.5), ("i3", 0.5), ("i0", -1.0)],
            "u2": [("i0", -1.0), ("i1", -2.0)]},
}  # fmt: skip
REASON = {"model": "full_history", "knn": "history"}
ROWS = [("u0", "i0", 1, 0, "train", 0), ("u1", "i0", 1, 0, "train", 0), ("u1", "i7", 2, 1, "train", 1),
        *((f"u{n}", item, 9, 9, "validation", 5) for n, item in enumerate(("i4", "i1", "i2"))),
        ("u3", "i0", 9, 9, "validation", 5)]  # fmt: skip


def entry(**more: Any) -> Blend:
    return Blend.model_validate({"kind": "blend", "of": ["model", "knn"], "depth": 4} | more)


def parts(spark: Any) -> dict[str, dict[str, Any]]:
    ddl = f"user_id string, items {ITEMS}, reason string"
    frames = {}
    for name, lists in PARTS.items():
        rows = [(u, [(i, s, n + 1) for n, (i, s) in enumerate(mine)], REASON[name]) for u, mine in lists.items()]
        frames[name] = spark.createDataFrame(rows, ddl)
    return {name: {"validation": f, "test": f.where("user_id = 'u0'")} for name, f in frames.items()}


def fitted(spark: Any, one: Blend, climb: Any = None) -> dict[str, Any]:
    split = spark.createDataFrame(ROWS, logs.DDL).repartition(2)
    return blend.fit(split.where("role = 'train'"), one, parts(spark), split, SEED, climb)


def scored(spark: Any, one: Blend, shown: Shown, role: str = "validation", climb: Any = None) -> dict[str, Any]:
    users = spark.createDataFrame([(role, f"u{n}") for n in range(4)], "role string, user_id string")
    history = spark.createDataFrame(ROWS, logs.DDL).where("role = 'train'")
    got = blend.score(users, history, fitted(spark, one, climb), one, None, K, shown).collect()
    assert sorted(r["user_id"] for r in got) == ["u0", "u1", "u2", "u3"]
    return {r["user_id"]: ([(x["item_id"], x["score"]) for x in r["items"]], r["reason"]) for r in got}


def own(user: str, depth: int = 4) -> list[tuple[int, list[tuple[str, float]]]]:
    every = [(p, PARTS[name].get(user, [])[:depth]) for p, name in enumerate(PARTS)]
    return [(p, [x for x in mine if p == 0 or x[1] > 0]) for p, mine in every]


@pytest.mark.parametrize(("by", "weights"), [("reciprocal_rank", "equal"), ("score", [3.0, 1.0])])
def test_equals_the_plain_blend(spark: Any, by: str, weights: Any) -> None:
    one = entry(by=by, weights=weights, depth=3)
    got = scored(spark, one, Shown())
    shares = [1 << 19, 1 << 19] if weights == "equal" else [3 << 18, 1 << 18]
    tie = logs.hashes(spark, [("", f"i{n}", 0, 0, "", 0) for n in range(10)])
    for user in ("u0", "u1", "u2"):
        votes = blended((own(user, 3), []), shares, by, 60)
        best = sorted(votes, key=lambda i: (-votes[i][0], votes[i][1], tie[i]))[:K]
        items, reason = got[user]
        assert [i for i, _ in items][: len(best)] == best and reason == "history"
        assert [s for _, s in items][: len(best)] == pytest.approx([votes[i][0] / 2**50 for i in best], rel=1e-6)
        assert all(s < 0 for _, s in items[len(best) :])
    assert got["u3"][1] == "popularity" and got["u3"][0][0] == ("i0", -1.0)
    if by == "score":
        assert scored(spark, one, Shown(), "test")["u1"][1] == "popularity"  # no part has a list for u1 there


def test_all_the_weight_on_a_part_is_that_part(spark: Any) -> None:
    for number, name in enumerate(PARTS):
        got = scored(spark, entry(by="score", weights=[float(number == p) for p in (0, 1)]), Shown())
        for user, mine in PARTS[name].items():
            mine = [i for i, s in mine if number == 0 or s > 0][:K]
            assert [i for i, _ in got[user][0]][: len(mine)] == mine
    assert got["u2"][1] == "popularity"


def test_caps_and_rules_hold_for_what_comes_of_it(spark: Any) -> None:
    ddl = "item_id string, everybody boolean, segments array<string>, pin int, caps array<int>"
    rules = [(f"i{n}", n != 1, [], None, [1] if n in (2, 3, 4) else []) for n in range(8)]
    got = scored(spark, entry(depth=10), Shown("history", spark.createDataFrame(rules, ddl), None, (1,)))
    assert [i for i, _ in got["u0"][0]] == ["i4", "i5", "i7"]  # one of i2, i3, i4; i1 is for nobody, i0 was had
    assert [i for i, _ in got["u1"][0]] == ["i3"] and got["u3"][0][0][0] == "i0"


def test_weights_are_fitted_on_a_half_and_judged_by_the_other(spark: Any) -> None:
    seen: dict[str, Any] = {}

    def climb(one: Blend, rows: Any, figures: Any) -> Sequence[int]:
        grid = [(64, 0), (0, 64), (32, 32)]
        seen["rows"], seen["found"] = rows.collect(), {r["place"]: r for r in figures(rows, grid).collect()}
        return grid[1]

    got = scored(spark, entry(weights="fit", k=2), Shown(), climb=climb)
    assert [i for i, _ in got["u0"][0]][:2] == ["i4", "i5"]
    users = spark.createDataFrame([(f"u{n}",) for n in range(4)], "user_id string")
    halves = [r["fits"] for r in users.select(targets.fits(SEED).alias("fits")).collect()]
    assert sorted(r["fits"] for r in seen["rows"]) == sorted(halves) and len(set(halves)) == 2
    assert all(r["users"] == 4 for r in seen["found"].values())
    # u0 wants i4 (4th, 1st), u1 wants i1 (2nd; one of two equal ones), u2 wants i2 (2nd, none), u3 what nobody lists
    second = 0.6309297535714575
    want = [second + second, 1 + (1 + second) / 2]
    assert [seen["found"][i]["ndcg"] / 2**30 for i in (0, 1)] == pytest.approx(want, abs=1e-6)
    few = blend.judged(fitted(spark, entry())["lists"], spark.createDataFrame(ROWS, logs.DDL), SEED, 1).collect()
    assert sorted(r["fits"] for r in few) == [False, True]
