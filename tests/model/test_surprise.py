"""Ranks and surprises against scoring each prefix of a window alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from lstmrec.model import rank, surprise
from lstmrec.model.batch import batch_of
from tests.model import worlds
from tests.model.test_influence import NETS, shorter, world


@pytest.mark.parametrize("name", NETS)
def test_a_position_is_ranked_as_its_prefix_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, columns, vectors, bias = world(name, rows=5)
    batch = batch_of(columns)
    ranks, nats = surprise.surprises(net, batch, vectors, bias)
    told = 0
    for row in range(batch.rows):
        for t in range(batch.length):
            if t >= int(columns["n"][row]):
                assert ranks[row, t] == 0 and nats[row, t].isnan()
                continue
            now = columns["times"][row, max(t - 1, 0)]
            asked: dict[str, Any] = {**columns, "cut": np.full(batch.rows, now)}
            one = shorter(asked, row, list(range(t)), net.spec.half_lives)
            scores = rank.scores_all(net, one, vectors, bias, exact=True)[0].tolist()
            target = int(columns["items"][row, t])
            if not math.isfinite(scores[target]):  # unknown, or had before under `filter`
                assert ranks[row, t] == 0 and nats[row, t].isnan()
                continue
            told += 1
            order = sorted((i for i, s in enumerate(scores) if math.isfinite(s)), key=lambda i: (-scores[i], i))
            assert int(ranks[row, t]) == 1 + order.index(target)
            total = math.log(sum(math.exp(scores[i]) for i in order))
            assert float(nats[row, t]) == pytest.approx(total - scores[target], abs=2e-5)
    assert told > 10
    monkeypatch.setattr(surprise, "_MOST", 3)
    again = surprise.surprises(net, batch, vectors, bias)
    assert torch.equal(again[0], ranks) and torch.allclose(again[1], nats, equal_nan=True, atol=1e-5)


def test_ties_rank_by_item_index() -> None:
    scores = torch.tensor([[-math.inf, -math.inf, 1.0, 2.0, 1.0, 1.0]]).expand(4, -1)
    ranks, nats = surprise.placed(scores, torch.tensor([2, 4, 3, 1]))
    assert ranks.tolist() == [2, 3, 1, 0]
    assert nats[2] == pytest.approx(math.log(1 + 3 * math.exp(-1))) and nats[3].isnan()
    assert worlds.spec().history == "filter"
