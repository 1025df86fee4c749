from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lstmrec.model import carry, cell
from lstmrec.model.batch import Batch, batch_of
from lstmrec.model.carry import Events
from lstmrec.model.net import Net
from tests.model import worlds

ROWS = 16
#: (rows, units) that leave much and little over beside whole vectors.
SHAPES = ((16, 8), (10, 12), (3, 100), (100, 50), (33, 24))
TOWERS: dict[str, dict[str, Any]] = {
    "plain": {}, "rich": worlds.RICH, "time": {"use_time": True}, "types": {"use_types": True}, "three": {"layers": 3},
}  # fmt: skip


def world(name: str, n: int = 30, **change: Any) -> tuple[Net, torch.Tensor, torch.Tensor]:
    """(net, vectors, table)."""
    net = worlds.net(**{**TOWERS[name], "units": 8, **change}).eval()
    with torch.no_grad():
        vectors, _ = net.item_vectors(worlds.catalogue(n))
    return net, vectors, made(net, vectors)


def made(net: Net, vectors: torch.Tensor) -> torch.Tensor:
    table = torch.full((len(vectors), 4 * net.spec.units), torch.nan)
    cell.table(net.user, vectors, table)
    return table


def read(net: Net, batch: Batch, vectors: torch.Tensor, table: torch.Tensor | None, rows: int = ROWS
         ) -> tuple[torch.Tensor, ...]:  # fmt: skip
    batch = batch.padded(rows)
    return carry.advance(net, Events.of(batch), vectors, torch.zeros((batch.rows, carry.size(net.spec))), table)


@pytest.mark.parametrize("name", TOWERS)
def test_a_table_stands_for_the_items(name: str) -> None:
    net, vectors, table = world(name)
    batch = worlds.batch(rows=9, length=14)
    states, users = read(net, batch, vectors, table)
    torch.testing.assert_close(users[:9], net.user_vectors(batch, vectors), atol=1e-5, rtol=1e-5)
    slow = read(net, batch, vectors, None)
    torch.testing.assert_close((states, users), slow, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", TOWERS)
@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize(("rows", "units"), SHAPES)
def test_a_row_has_its_bits_wherever_it_stands(name: str, given: bool, rows: int, units: int) -> None:
    net, vectors, table = world(name, units=units)
    columns, rng = worlds.columns(rows=rows, length=14), np.random.default_rng(4)
    plain = read(net, batch_of(columns), vectors, table if given else None, 0)
    for _ in range(3):
        order = rng.permutation(rows)
        mixed = batch_of({key: value[order] for key, value in columns.items()})
        again = read(net, mixed, vectors, table if given else None, 0)
        states, users = ((one[torch.from_numpy(order)], other) for one, other in zip(plain, again, strict=True))
        assert torch.equal(*states)
        if units % 4 == 0:  # else the last bits of torch's own linear layers, the head here, are those of a row's place
            assert torch.equal(*users)


def test_an_item_has_its_bits_in_every_catalogue() -> None:
    net, _, _ = world("rich")
    vectors = torch.randn((cell._ITEMS + 70, net.spec.dim))
    whole = made(net, vectors)
    for n in (1, 30, cell._ITEMS - 1, cell._ITEMS + 1):
        assert torch.equal(made(net, vectors[:n]), whole[:n])


@pytest.mark.parametrize("given", [True, False])
def test_gates_that_are_far_open_or_shut_are_one_and_zero(given: bool) -> None:
    net, vectors, _ = world("time")
    with torch.no_grad():
        for name, weight in net.user.layers[0].lstm.named_parameters():
            weight.mul_(1e4 if "weight" in name else 1.0)
    batch = worlds.batch(rows=9, length=14)
    states, users = read(net, batch, vectors, made(net, vectors) if given else None)
    assert states.isfinite().all()
    torch.testing.assert_close(users[:9], net.user_vectors(batch, vectors), atol=1e-4, rtol=1e-4)
