"""Influences against feeding each shortened history alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lstmrec.model import influence, rank
from lstmrec.model.batch import Batch, batch_of
from lstmrec.model.net import Net
from tests.model import worlds

K = 6
NETS: dict[str, dict[str, Any]] = {
    "filter": {}, "rich, learn": {**worlds.RICH, "history": "learn"}, "attention": {"attention": True, "layers": 2},
    "attention, learn": {**worlds.RICH, "attention": True, "history": "learn"}, "ignore": {"history": "ignore"},
}  # fmt: skip


def shorter(columns: dict[str, Any], row: int, keep: list[int], lives: tuple[float, ...]) -> Batch:
    """One row as s5 would have made it had only these positions of its window happened."""
    one = {name: np.asarray(value[row : row + 1]).copy() for name, value in columns.items()}
    first = int(one["times"][0, 0])
    for name in ("items", "types", "times", "ends"):
        line = one[name][0]
        one[name] = np.array([[line[j] for j in keep] + [0] * (len(line) - len(keep))])
    one["n"] = np.array([len(keep)])
    if keep:
        gone = (int(one["times"][0, 0]) - first) / worlds.DAY
        shares = [0.5 ** (gone / life) for life in lives for _ in range(one["before_items"].shape[1])]
        one["before_decayed"] = (one["before_decayed"] * np.array(shares)).astype(np.float32)
    else:
        one["times"][0, 0] = first  # as of when the decayed counts are
    return batch_of(one).padded(4)


def world(name: str, rows: int = 7, length: int = 9) -> tuple[Net, dict[str, Any], torch.Tensor, torch.Tensor]:
    net = worlds.net(**NETS[name]).eval()
    with torch.no_grad():
        vectors, bias = net.item_vectors(worlds.catalogue())
    return net, worlds.columns(rows=rows, length=length, seed=2), vectors, bias


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("within", [1, 4, 20])
def test_an_influence_is_what_the_score_loses_without_the_event(name: str, within: int) -> None:
    net, columns, vectors, bias = world(name)
    batch = batch_of(columns)
    lives = net.spec.half_lives
    drawn = torch.from_numpy(np.random.default_rng(1).integers(2, 30, (batch.rows, K // 2)))
    items = torch.cat([batch.items[:, : K // 2], drawn], 1)  # what was had, and what perhaps was not
    scores = rank.scores_all(net, batch, vectors, bias, exact=True).gather(1, items)
    got = influence.influences(net, batch, vectors, bias, items, within)
    width = min(within, batch.length)
    assert got.shape == (batch.rows, K, width)
    seen = influence.events(batch, within)
    for row in range(batch.rows):
        n = int(columns["n"][row])
        for w in range(width):
            if w >= n:
                assert (got[row, :, w] == 0).all() and seen[row, w] == 0
                continue
            assert seen[row, w] == columns["items"][row, n - 1 - w]
            other = shorter(columns, row, [j for j in range(n) if j != n - 1 - w], lives)
            alone = rank.scores_all(net, other, vectors, bias, exact=True)[0, items[row]]
            want = scores[row] - alone
            shown = torch.isfinite(alone) & torch.isfinite(scores[row]) & (items[row] >= 2)
            assert shown.any()
            torch.testing.assert_close(got[row, shown, w], want[shown], atol=2e-5, rtol=1e-4)
    assert got.abs().max() > 0.01


@pytest.mark.parametrize("name", ["filter", "rich, learn", "attention, learn"])
def test_rows_do_not_depend_on_who_stands_beside_them(name: str) -> None:
    net, columns, vectors, bias = world(name)
    whole = batch_of(columns).padded(8)
    items = torch.from_numpy(np.random.default_rng(1).integers(2, 30, (8, K)))
    want = influence.influences(net, whole, vectors, bias, items, 3)
    for row in range(7):
        one = batch_of({name: value[row : row + 1] for name, value in columns.items()}).padded(8)
        mine = items[row : row + 1].expand(8, -1)
        got = influence.influences(net, one, vectors, bias, mine, 3)[0]  # as wide as its window
        assert torch.equal(got, want[row, :, : got.shape[1]]) and not want[row, :, got.shape[1] :].any()


@pytest.mark.parametrize("name", ["rich, learn", "attention"])
def test_any_part_of_a_window_is_what_s5_would_make_of_it(name: str) -> None:
    net, columns, vectors, bias = world(name)
    batch, rng = batch_of(columns), np.random.default_rng(4)
    keep = rng.random((batch.rows, batch.length)) < 0.5
    keep[2] = False
    made = influence.kept(net, batch, torch.from_numpy(keep))
    got = rank.scores_all(net, made, vectors, bias)
    for row in range(batch.rows):
        places = [j for j in range(int(columns["n"][row])) if keep[row, j]]
        want = rank.scores_all(net, shorter(columns, row, places, net.spec.half_lives), vectors, bias)[0]
        torch.testing.assert_close(got[row], want, atol=2e-5, rtol=1e-4)


def test_the_strongest_are_named_once_and_the_newest_of_equal_ones_first() -> None:
    value = torch.tensor([[[0.5, 0.2, 0.5, 0.9, -1.0, 0.3]], [[0.0, -1.0, 0.0, 0.0, 0.0, 0.0]]]).double()
    item = torch.tensor([[7, 8, 9, 1, 5, 7], [7, 8, 9, 9, 9, 9]])
    names, size = influence.strongest(value, item, 4)
    assert names.tolist() == [[[7, 9, 8, 0]], [[0, 0, 0, 0]]]  # unknown items have no name
    assert size[0, 0].tolist() == pytest.approx([0.5, 0.5, 0.2, 0.0]) and not size[1].any()


def test_windows_without_an_event_have_no_reason() -> None:
    net, columns, vectors, bias = world("rich, learn", rows=3)
    for name in ("items", "types", "times", "ends"):
        columns[name][1] = 0
    columns["n"][1] = 0
    batch = batch_of(columns)
    items, _ = rank.serve(net, batch, vectors, bias, K)
    got = influence.influences(net, batch, vectors, bias, items, 5)
    assert not got[1].any() and got[0].any()
