from __future__ import annotations

import itertools
import math

import pytest
import torch

from lstmrec.model.metric import distinct_targets, metrics

INF = math.inf


def brute(scores: list[float], targets: list[int], k: int) -> tuple[float, float, float]:
    """Means over every order of the items that the scores allow."""
    shown = [i for i, s in enumerate(scores) if s > -INF]
    orders = [p for p in itertools.permutations(shown) if all(scores[a] >= scores[b] for a, b in itertools.pairwise(p))]
    ndcg = recall = hit = 0.0
    best = min(k, len(targets))
    for order in orders:
        ranks = [r for r, i in enumerate(order[:k]) if i in targets]
        ndcg += sum(1 / math.log2(r + 2) for r in ranks) / sum(1 / math.log2(r + 2) for r in range(best))
        recall += len(ranks) / best
        hit += bool(ranks)
    return ndcg / len(orders), recall / len(orders), hit / len(orders)


@pytest.mark.parametrize("k", [1, 2, 4, 9])
@pytest.mark.parametrize(
    ("scores", "targets"),
    [
        ([-INF, -INF, 3, 2, 2, 2, 1], [4]),
        ([-INF, -INF, 2, 2, 2, 2, 2], [3, 6]),
        ([-INF, -INF, 5, 4, 4, 1, 1], [2, 5, 6]),
        ([-INF, -INF, 5, -INF, 4, 4, 1], [3, 4]),
        ([-INF, -INF, 5, 4, 3, 2, 1], [1, 6]),
    ],
)
def test_expectation_over_ties(scores: list[float], targets: list[int], k: int) -> None:
    made = metrics(torch.tensor([scores]), torch.tensor([targets + [0, 0]]), k)
    ndcg, recall, hit = brute(scores, targets, k)
    assert made["ndcg"].item() == pytest.approx(ndcg)
    assert made["recall"].item() == pytest.approx(recall)
    if len(targets) == 1:
        assert made["hit"].item() == pytest.approx(hit)


def test_constant_scores_are_at_chance_level_wherever_the_target_is() -> None:
    scores = torch.zeros(50, 52)
    scores[:, :2] = -INF
    made = metrics(scores, torch.arange(2, 52)[:, None], 10)
    torch.testing.assert_close(made["recall"], torch.full((50,), 0.2, dtype=torch.float64))
    assert made["ndcg"].std() < 1e-12


def test_rows_without_targets_are_nan_and_repeats_count_once() -> None:
    made = metrics(torch.zeros(2, 5), torch.tensor([[0, 0], [3, 0]]), 2)
    assert made["ndcg"].isnan().tolist() == [True, False]
    assert distinct_targets(torch.tensor([[5, 3, 5, 1, 1, 0]])).tolist() == [[5, 3, 0, 1, 0, 0]]
