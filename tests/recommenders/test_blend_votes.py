from __future__ import annotations

import math
import random
import subprocess
import sys
from fractions import Fraction
from itertools import groupby, permutations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmrec.recommenders import blend_votes

ITEM = pa.struct([("item_id", pa.string()), ("score", pa.float32()), ("tie", pa.int64())])
PART = pa.struct([("part", pa.int32()), ("weight", pa.int32()), ("items", pa.list_(ITEM))])
SCHEMA = pa.schema([("user_id", pa.string()), ("parts", pa.list_(PART)), ("targets", pa.list_(pa.string()))])
List = list[tuple[str, float]]
User = tuple[list[tuple[int, List]], list[str]]


def worth(mine: List, by: str, offset: int) -> dict[str, int]:
    """Item -> what it is worth in one list, in 2^-30: exact, then rounded."""
    out, place = {}, 0
    high, low = (mine[0][1], mine[-1][1]) if mine else (0.0, 0.0)
    for score, block in groupby(mine, key=lambda x: x[1]):
        names = [i for i, _ in block]
        rank = Fraction(2 * place + len(names) + 1, 2)
        share = (Fraction(score) - Fraction(low)) / (Fraction(high) - Fraction(low)) if high > low else Fraction(1)
        value = 1 / (offset + rank) if by == "reciprocal_rank" else share + (1 - share) / len(mine)
        out |= dict.fromkeys(names, math.floor(float(value) * 2**30 + 0.5))
        place += len(names)
    return out


def batch(users: list[User], weights: list[int]) -> pa.RecordBatch:
    rows = [{"user_id": f"u{n}", "targets": targets, "parts": None if not lists else [
        {"part": p, "weight": weights[p], "items": [{"item_id": i, "score": s, "tie": hash_of(i)} for i, s in mine]}
        for p, mine in lists]} for n, (lists, targets) in enumerate(users)]  # fmt: skip
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def hash_of(item: str) -> int:
    return (int(item[1:]) * 7919) % 5  # few values: the id decides last


def blended(user: User, weights: list[int], by: str, offset: int) -> dict[str, tuple[int, int]]:
    """Item -> votes, best place."""
    out: dict[str, tuple[int, int]] = {}
    for p, mine in user[0]:
        value = worth(mine, by, offset)
        for place, (item, _) in enumerate(mine):
            votes, best = out.get(item, (0, 10**9))
            out[item] = votes + weights[p] * value[item], min(best, place if weights[p] else 10**9)
    return {i: found for i, found in out.items() if found[0] > 0}


def users(seed: int, parts: int = 3) -> list[User]:
    rng, out = random.Random(seed), list[User]()
    for _ in range(9):
        lists = []
        for p in range(parts):
            mine = rng.sample([f"i{n}" for n in range(12)], rng.randrange(9))
            scores = sorted((rng.choice([3.5, 2.25, 2.25, 0.5, -1.0]) for _ in mine), reverse=True)
            if rng.random() < 0.9:
                lists.append((p, list(zip(mine, scores, strict=True))))
        out.append((lists, rng.sample([f"i{n}" for n in range(12)], rng.randrange(1, 6))))
    return out


def listed(made: list[User], weights: list[int], by: str, k: int | None, sizes: tuple[int, ...] = (100,)) -> list[Any]:
    whole, out, at = batch(made, weights), [], 0
    for size in sizes:
        out += [b for b in blend_votes.best(iter([whole.slice(at, size)]), by, 3, k)]
        at += size
    return pa.Table.from_batches(out).to_pylist()


