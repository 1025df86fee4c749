from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from lstmrec.model import rank
from lstmrec.model.caps import Caps
from lstmrec.model.rank import scores_all, serve
from tests.model import worlds


def walked(scores: list[float], tags: list[list[int]], most: list[int], used: list[int], k: int) -> list[int]:
    """The oracle: every item of the catalogue in order, taken where all its tags have room."""
    room = [m - u for m, u in zip(most, used, strict=True)]
    taken: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        if scores[i] == -float("inf") or len(taken) == k or any(room[t] <= 0 for t in tags[i]):
            continue
        taken.append(i)
        for t in tags[i]:
            room[t] -= 1
    return taken + [0] * (k - len(taken))


def caps_of(tags: list[list[int]], most: list[int], used: list[int]) -> Caps:
    width = max(map(len, tags))
    return Caps(torch.tensor([t + [0] * (width - len(t)) for t in tags]), torch.tensor(most), torch.tensor(used))


@pytest.mark.parametrize("history", ["filter", "learn"])
@pytest.mark.parametrize("block", [50, 16384])
def test_lists_are_the_walk_down_all_items(history: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    n, net = 700, worlds.net(history=history, **worlds.RICH).eval()
    vectors, bias = (t.detach() for t in net.item_vectors(worlds.catalogue(n)))
    batch = worlds.batch(n_items=n, rows=7)
    for seed in range(4):
        rng = random.Random(seed)
        tags = [sorted(rng.sample(range(1, 6), rng.choice([0, 1, 1, 2, 3]) if rng.random() < 0.2 else 2))
                for _ in range(n)]  # fmt: skip
        most, used = [0] + [rng.choice([0, 1, 2, 3]) for _ in range(5)], [0, 0, 1, 0, 0, 2]
        allowed = torch.tensor([rng.random() < 0.8 for _ in range(n)])
        hidden = (torch.arange(7).repeat_interleave(30), torch.tensor([rng.randrange(2, n) for _ in range(210)]))
        deep: list[int] = []
        best = rank._best
        monkeypatch.setattr(rank, "_best", lambda *a, best=best, deep=deep: deep.append(a[4]) or best(*a))
        got = serve(net, batch, vectors, bias, 12, block, allowed, hidden, caps_of(tags, most, used))
        monkeypatch.setattr(rank, "_best", best)
        oracle = scores_all(net, batch, vectors, bias, allowed, True, hidden)
        for row in range(7):
            want = walked(oracle[row].tolist(), tags, most, used, 12)
            assert got[0][row].tolist() == want
            assert got[1][row].tolist() == [oracle[row, i].float().item() if i else -float("inf") for i in want]
        assert len(deep) > 1  # a fixed margin would not have done


def test_without_room_a_list_is_empty_and_without_tags_it_is_plain() -> None:
    net = worlds.net(history="filter")
    vectors, bias = (t.detach() for t in net.item_vectors(worlds.catalogue()))
    batch: Any = worlds.batch()
    full = caps_of([[1]] * 30, [0, 2], [0, 2])
    items, scores = serve(net, batch, vectors, bias, 5, caps=full)
    assert (items == 0).all() and (scores == -torch.inf).all()
    items, scores = serve(net, batch, vectors, bias, 5, caps=caps_of([[]] * 30, [0], [0]))
    plain = serve(net, batch, vectors, bias, 5)
    assert torch.equal(items, plain[0]) and torch.equal(scores, plain[1])
