from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lstmrec.contracts.errors import DataError
from lstmrec.model.batch import Batch, Catalogue
from lstmrec.model.rank import at_most, nearest, norm, scores_all, serve
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
    oracle = scores_all(net, batch, vectors, bias, options.get("allowed"), exact=True, hidden=options.get("hidden"))
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
        t.detach()
        for t in net.item_vectors(Catalogue(CAT.ids, CAT.counts, CAT.tags, CAT.text, CAT.numeric, CAT.vectors))
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


@pytest.mark.parametrize("history", ["filter", "learn", "ignore"])
def test_hidden_pairs_stand_in_for_what_the_history_hides(history: str) -> None:
    net = worlds.net(history=history, **worlds.RICH).eval()
    vectors, bias = (t.detach() for t in net.item_vectors(CAT))
    batch = worlds.batch()
    had = [(r, i) for r in range(batch.rows) for i in batch.items[r].tolist() if i >= 2]
    pairs = [(r, i) for r, i in had if i % 2] + [(r, 2 + r) for r in range(batch.rows)]
    hidden = (torch.tensor([r for r, _ in pairs]), torch.tensor([i for _, i in pairs]))
    items, _ = serve(net, batch, vectors, bias, 30, hidden=hidden)
    shown = {(r, i) for r in range(batch.rows) for i in items[r].tolist() if i}
    assert shown == {(r, i) for r in range(batch.rows) for i in range(2, 30)} - set(pairs)
    same(net, batch, vectors, bias, 10, hidden=hidden, block=7)
    none = (hidden[0][:0], hidden[1][:0])
    items, _ = serve(net, batch, vectors, bias, 30, hidden=none)
    assert all(len(set(row) - {0}) == 28 for row in items.tolist())


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 99), n=st.integers(8, 700), distinct=st.integers(1, 60), k=st.sampled_from([1, 10, 37]),
    block=st.sampled_from([16, 50, 256, 4096]), history=st.sampled_from(["filter", "learn", "ignore"]),
    step=st.sampled_from([0.0, 6e-8, 3e-7, 1e-5]),
)  # fmt: skip
def test_near_ties_that_fp32_orders_wrongly(
    seed: int, n: int, distinct: int, k: int, block: int, history: str, step: float
) -> None:
    """Few distinct vectors, each many times and some bits off: more near-ties than candidates, all within fp32's error,
    rising with the index, so that fp32 and float64 disagree about who is in."""
    net = worlds.net(seed % 5, history=history, dim=32)
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(distinct, 32, generator=generator)[torch.randint(distinct, (n,), generator=generator)]
    vectors = vectors * (1 + step * torch.randint(0, 4, (n, 1), generator=generator))
    bias = torch.randn(3, generator=generator)[torch.randint(3, (n,), generator=generator)]
    same(net, worlds.batch(seed=seed, n_items=n), vectors, bias, k, block=block)


def test_a_known_norm_changes_nothing() -> None:
    net = worlds.net()
    vectors, bias = (t.detach() for t in net.item_vectors(CAT))
    batch = worlds.batch()
    for a, b in zip(serve(net, batch, vectors, bias, 9), serve(net, batch, vectors, bias, 9, longest=norm(vectors)),
                    strict=True):  # fmt: skip
        assert torch.equal(a, b)


def test_a_user_vector_that_is_no_number_is_refused() -> None:
    net = worlds.net()
    vectors, bias = (t.detach() for t in net.item_vectors(CAT))
    with torch.no_grad():
        net.user.norm.weight[0] = torch.inf
    with pytest.raises(DataError) as caught:
        serve(net, worlds.batch(), vectors, bias, 5)
    assert caught.value.code == "D706"


@given(st.integers(0, 10**6), st.sampled_from([1e-3, 1.0, 1e3]))
@settings(max_examples=50, deadline=None)
def test_no_score_is_above_what_scores_are_at_most(seed: int, scale: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    query, vectors = torch.randn(5, 128, generator=draw) * scale, torch.randn(33, 128, generator=draw)
    bias = torch.randn(33, generator=draw)
    exact = (query.double() @ vectors.double().T + bias.double()).amax(1)
    most = at_most(query, vectors, bias, norm(vectors))
    assert bool((most >= exact).all()) and bool((most - exact < 1e-2 * max(scale, 1)).all())
    whole = torch.cat([torch.zeros(2, 128), vectors]), torch.cat([torch.zeros(2), bias])
    _, best = nearest(query, *whole, k=1, longest=norm(vectors))
    assert bool((most >= best[:, 0]).all())