@pytest.mark.parametrize("by", ["reciprocal_rank", "score"])
@pytest.mark.parametrize("k", [4, None])
def test_equals_the_plain_sum(by: str, k: int | None) -> None:
    made, weights = users(1), [1 << 18, 3 << 18, 0]
    want = []
    for n, user in enumerate(made):
        votes = blended(user, weights, by, 3)
        order = sorted(votes, key=lambda i: (-votes[i][0], votes[i][1], hash_of(i), i))[:k]
        want.append((f"u{n}", order, [votes[i][0] / 2**50 for i in order]))
    for sizes in ((100,), (2, 1, 6)):
        got = listed(made, weights, by, k, sizes)
        assert [(r["user_id"], [x["item_id"] for x in r["own"]]) for r in got] == [w[:2] for w in want]
        for row, (_, _, scores) in zip(got, want, strict=True):
            assert [x["score"] for x in row["own"]] == pytest.approx(scores, rel=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(["reciprocal_rank", "score"]))
def test_one_part_alone_is_itself_and_order_means_nothing(seed: int, by: str) -> None:
    made = users(seed)
    alone = listed(made, [0, 1 << 20, 0], by, None)
    for row, (lists, _) in zip(alone, made, strict=True):
        assert [x["item_id"] for x in row["own"]] == [i for i, _ in dict(lists).get(1, [])]
    weights = [1 << 18, 1 << 19, 1 << 18]
    for order in permutations(range(3)):
        others = [([(order[p], mine) for p, mine in reversed(lists)], t) for lists, t in made]
        moved = [0, 0, 0]
        for p, place in enumerate(order):
            moved[place] = weights[p]
        assert listed(others, moved, by, 5) == listed(made, weights, by, 5)


def ndcg(user: User, weights: list[int], by: str, k: int) -> float:
    """Expected over the orders of equal votes, by the place of each block."""
    votes = {i: v for i, (v, _) in blended(user, weights, by, 3).items()}
    total, place = 0.0, 0
    for _, block in groupby(sorted(votes, key=lambda i: -votes[i]), key=lambda i: votes[i]):
        names = list(block)
        gain = sum(1 / math.log2(r + 2) for r in range(place, min(place + len(names), k))) / len(names)
        total += gain * sum(i in user[1] for i in names)
        place += len(names)
    return total / sum(1 / math.log2(r + 2) for r in range(min(k, len(user[1]))))


@pytest.mark.parametrize("by", ["reciprocal_rank", "score"])
def test_figures_are_the_expected_ndcg_of_each_weighting(by: str) -> None:
    made, grid = users(2), [(64, 0, 0), (0, 64, 0), (20, 30, 14), (0, 32, 32)]
    rows = batch(made, [0, 0, 0])
    out = pa.Table.from_batches(list(blend_votes.figures(iter([rows.slice(0, 4), rows.slice(4)]), grid, by, 3, 3)))
    for place, weights in enumerate(grid):
        want = sum(ndcg(user, list(weights), by, 3) for user in made)
        assert out["ndcg"][place].as_py() / 2**30 == pytest.approx(want, abs=1e-6) and want > 0.5
    assert out["users"].to_pylist() == [9] * 4 and out["place"].to_pylist() == [0, 1, 2, 3]
    none = list(blend_votes.figures(iter([]), grid, by, 3, 3))
    assert [b["users"].to_pylist() for b in none] == [[0] * 4]


def test_what_an_item_is_worth() -> None:
    lists, scores = np.array([0, 0, 0, 0, 1, 2, 2]), np.array([5, 3, 3, 1, -7, 0.5, 0.5], np.float32)
    rank = blend_votes.worth(lists, scores, "reciprocal_rank", 60) / 2**30
    assert rank == pytest.approx([1 / 61, 1 / 62.5, 1 / 62.5, 1 / 64, 1 / 61, 1 / 61.5, 1 / 61.5], abs=1e-9)
    score = blend_votes.worth(lists, scores, "score", 60) / 2**30
    assert score == pytest.approx([1, 0.625, 0.625, 0.25, 1, 1, 1], abs=1e-9)


def test_it_loads_no_spark() -> None:
    code = "import lstmrec.recommenders.blend_votes, sys; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
