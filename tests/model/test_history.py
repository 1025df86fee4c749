from __future__ import annotations

import math

import pytest
import torch

from lstmrec.model.build import build
from lstmrec.model.history import Seen, distinct
from tests.model import worlds


def test_distinct_values_and_where_they_are() -> None:
    items = torch.tensor([[5, 3, 5, 0], [9, 9, 9, 9]])
    values, slot = distinct(items)
    assert values.tolist() == [[0, 3, 5], [9, 0, 0]]
    assert torch.equal(values.gather(1, slot), items)


def test_seen_items_of_places_grow_with_the_window() -> None:
    batch = worlds.batch_of({"n": [3, 1], "items": [[7, 1, 8], [9, 0, 0]], "before_items": [[4, 5], [0, 0]]})
    row, at = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 3, 0, 1])
    place, item = Seen(batch, row, at).entries(0, 4)
    had = [sorted(item[place == p].tolist()) for p in range(4)]
    assert had == [[4, 5], [4, 5, 7, 8], [], [9]]
    place, item = Seen(batch, row, at).entries(1, 2)
    assert place.unique().tolist() == [0] and sorted(item.tolist()) == [4, 5, 7, 8]


def test_a_fresh_term_is_the_hand_set_line() -> None:
    term = build(worlds.spec(history="learn", half_lives=(30.0, 90.0)), 1).term
    assert term is not None
    start, now = 1000 * worlds.DAY, 1060 * worlds.DAY
    batch = worlds.batch_of({
        "n": [2], "items": [[7, 4]], "times": [[start, start + 30 * worlds.DAY]], "before_items": [[7]],
        "before_counts": [[3]], "before_times": [[start - worlds.DAY]], "before_decayed": [[2.0, 2.5]],
    })  # fmt: skip
    one = torch.tensor([0])
    own = term(batch, one, torch.tensor([2]), torch.tensor([now]), torch.zeros(1, 8).double(), torch.zeros(30, 8),
               torch.zeros(30), 30)  # fmt: skip
    want = {
        4: -5 + math.log(1) + 0.5 * math.log(2**-1) + 2 * math.log(2 ** (-30 / 90)) - 0.1 * math.log(31),
        7: -5 + math.log(4) + 0.5 * math.log(3 * 2**-2) + 2 * math.log(3.5 * 2 ** (-60 / 90)) - 0.1 * math.log(61),
    }
    found = dict(zip(own.item.tolist(), own.score.tolist(), strict=True))
    assert found == pytest.approx(want, rel=1e-6)


def test_items_at_or_above_the_limit_have_no_score() -> None:
    term = worlds.net(history="learn").term
    assert term is not None
    batch = worlds.batch()
    row = torch.arange(batch.rows)
    all_in, some = (
        term(batch, row, batch.n, batch.cut, torch.zeros(batch.rows, 8), torch.zeros(30, 8), torch.zeros(30), limit)
        for limit in (30, 10)
    )
    assert (all_in.item >= 2).all() and (some.item < 10).all()
    assert torch.equal(all_in.item[all_in.item < 10], some.item)
    assert (all_in.place[1:] >= all_in.place[:-1]).all()
