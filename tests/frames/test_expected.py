"""Oracle: the plain definition of each metric, averaged over every order of equal scores."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmrec.frames import expected


def plain(ranked: list[bool], targets: int, k: int) -> list[float]:
    """recall, hr, precision, ndcg, mrr, map of one list in one order."""
    top = ranked[:k]
    best = min(k, targets)
    dcg = sum(1 / math.log2(i + 2) for i, hit in enumerate(top) if hit)
    ideal = sum(1 / math.log2(i + 2) for i in range(best))
    first = next((1 / (i + 1) for i, hit in enumerate(top) if hit), 0.0)
    average = sum(sum(top[: i + 1]) / (i + 1) for i, hit in enumerate(top) if hit) / best
    return [sum(top) / best, float(any(top)), sum(top) / k, dcg / ideal, first, average]


def over_orders(hits: list[bool], scores: list[float], targets: int, k: int) -> list[float]:
    blocks = [[hits[i] for i in group] for _, group in itertools.groupby(range(len(hits)), key=lambda i: scores[i])]
    values = [
        plain([hit for block in order for hit in block], targets, k)
        for order in itertools.product(*[list(itertools.permutations(b)) for b in blocks])
    ]
    return [sum(v) / len(values) for v in zip(*values, strict=True)]


lists = st.lists(st.tuples(st.booleans(), st.sampled_from([3.0, 2.0, 1.0])), max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(lists, st.integers(0, 4)), min_size=1, max_size=4), st.integers(1, 7))
def test_metrics_are_the_mean_over_all_orders_of_ties(cases, k):
    rows = []
    for items, more in cases:
        items = sorted(items, key=lambda x: -x[1])
        hits = [h for h, _ in items]
        rows.append((hits, [s for _, s in items], max(1, sum(hits) + more)))
    width = max(len(h) for h, _, _ in rows)
    hits = np.array([h + [False] * (width - len(h)) for h, _, _ in rows], bool).reshape(len(rows), width)
    scores = np.array([s + [math.nan] * (width - len(s)) for _, s, _ in rows]).reshape(len(rows), width)
    got = expected.expected(hits, scores, np.array([t for _, _, t in rows]), k)
    want = [over_orders(h, s, t, k) for h, s, t in rows]
    np.testing.assert_allclose(got, want, atol=1e-12)


def test_constant_scores_give_chance_level():
    catalogue, targets, k = 200, 5, 10
    hits = np.zeros((1, catalogue), bool)
    hits[0, :targets] = True  # by index they would be the first five, and perfect
    values = dict(
        zip(
            expected.METRICS,
            expected.expected(hits, np.zeros((1, catalogue)), np.array([targets]), k)[0],
            strict=True,
        )
    )
    assert values["recall"] == pytest.approx(k * targets / catalogue / targets)
    assert values["precision"] == pytest.approx(targets / catalogue)
    assert values["hr"] == pytest.approx(1 - math.comb(catalogue - targets, k) / math.comb(catalogue, k))
    ideal = sum(1 / math.log2(i + 2) for i in range(targets))
    assert values["ndcg"] == pytest.approx(
        targets / catalogue * sum(1 / math.log2(i + 2) for i in range(k)) / ideal,
    )


def test_weights_are_poisson_and_belong_to_the_user():
    keys = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 4000)
    drawn = expected.weights(keys, 50)
    assert (drawn[:, 0] == 1).all()
    assert drawn[:, 1:].mean() == pytest.approx(1, abs=0.01)
    assert drawn[:, 1:].var() == pytest.approx(1, abs=0.02)
    assert (drawn[:, 1:] == 0).mean() == pytest.approx(math.exp(-1), abs=0.005)
    np.testing.assert_array_equal(expected.weights(keys[::-1], 50)[::-1], drawn)
    columns = np.corrcoef(drawn[:, 1:].T)
    assert np.abs(columns - np.eye(50)).max() < 0.1


def batch(rows):
    names = ["recommender", "role", "key", "history", "scores", "hits", "again", "targets", "targets_again"]
    types = ["string", "string", "int64", "int32", pa.list_(pa.float32()), pa.list_(pa.bool_()), pa.list_(pa.bool_()),
             "int32", "int32"]  # fmt: skip
    columns = zip(*rows, strict=True)
    arrays = [
        pa.array(list(c), pa.type_for_alias(t) if isinstance(t, str) else t)
        for c, t in zip(columns, types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def test_sums_do_not_depend_on_batches_and_slices_have_their_own_users():
    rng = np.random.default_rng(1)
    rows = []
    for user in range(40):
        length = int(rng.integers(0, 4))
        hits = [bool(x) for x in rng.random(length) < 0.5]
        again = [h and bool(rng.random() < 0.5) for h in hits]
        had = sum(again) + int(rng.integers(0, 2))
        fresh = sum(hits) - sum(again) + int(rng.integers(0, 2))
        if had + fresh:
            rows.append((f"r{user % 2}", "test", int(rng.integers(-(2**60), 2**60)), int(rng.integers(0, 150)),
                         [3.0, 2.0, 1.0][:length], hits, again, had + fresh, had))  # fmt: skip

    def run(batches):
        out: dict = {}
        for b in expected.sums(iter(batches), [2], 3, True):
            for row in b.to_pylist():
                key = tuple(row[c] for c in ("recommender", "role", "slice", "resample"))
                old = out.get(key, {})
                out[key] = {c: row[c] + old.get(c, 0) for c in ("users", *expected.columns([2]))}
        return out

    whole = run([batch(rows)])
    assert whole == run([batch(rows[:7]), batch(rows[7:8]), batch(rows[8:])])
    mine = [r for r in rows if r[0] == "r0"]
    assert whole["r0", "test", "all", 0]["users"] == len(mine)
    explore = [r for r in mine if r[7] > r[8]]
    got = whole["r0", "test", "explore", 0]
    assert got["users"] == len(explore)
    want = sum(sum(h and not a for h, a in zip(r[5][:2], r[6][:2], strict=True)) / min(2, r[7] - r[8]) for r in explore)
    assert got["recall_2"] / expected.FIXED == pytest.approx(want, abs=1e-6)
    sizes = [sum(1 for r in mine if low <= r[3] < high) for low, high in ((0, 20), (20, 100), (100, 10**9))]
    assert [
        whole.get(("r0", "test", f"history:{s}", 0), {"users": 0})["users"] for s in ("short", "medium", "long")
    ] == sizes
