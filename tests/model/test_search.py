from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lstmrec.model.search import aligned, search


def oracle(query: Tensor, vectors: Tensor, base: Tensor, out: tuple[Tensor, Tensor]) -> Tensor:
    scores = query @ vectors.T + base
    scores[out] = -torch.inf
    return scores


def right(query: Tensor, vectors: Tensor, base: Tensor, out: tuple[Tensor, Tensor], width: int, block: int) -> None:
    """The scores are the best ones, each item is there once and has its score; ties may fall either way."""
    items, scores = search(query, vectors, base, out, width, block)
    every = oracle(query, vectors, base, out)
    best = every.sort(dim=1, descending=True).values[:, :width]
    assert items.shape == scores.shape == best.shape
    assert torch.equal(scores, best)
    for row in range(len(query)):
        real = items[row][scores[row] > -torch.inf]
        assert len(real.unique()) == len(real)
        assert torch.equal(every[row, real], scores[row, : len(real)])
        assert (items[row, len(real) :] == 0).all()


def pairs(rows: int, items: int, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    row, item = (torch.rand(rows, items, generator=generator) < share).nonzero(as_tuple=True)
    return row, item


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 999), rows=st.integers(1, 6), items=st.integers(1, 400), width=st.integers(1, 40),
    block=st.sampled_from([1, 7, 16, 48, 129, 1000]), size=st.integers(1, 6), hidden=st.sampled_from([0.0, 0.3, 1.0]),
    order=st.sampled_from(["any", "rising", "falling"]),
)  # fmt: skip
def test_equals_a_full_sort(
    seed: int, rows: int, items: int, width: int, block: int, size: int, hidden: float, order: str
) -> None:
    """Small whole numbers: fp32 is exact and ties abound, more of them the smaller `size` is."""
    generator = torch.Generator().manual_seed(seed)
    query = torch.randint(-size, size + 1, (rows, 3), generator=generator).float()
    vectors = torch.randint(-size, size + 1, (items, 3), generator=generator).float()
    base = torch.randint(-size, size + 1, (items,), generator=generator).float()
    if order != "any":  # every block beats all before it, or none does
        base = base + torch.arange(items) * (50.0 if order == "rising" else -50.0)
    base[torch.rand(items, generator=generator) < 0.1] = -torch.inf
    right(query, vectors, base, pairs(rows, items, hidden, generator), min(width, items), block)


def test_all_tie() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    right(torch.zeros(3, 2), torch.zeros(500, 2), torch.ones(500), (none, none), 20, 64)


@pytest.mark.parametrize("best", [0, 15, 16, 63, 64, 299])
def test_the_one_good_item_is_found_wherever_it_stands(best: int) -> None:
    none = torch.zeros(0, dtype=torch.int64)
    base = torch.zeros(300)
    base[best] = 1.0
    items, scores = search(torch.zeros(2, 4), torch.zeros(300, 4), base, (none, none), 3, 64)
    assert items[:, 0].tolist() == [best, best] and scores[:, 0].tolist() == [1.0, 1.0]


def test_a_score_that_is_no_number_is_not_found() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    query = torch.tensor([[torch.nan], [1.0]])
    items, scores = search(query, torch.ones(40, 1), torch.zeros(40), (none, none), 4, 16)
    assert items[0].tolist() == [0] * 4 and torch.isinf(scores[0]).all()
    assert scores[1].tolist() == [1.0] * 4


def test_aligned_entries_stand_by_row() -> None:
    items, scores = aligned(torch.tensor([0, 0, 2]), 4, torch.tensor([5, 3, 9]), torch.tensor([0.5, 0.25, 1.0]))
    assert items.tolist() == [[5, 3], [0, 0], [9, 0], [0, 0]]
    inf = float("inf")
    assert scores.tolist() == [[0.5, 0.25], [-inf, -inf], [1.0, -inf], [-inf, -inf]]
