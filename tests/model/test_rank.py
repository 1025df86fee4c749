from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from lstmrec.model.batch import Batch, Catalogue
from lstmrec.model.rank import scores_all, serve
from tests.model import worlds

CAT = worlds.catalogue()


def argsort(scores: Tensor, k: int) -> tuple[list[list[int]], list[list[float]]]:
    """The oracle: Python's sort of (-score, item)."""
    items, values = [], []
    for row in scores.tolist():
        best = sorted((-s, i) for i, s in enumerate(row) if s > -float("inf"))[:k]
        items.append([i for _, i in best] + [0] * (k - len(best)))
        values.append([-s for s, _ in best] + [-float("inf")] * (k - len(best)))
    return items, values


def same(net: Any, batch: Batch, vectors: Tensor, bias: Tensor, k: int, **options: Any) -> Tensor:
    oracle = scores_all(net, batch, vectors, bias, options.get("allowed"), exact=True)
    want, values = argsort(oracle, k)
    items, scores = serve(net, batch, vectors, bias, k, **options)
    assert items.tolist() == want
    torch.testing.assert_close(scores, torch.tensor(values).float())
    return oracle


@pytest.mark.parametrize("history", ["filter", "learn", "ignore"])
@pytest.mark.parametrize("block", [7, 16384])
def test_lists_are_those_of_a_float64_argsort(history: str, block: int) -> None:
    for seed in range(3):
        net = worlds.net(seed, history=history, **worlds.RICH).eval()
        vectors, bias = (t.detach() for t in net.item_vectors(CAT))
        for k in (1, 10, 40):
            same(net, worlds.batch(seed=seed), vectors, bias, k, block=block)


@pytest.mark.parametrize("history", ["filter", "learn"])
def test_many_ties_and_near_ties_in_a_large_catalogue(history: str) -> None:
    n = 3000
    net = worlds.net(history=history, dim=32)
    generator = torch.Generator().manual_seed(1)
    vectors = torch.randn(40, 32, generator=generator)[torch.randint(40, (n,), generator=generator)]
    vectors[::7, 3] = vectors[::7, 3] * (1 + 2e-7)  # apart by a bit of float32
    bias = torch.zeros(n)
    batch = worlds.batch(n_items=n)
    oracle = same(net, batch, vectors, bias, 10, block=512)
    assert len(oracle[0].unique()) < 200
    same(net, batch, torch.zeros_like(vectors), bias, 10)  # all tie: by index


def test_what_may_not_be_shown_is_not() -> None:
    net = worlds.net(history="filter")
    vectors, bias = (t.detach() for t in net.item_vectors(CAT))
    batch = worlds.batch()
    allowed = torch.arange(30) % 3 == 0
    same(net, batch, vectors, bias, 10, allowed=allowed)
    items, scores = serve(net, batch, vectors, bias, 10, allowed=allowed)
    for r in range(batch.rows):
        shown = [i for i in items[r].tolist() if i]
        had = set(batch.items[r].tolist()) | set(batch.before_items[r].tolist())
        assert all(i >= 2 and i % 3 == 0 for i in shown) and not had & set(shown)
        assert torch.isinf(scores[r, len(shown) :]).all() and len(shown) < 10
    learn = worlds.net(history="learn")
    items, _ = serve(learn, batch, vectors, bias, 30, allowed=allowed)
    assert (items % 3 == 0).all() and (items != 1).all()


def test_learn_gives_history_items_their_own_score_at_the_cut() -> None:
    net = worlds.net(history="learn")
    vectors, bias = (t.detach() for t in net.item_vectors(CAT))
    batch = worlds.batch()
    base = scores_all(worlds.net(history="ignore"), batch, vectors, bias)
    late = scores_all(net, replace(batch, cut=batch.cut + 99 * worlds.DAY), vectors, bias)
    own = scores_all(net, batch, vectors, bias)
    for r in range(batch.rows):
        had = {i for i in batch.items[r].tolist() + batch.before_items[r].tolist() if i >= 2}
        for i in range(2, 30):
            assert (own[r, i] != base[r, i]) == (i in had)
            assert (own[r, i] != late[r, i]) == (i in had)


@pytest.mark.parametrize("history", ["filter", "learn"])
def test_users_without_events_and_batch_mates(history: str) -> None:
    net = worlds.net(history=history, **worlds.RICH)
    vectors, bias = (
        t.detach() for t in net.item_vectors(Catalogue(CAT.ids, CAT.counts, CAT.tags, CAT.text, CAT.numeric))
    )
    columns = worlds.columns(rows=8)
    whole = serve(net, worlds.batch_of(columns).padded(16), vectors, bias, 10)
    for rows in ([5], [1, 3], [7, 6, 0]):
        some = worlds.batch_of({k: v[rows] for k, v in columns.items()})
        items, scores = serve(net, some.padded(16), vectors, bias, 10)
        assert torch.equal(items[: len(rows)], whole[0][rows]) and torch.equal(scores[: len(rows)], whole[1][rows])
    cold = worlds.batch_of(
        {"n": [0], "items": [[0]], "static": [[2, 3]], "profile": [[0.0, 0.0, 0.0]], "cut": [worlds.DAY]}
    )
    items, scores = serve(net, cold, vectors, bias, 10)
    assert items.shape == (1, 10) and (items >= 2).all() and torch.isfinite(scores).all()
    same(net, cold, vectors, bias, 10)
