from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lstmrec.contracts.errors import ConfigError
from lstmrec.model import carry, cell
from lstmrec.model.batch import batch_of
from lstmrec.model.carry import Events
from tests.model import worlds

ROWS = 16
TOWERS: dict[str, dict[str, Any]] = {
    "rich": worlds.RICH, "plain": {}, "three layers": {"layers": 3}, "cosine": {"cosine": True, "use_time": True},
    "ffn and demographics": {"ffn": 2, "use_static": True},
}  # fmt: skip


def events(columns: dict[str, Any], low: np.ndarray, high: np.ndarray) -> Events:
    """Events [low, high) of each row of columns of SEQUENCES."""
    n = high - low
    width = max(int(n.max(initial=0)), 0)
    at = np.minimum(low[:, None] + np.arange(width), columns["items"].shape[1] - 1)
    there = np.arange(width) < n[:, None]
    take = lambda name: torch.from_numpy(np.where(there, np.take_along_axis(columns[name], at, 1), 0))  # noqa: E731
    last = columns["times"][np.arange(len(low)), np.maximum(low - 1, 0)]
    whole = Events(
        take("items"), take("types"), take("times"), torch.from_numpy(n), torch.from_numpy(last),
        torch.from_numpy(low > 0), torch.from_numpy(columns["static"]), torch.from_numpy(columns["profile"]),
    )  # fmt: skip
    return whole.padded(ROWS)


@pytest.mark.parametrize("name", TOWERS)
@pytest.mark.parametrize("given", [True, False])
def test_a_history_fed_in_parts_is_the_history_fed_whole(name: str, given: bool) -> None:
    net = worlds.net(**TOWERS[name]).eval()
    columns = worlds.columns(rows=7, length=12)
    with torch.no_grad():
        vectors, _ = net.item_vectors(worlds.catalogue())
    table = None
    if given:
        table = torch.empty((len(vectors), 4 * net.spec.units))
        cell.table(net.user, vectors, table)
    n, rng = columns["n"], np.random.default_rng(5)
    empty = torch.zeros((ROWS, carry.size(net.spec)))
    states, users = carry.advance(net, events(columns, 0 * n, n), vectors, empty, table)
    want = net.user_vectors(batch_of(columns), vectors)
    torch.testing.assert_close(users[:7], want, atol=1e-5, rtol=1e-5)
    for _ in range(5):
        cut = rng.integers(0, n + 1)
        again = np.minimum(cut + rng.integers(1, 4, len(n)), n)
        kept, _ = carry.advance(net, events(columns, 0 * n, cut), vectors, empty, table)
        kept, _ = carry.advance(net, events(columns, cut, again), vectors, kept, table)
        kept, mine = carry.advance(net, events(columns, again, n), vectors, kept, table)
        assert torch.equal(kept[:7], states[:7])
        fed = torch.from_numpy(again < n)
        assert torch.equal(mine[:7][fed], users[:7][fed])


def test_users_without_an_event_are_their_demographics() -> None:
    net = worlds.net(**worlds.RICH).eval()
    columns = worlds.columns(rows=3)
    with torch.no_grad():
        vectors, _ = net.item_vectors(worlds.catalogue())
    none = 0 * columns["n"]
    _, users = carry.advance(net, events(columns, none, none), vectors, torch.zeros((ROWS, carry.size(net.spec))))
    want = net.user_vectors(batch_of({**columns, "n": none}), vectors)
    torch.testing.assert_close(users[:3], want, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("change", [{"attention": True}, {"history": "learn"}])
def test_nets_whose_lists_move_by_themselves_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="C710"):
        carry.can(worlds.spec(**change))
    carry.can(worlds.spec())
