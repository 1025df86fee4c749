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


def read(net: Net, batch: Batch, vectors: torch.Tensor, table: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
    batch = batch.padded(ROWS)
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
def test_a_row_has_its_bits_wherever_it_stands(name: str, given: bool) -> None:
    net, vectors, table = world(name)
    columns = worlds.columns(rows=ROWS, length=14)
    order = np.random.default_rng(4).permutation(ROWS)
    mixed = {key: value[order] for key, value in columns.items()}
    plain = read(net, batch_of(columns), vectors, table if given else None)
    again = read(net, batch_of(mixed), vectors, table if given else None)
    for one, other in zip(plain, again, strict=True):
        assert torch.equal(one[torch.from_numpy(order)], other)


def test_an_item_has_its_bits_in_every_catalogue() -> None:
    net, _, _ = world("rich")
    vectors = torch.randn((cell._ROWS + 70, net.spec.dim))
    whole = made(net, vectors)
    for n in (1, 30, cell._ROWS - 1, cell._ROWS + 1):
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


def test_a_table_is_made_where_it_is_worth_its_bytes() -> None:
    small = worlds.spec(dim=128, units=128)
    assert cell.worth(small, 100_000) and not cell.worth(small, 1_000_000)
    assert not cell.worth(worlds.spec(dim=128, units=256), 1000)
    assert not cell.worth(worlds.spec(dim=128, units=128, attention=True), 1000)  # its states are not read by cells
