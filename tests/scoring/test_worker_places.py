"""Where targets stand, against counting one by one in every order of ties."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch

from lstmrec.scoring.worker_places import standing


@pytest.mark.parametrize("scores", [[3.0, 1.0, 2.0, 0.0], [1.0, 1.0, 1.0], [2.0, 1.0, 1.0, 1.0, 0.0], [5.0]])
def test_a_place_is_its_mean_over_the_orders_of_ties(scores: list[float]) -> None:
    for target in range(len(scores)):
        places = []
        for order in permutations(range(len(scores))):
            ranked = sorted(order, key=lambda i: -scores[i])  # stable: ties keep the order
            places.append(ranked.index(target))
        want = sum(places) / len(places) / max(len(scores) - 1, 1)
        candidates = torch.tensor(scores).double()
        percentile, first_ten, _ = standing(candidates, candidates[[target]])
        assert percentile == pytest.approx(want) and first_ten == 1.0


def test_recall_is_a_share_where_a_tie_is_cut() -> None:
    candidates = torch.cat([torch.full((8,), 2.0), torch.full((4,), 1.0), torch.zeros(200)]).double()
    percentile, ten, hundred = standing(candidates, candidates[[0, 8, 20]])
    assert ten == pytest.approx(1.0 + 0.5 + 0.0)  # two of the four places of the tie are within
    assert hundred == pytest.approx(2.0 + 88 / 200)
    assert percentile == pytest.approx((3.5 + 9.5 + 111.5) / 211)
