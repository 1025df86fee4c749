"""Oracle: the plain definition of each metric, averaged over every order of equal scores."""

from __future__ import annotations

import itertools
import math

import numpy as np
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
    got = expected.expected(hits, scores, np.array([t for _, _, t in rows]), [k, 2])
    want = [[over_orders(h, s, t, k), over_orders(h, s, t, 2)] for h, s, t in rows]
    np.testing.assert_allclose(got, want, atol=1e-12)


def test_constant_scores_give_chance_level():
    catalogue, targets, k = 200, 5, 10
    hits = np.zeros((1, catalogue), bool)
    hits[0, :targets] = True  # by index they would be the first five, and perfect
    values = dict(
        zip(
            expected.METRICS,
            expected.expected(hits, np.zeros((1, catalogue)), np.array([targets]), [k])[0, 0],
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


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.lists(st.booleans(), max_size=8), st.integers(0, 3)), min_size=1, max_size=5))
def test_hits_alone_are_enough_where_nothing_ties(cases):
    hits = np.zeros((len(cases), 8), bool)
    for i, (row, _) in enumerate(cases):
        hits[i, : len(row)] = row
    targets = np.array([max(1, sum(row) + more) for row, more in cases])
    row, place = np.nonzero(hits)
    got = expected.of_hits(row, place, len(cases), targets, [1, 3, 10])
    np.testing.assert_allclose(
        got[:, 1], [plain(list(h), t, 3) for h, t in zip(hits, targets, strict=True)], atol=1e-12
    )
    scores = np.tile(np.arange(8.0, 0.0, -1.0), (len(cases), 1))
    np.testing.assert_allclose(got, expected.expected(hits, scores, targets, [1, 3, 10]), atol=1e-12)


def test_padding_changes_no_bit():
    rng = np.random.default_rng(3)
    hits, scores = rng.random((50, 13)) < 0.3, np.sort(rng.integers(0, 5, (50, 13)))[:, ::-1].astype(float)
    wide = np.pad(hits, ((0, 0), (0, 90))), np.pad(scores, ((0, 0), (0, 90)), constant_values=np.nan)
    targets = np.full(50, 15)
    got = expected.expected(*wide, targets, [5, 100])
    np.testing.assert_array_equal(got, expected.expected(hits, scores, targets, [5, 100]))


@pytest.mark.parametrize("size", [1, 4, 30], ids=["leave one out", "several", "baskets"])
def test_trec_eval_agrees(size):
    """By trec_eval's own C code, on lists without ties; its recall and MAP divide by all targets."""
    trec = pytest.importorskip("pytrec_eval", reason="extra dev: pytrec-eval-terrier")
    rng = np.random.default_rng(size)
    n, width, ks = 60, 40, (1, 5, 10, 40)
    items = [rng.permutation(120)[: rng.integers(1, width + 1)] for _ in range(n)]
    wanted = [set(rng.permutation(120)[: rng.integers(1, size + 1)].tolist()) for _ in range(n)]
    runs = {str(u): {str(i): float(width - p) for p, i in enumerate(row)} for u, row in enumerate(items)}
    truth = {str(u): {str(i): 1 for i in mine} for u, mine in enumerate(wanted)}
    measures = {f"{m}.{','.join(map(str, ks))}" for m in ("recall", "success", "P", "ndcg_cut", "map_cut")}
    theirs = trec.RelevanceEvaluator(truth, measures).evaluate(runs)
    hits, scores = np.zeros((n, width), bool), np.full((n, width), np.nan)
    for u, row in enumerate(items):
        hits[u, : len(row)] = [i in wanted[u] for i in row.tolist()]
        scores[u, : len(row)] = np.arange(len(row), 0, -1)
    count = np.array([len(mine) for mine in wanted])
    got = expected.expected(hits, scores, count, ks)
    for at, k in enumerate(ks):
        cut = {u: dict(list(run.items())[:k]) for u, run in runs.items()}
        first = trec.RelevanceEvaluator(truth, {"recip_rank"}).evaluate(cut)
        for u in range(n):
            there, part = theirs[str(u)], min(k, int(count[u])) / int(count[u])
            want = [there[f"recall_{k}"] / part, there[f"success_{k}"], there[f"P_{k}"], there[f"ndcg_cut_{k}"],
                    first[str(u)]["recip_rank"], there[f"map_cut_{k}"] / part]  # fmt: skip
            assert got[u, at] == pytest.approx(want, abs=1e-9), (u, k)


def test_gains_are_shared_by_those_that_tie():
    gains = np.array([[2.0, 0.0, 1.0, 0.0]])
    got = expected.spread(gains, np.array([[3.0, 3.0, 1.0, np.nan]]))
    assert got.tolist() == [[1.0, 1.0, 1.0, 0.0]]


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
