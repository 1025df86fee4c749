"""Batches of made lists against plain Python that walks every order of equal scores."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lstmrec.frames import expected
from lstmrec.frames.sums import COLD, KINDS, NEW, REPEAT, WEIGHT, Asked, sums

TARGET = pa.struct([("item_id", pa.string()), ("mark", pa.int32()), ("popular", pa.int32()), ("weight", pa.int64())])
SCHEMA = pa.schema([
    ("recommender", pa.string()), ("role", pa.string()), ("key", pa.int64()), ("missing", pa.bool_()),
    ("slices", pa.list_(pa.string())), ("items", pa.list_(pa.string())), ("scores", pa.list_(pa.float32())),
    ("targets", pa.list_(TARGET)),
])  # fmt: skip
ASKED = Asked((1, 3, 10), 3, tuple(KINDS), serendipity=True, ips=True)


def users(count: int, seed: int = 1, levels: int = 3) -> list[dict[str, Any]]:
    """Lists of up to 5 of 8 items, scores of few levels, some lists empty."""
    rng, out = np.random.default_rng(seed), []
    for user in range(count):
        items = [f"i{i}" for i in rng.permutation(8)[: rng.integers(0, 6)]]
        scores = sorted((float(x) for x in rng.integers(0, levels, len(items))), reverse=True)
        wanted = [
            {"item_id": f"i{i}", "mark": int(rng.integers(0, 8)), "popular": int(rng.integers(0, 4)),
             "weight": int(rng.integers(WEIGHT, 4 * WEIGHT))}
            for i in rng.permutation(12)[: rng.integers(1, 6)]
        ]  # fmt: skip
        out.append({"recommender": f"r{user % 2}", "role": "test", "key": int(rng.integers(-(2**60), 2**60)),
                    "missing": not items, "slices": ["history:short", "segment:a"][: user % 3], "items": items,
                    "scores": scores, "targets": wanted})  # fmt: skip
    return out


def run(rows: list[dict[str, Any]], asked: Asked = ASKED, size: int = 1000) -> dict[tuple, dict[str, int]]:
    batches = [pa.RecordBatch.from_pylist(rows[i : i + size], SCHEMA) for i in range(0, len(rows), size)]
    out: dict = {}
    for made in sums(iter(batches), asked):
        for row in made.to_pylist():
            key = tuple(row.pop(c) for c in ("recommender", "role", "slice", "resample"))
            out[key] = {c: row[c] + out.get(key, {}).get(c, 0) for c in row}
    return out


def orders(row: dict[str, Any]) -> list[list[str]]:
    pairs = list(zip(row["items"], row["scores"], strict=True))
    blocks = [[i for i, _ in group] for _, group in itertools.groupby(pairs, key=lambda x: x[1])]
    return [[i for part in o for i in part] for o in itertools.product(*[itertools.permutations(b) for b in blocks])]


def oracle(row: dict[str, Any], k: int, of: Any = lambda t: True) -> dict[str, float]:
    wanted = {t["item_id"]: t for t in row["targets"] if of(t)}
    best = min(k, len(wanted))
    ideal = sum(1 / math.log2(i + 2) for i in range(best))
    total: dict[str, float] = {}
    for order in (found := orders(row)):
        top = [(place, wanted[i]) for place, i in enumerate(order[:k], 1) if i in wanted]
        values = {
            "recall": len(top) / best, "hr": float(bool(top)), "precision": len(top) / k,
            "ndcg": sum(1 / math.log2(p + 1) for p, _ in top) / ideal, "mrr": 1 / top[0][0] if top else 0.0,
            "map": sum((j + 1) / p for j, (p, _) in enumerate(top)) / best,
            "serendipity": sum(not 0 < t["popular"] <= k for _, t in top) / k,
            "ips_recall": sum(t["weight"] / WEIGHT for _, t in top) / best,
            "ips_ndcg": sum(t["weight"] / WEIGHT / math.log2(p + 1) for p, t in top) / ideal,
        }  # fmt: skip
        for name, value in values.items():
            total[name] = total.get(name, 0.0) + value / len(found)
    return total


@pytest.mark.parametrize("levels", [1, 3, 100], ids=["all tie", "some tie", "few tie"])
def test_sums_are_those_of_every_order_of_ties(levels):
    rows = users(40, levels, levels)
    got = run(rows)
    for name in ("r0", "r1"):
        mine = [r for r in rows if r["recommender"] == name]
        total = got[name, "test", "all", 0]
        assert total["users"] == len(mine) and total["missing"] == sum(not r["items"] for r in mine)
        for k in ASKED.ks:
            want = [oracle(r, k) for r in mine]
            for metric in want[0]:
                assert total[f"{metric}_{k}"] / expected.FIXED == pytest.approx(sum(w[metric] for w in want), abs=1e-6)
        weight = sum(sum(t["weight"] for t in r["targets"]) / WEIGHT / len(r["targets"]) for r in mine)
        assert total["ips_weight"] / expected.FIXED == pytest.approx(weight, abs=1e-6)


def test_slices_of_users_and_of_targets_have_their_own_denominators():
    rows = [r for r in users(60, 5) if r["recommender"] == "r0"]
    got = run(rows)
    for name in ("history:short", "segment:a"):
        mine = [r for r in rows if name in r["slices"]]
        assert got["r0", "test", name, 0]["users"] == len(mine) > 0
        want = sum(oracle(r, 3)["ips_ndcg"] for r in mine)
        assert got["r0", "test", name, 0]["ips_ndcg_3"] / expected.FIXED == pytest.approx(want, abs=1e-6)
    of = {"repeat": (REPEAT, 1), "explore": (REPEAT, 0), "item:cold": (COLD, 1), "item:warm": (COLD, 0),
          "item_age:new": (NEW, 1), "item_age:old": (NEW, 0)}  # fmt: skip
    for name, (bit, value) in of.items():

        def there(t, bit=bit, value=value):  # fmt: skip
            return (t["mark"] & bit > 0) == value

        mine = [r for r in rows if any(there(t) for t in r["targets"])]
        total = got["r0", "test", name, 0]
        assert total["users"] == len(mine) > 0, name
        for metric in expected.METRICS:
            want = sum(oracle(r, 3, there)[metric] for r in mine)
            assert total[f"{metric}_3"] / expected.FIXED == pytest.approx(want, abs=1e-6), (name, metric)


def test_batches_change_no_bit():
    rows = users(40)
    assert run(rows) == run(rows, size=7) == run(rows[::-1], size=11)


def test_resamples_weigh_users_by_their_key():
    rows = [r for r in users(30) if r["recommender"] == "r1"]
    got, drawn = run(rows), expected.weights(np.array([r["key"] for r in rows]), 3)
    for i in range(4):
        want = sum(w * oracle(r, 10)["ndcg"] for w, r in zip(drawn[:, i], rows, strict=True))
        assert got["r1", "test", "all", i]["ndcg_10"] / expected.FIXED == pytest.approx(want, abs=1e-6)
        assert got["r1", "test", "all", i]["users"] == drawn[:, i].sum()


def test_equal_weights_weigh_nothing():
    rows = users(30)
    for row in rows:
        for t in row["targets"]:
            t["weight"] = 3 * WEIGHT
    for total in (t for key, t in run(rows).items() if key[2] == "all"):
        assert total["ips_ndcg_3"] / total["ips_weight"] == pytest.approx(
            total["ndcg_3"] / total["users"] / expected.FIXED, abs=1e-6
        )


def test_nobody_with_a_list_is_still_counted():
    rows = [r | {"items": [], "scores": [], "missing": True} for r in users(4)]
    got = run(rows, Asked((2,)))
    assert got["r0", "test", "all", 0] == {c: 0 for c in Asked((2,)).columns} | {"users": 2, "missing": 2}
