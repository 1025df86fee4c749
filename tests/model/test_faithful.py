"""Curves against scoring each shortened history alone; a net of its own data knows its reasons, a shuffled one not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmrec.model import faithful, rank
from lstmrec.model.faithful import CURVES, ORDERS, Setting
from lstmrec.model.influence import events, influences
from tests.model import worlds
from tests.model.test_influence import shorter, world

STEPS, WITHIN, K = (1, 2, 3), 4, 5


@pytest.mark.parametrize("name", ["filter", "rich, learn", "attention"])
def test_curves_are_what_shortened_histories_score(name: str) -> None:
    net, columns, vectors, bias = world(name, rows=5)
    batch = worlds.batch_of(columns)
    items, _ = rank.serve(net, batch, vectors, bias, 2)
    value, past = influences(net, batch, vectors, bias, items, WITHIN), events(batch, WITHIN)
    random = torch.from_numpy(np.random.default_rng(3).random(value.shape))
    order = faithful.orders(value, past, vectors, items, random)
    got = faithful.curves(net, batch, vectors, bias, items, order, Setting(WITHIN, STEPS, K, 16, rank.norm(vectors)))
    assert got.shape == (len(CURVES), len(ORDERS), 5, 2, len(STEPS), 2)

    def alone(row: int, keep: list[int]) -> tuple[list[float], list[bool]]:
        one = shorter(columns, row, keep, net.spec.half_lives)
        scores = rank.scores_all(net, one, vectors, bias, exact=True)[0, items[row]]
        listed = rank.serve(net, one, vectors, bias, K)[0][0]
        return scores.tolist(), [bool((listed == i).any()) for i in items[row]]

    for row in range(5):
        n = int(columns["n"][row])
        recent = [n - 1 - w for w in range(min(n, WITHIN))]
        base = {"deletion": alone(row, list(range(n)))[0],
                "insertion": alone(row, [j for j in range(n) if j not in recent])[0]}  # fmt: skip
        for c, curve in enumerate(CURVES):
            for o in range(len(ORDERS)):
                for t in range(2):
                    for s, step in enumerate(STEPS):
                        first = {n - 1 - w for w in order[o, row, t].tolist()[:step]}
                        keep = [j for j in range(n) if (j in first) == (curve == "insertion") or j not in recent]
                        scores, listed = alone(row, keep)
                        change = base[curve][t] - scores[t] if curve == "deletion" else scores[t] - base[curve][t]
                        assert got[c, o, row, t, s, 0] == pytest.approx(change, abs=5e-5)
                        assert bool(got[c, o, row, t, s, 1]) == listed[t]
    there = (past > 0).all(1)
    best = value.max(2).values[there]
    torch.testing.assert_close(got[0, 0, there, :, 0, 0], best, atol=1e-6, rtol=1e-6)  # by definition
    assert (got[0, :, there, :, 0, 0] <= best[None] + 1e-6).all()


def test_orders_put_what_is_not_there_last() -> None:
    value = torch.tensor([[[0.1, 0.9, 0.5, 0.0]]]).double()
    past, vectors = torch.tensor([[3, 2, 4, 0]]), torch.eye(5)
    random = torch.tensor([[[0.2, 0.1, 0.3, 0.9]]])
    order = faithful.orders(value, past, vectors, torch.tensor([[4]]), random)[:, 0, 0].tolist()
    assert dict(zip(ORDERS, order, strict=True)) == {
        "influence": [1, 2, 0, 3], "random": [2, 0, 1, 3], "recent": [0, 1, 2, 3], "similar": [2, 0, 1, 3],
    }  # fmt: skip


def test_agreement_is_spearmans() -> None:
    a = torch.tensor([[[1.0, 2.0, 3.0, 9.0]], [[1.0, 2.0, 2.0, 3.0]], [[5.0, 5.0, 5.0, 5.0]]]).double()
    b = torch.tensor([[[9.0, 5.0, 1.0, 0.0]], [[1.0, 3.0, 2.0, 4.0]], [[1.0, 2.0, 3.0, 4.0]]]).double()
    there = torch.tensor([[True, True, True, False], [True] * 4, [True] * 4])
    got = faithful.agreement(a, b, there)[:, 0].tolist()
    x, y = np.array([1, 2.5, 2.5, 4]), np.array([1, 3, 2, 4])
    assert got[0] == pytest.approx(-1) and got[1] == pytest.approx(np.corrcoef(x, y)[0, 1]) and np.isnan(got[2])
    assert faithful.agreement(a[:1], b[:1], there[:1] & torch.tensor([True, True, False, True])).isnan().all()


def test_shuffled_weights_have_the_same_numbers_and_other_reasons() -> None:
    net, columns, vectors, bias = world("rich, learn", rows=7)
    kept = {name: p.clone() for name, p in net.named_parameters()}
    other, theirs, _ = faithful.shuffled(net, vectors, bias, 1)
    assert all(torch.equal(p, kept[name]) for name, p in net.named_parameters())
    for name, p in other.named_parameters():
        assert torch.equal(p.flatten().sort().values, kept[name].flatten().sort().values)
        assert name.startswith("item.") or p.numel() < 20 or not torch.equal(p, kept[name])
    assert torch.equal(theirs[:2], vectors[:2]) and not torch.equal(theirs, vectors)
    batch = worlds.batch_of(columns)
    items, _ = rank.serve(net, batch, vectors, bias, 3)
    there = events(batch, 9) > 0
    a = influences(net, batch, vectors, bias, items, 9)
    b = influences(other, batch, theirs, bias, items, 9)
    agree = faithful.agreement(a, b, there)
    assert float(agree[~agree.isnan()].mean()) < 0.5
    assert (faithful.top(a, there)[there.sum(1) == 0] == -1).all()
    assert faithful.top(-a.abs(), there).eq(-1).all()
