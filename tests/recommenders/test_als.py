from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame

from lstmrec.config.recommenders import Als
from lstmrec.recommenders import als
from lstmrec.store.als import Factors
from lstmrec.store.work import Desk
from tests.recommenders import logs

USERS = [f"u{i}" for i in range(12)] + ["stranger"]
ROWS = logs.log(5)


def entry(**more: Any) -> Als:
    return Als(kind="als", **({"rank": 3, "iterations": 7, "reg": 0.3, "alpha": 2.0} | more))


def fitted(spark: Any, hand: Any) -> DataFrame:
    frame = spark.createDataFrame(ROWS, logs.DDL).repartition(3).where("role = 'train'")
    return als.fit(frame, entry(), lambda f, name: f, hand)["factors"]


def vectors(made: DataFrame) -> dict[str, np.ndarray]:
    """item_id -> its vector, in the order of ids."""
    rows = made.orderBy("id").collect()
    assert [r["id"] for r in rows] == list(range(len(rows))) and all(r["keys"] is None for r in rows)
    return {r["item_id"]: np.array(r["weights"], float) / 2**20 for r in rows}


def matrix(items: list[str]) -> np.ndarray:
    train = [r for r in ROWS if r[4] == "train"]
    users = sorted({r[0] for r in train})
    out = np.zeros((len(users), len(items)))
    for r in train:
        out[users.index(r[0]), items.index(r[1])] += 1
    return out


def solved(counts: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The vectors of the rows of counts, the other side's fixed, by dense normal equations."""
    out = []
    for row in counts:
        c = 1 + 2.0 * row
        left = other.T @ np.diag(c) @ other + 0.3 * np.count_nonzero(row) * np.eye(other.shape[1])
        out.append(np.linalg.solve(left, other.T @ (c * (row > 0))))
    return np.array(out)


def loss(counts: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    n, m = (counts > 0).sum(1), (counts > 0).sum(0)
    fit = ((1 + 2.0 * counts) * ((counts > 0) - x @ y.T) ** 2).sum()
    return float(fit + 0.3 * (n @ (x**2).sum(1) + m @ (y**2).sum(1)))


@pytest.mark.slow
def test_the_fit_minimises_what_it_says(spark: Any, tmp_path: Any) -> None:
    """One more round of plain numpy hardly moves it, and numpy's own best of several starts is no better."""
    hand = Factors(Desk(str(tmp_path)), 7)
    found = vectors(fitted(spark, hand))
    assert hand.told["als"]["items"] == len(found) and len(hand.told["als"]["factors"]) == 16
    counts, ours = matrix(list(found)), np.array(list(found.values()))
    x = solved(counts, ours)
    again = solved(counts.T, x)
    assert np.abs(again - ours).max() < 0.1 * np.abs(ours).max()
    best = np.inf
    for seed in range(4):
        mine = np.random.default_rng(seed).normal(size=ours.shape)
        for _ in range(40):
            other = solved(counts, mine)
            mine = solved(counts.T, other)
        best = min(best, loss(counts, other, mine))
    assert loss(counts, solved(counts, again), again) < 1.02 * best


def test_lists_are_by_the_folded_vectors(spark: Any) -> None:
    def hand(rows: DataFrame, one: Als) -> DataFrame:
        """Factors of nobody's fit: waves by the item's number."""
        return rows.selectExpr("item AS id").distinct().selectExpr(
            "id", "transform(sequence(1, 3), k -> cast(cos(id * k) / k as float)) AS features"
        )  # fmt: skip

    tie, events = logs.hashes(spark, ROWS), logs.by_user(ROWS)
    found = vectors(fitted(spark, hand))
    names, factors = list(found), np.array(list(found.values()))

    def own(u: str) -> list[str]:
        counts = np.array([float(sum(r[1] == i for r in events.get(u, []))) for i in names])
        if not counts.any():
            return []
        x = np.floor(solved(counts[None], factors)[0] * 2**20 + 0.5)
        votes = dict(zip(names, factors @ x, strict=True))
        return sorted((i for i in names if votes[i] > 0), key=lambda i: (-votes[i], tie[i], i))

    for hide in (True, False):
        beside = {"keep": lambda f, name: f, "factors": hand}
        got = logs.run(spark, als, entry(), ROWS, USERS, None, 5, hide, beside)
        assert logs.names(got) == logs.filled(USERS, ROWS, tie, own, 5, hide)
        assert sum(reason == "history" for _, reason in got.values()) > 8


def test_one_block_gives_the_same_bits_under_any_partitioning(spark: Any, tmp_path: Any) -> None:
    counts = [(u, i, 1.0 + (u * i) % 3) for u in range(20) for i in range(9) if (u * u + i) % 4 == 0]
    found = []
    for n, rows in ((1, counts), (5, counts[::-1])):
        frame = spark.createDataFrame(rows, "user int, item int, rating float").repartition(n)
        hand = Factors(Desk(str(tmp_path / str(n))), 7)
        made = hand(frame, entry(iterations=1)).collect()
        found.append(({r["id"]: tuple(r["features"]) for r in made}, hand.told))
    assert found[0] == found[1] and len(found[0][0]) == 5
    none = Factors(Desk(str(tmp_path / "none")), 7)(frame.where("user < 0"), entry())
    assert none.columns == ["id", "features"] and none.isEmpty()


def test_caps_choose_by_hash_and_by_users(spark: Any) -> None:
    """What is fitted on, and that ids have no gaps: grid counts on it."""

    def rows(**more: Any) -> list[Any]:
        seen: list[DataFrame] = []
        frame = spark.createDataFrame(ROWS, logs.DDL).where("role = 'train'")

        def hand(rows: DataFrame, one: Als) -> DataFrame:
            seen.append(rows)
            return rows.selectExpr("item AS id", "array(1f) AS features")

        als.fit(frame, entry(**more), lambda f, name: f, hand)
        return seen[0].collect()

    train = [r for r in ROWS if r[4] == "train"]
    users = sorted((len({r[0] for r in train if r[1] == i}) for i in {r[1] for r in train}), reverse=True)
    every, some, few = rows(), rows(max_items=4), rows(max_users=3)
    assert sum(r["rating"] for r in every) == len(train) and len(every) == len({r[:2] for r in train})
    assert {r["user"] for r in every} == set(range(len({r[0] for r in train})))
    assert sorted(sum(r["item"] == i for r in some) for i in range(4)) == sorted(users[:4])
    assert {r["user"] for r in few} == {0, 1, 2}
    assert {r["item"] for r in few} == set(range(len({r["item"] for r in few})))
