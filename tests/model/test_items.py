"""The item tower over named vectors: what an item lacks adds nothing, and an item never seen lands among its like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lstmrec.contracts.errors import DataError
from lstmrec.model.batch import Batch, Catalogue, batch_of
from lstmrec.model.build import build
from lstmrec.model.keys import Key
from lstmrec.model.loss import loss
from lstmrec.model.net import Net
from lstmrec.model.spec import NetSpec
from tests.model import worlds

GROUPS, TRAINED, FRESH, LENGTH = 4, 120, 60, 8
WIDTHS = (8, 6)
SPEC = NetSpec(dim=8, units=12, trained=2 + TRAINED, vectors=WIDTHS, history="ignore", max_after=1)


def catalogue(seed: int = 5) -> tuple[Catalogue, np.ndarray]:
    """(items of which the last FRESH were never trained, the group of each). The group is all that two items have in
    common: a soft voice in the first vector, which loud numbers drown; the second vector is noise, or missing."""
    rng, many = np.random.default_rng(seed), TRAINED + FRESH
    group = np.concatenate([[-1, -1], np.arange(many) % GROUPS])
    loud = rng.normal(size=(many, WIDTHS[0] - GROUPS)) * 0.8
    first = np.concatenate([np.eye(GROUPS)[group[2:]] * 0.5, loud], 1)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    item = np.arange(2, 2 + many)
    rows = [np.ones((many, 1)), first, worlds.vectors(rng, many, WIDTHS[1])]
    none = [[]] * many
    made = Catalogue.of({
        "item": item, "id": np.where(item < 2 + TRAINED, item, 1), "count": np.where(item < 2 + TRAINED, 5, 0),
        "tags": none, "text": none, "numeric": none, "vectors": np.concatenate(rows, 1),
    })  # fmt: skip
    return made, group


def windows(rng: np.random.Generator, rows: int) -> Batch:
    """Users who stay with the items of a group."""
    group = rng.integers(0, GROUPS, (rows, 1))
    items = 2 + group + GROUPS * rng.integers(0, TRAINED // GROUPS, (rows, LENGTH + 1))
    ones = np.ones((rows, LENGTH), dtype=np.int64)
    return batch_of({
        "items": items[:, :-1], "types": ones, "times": ones * 0, "ends": ones, "n": ones[:, 0] * LENGTH,
        "after_items": items[:, -1:], "after_times": ones[:, :1] * 0, "after_ends": ones[:, :1],
        "n_after": ones[:, 0], "user": np.arange(rows),
    })  # fmt: skip


def trained(inputs: tuple[str, ...], made: Catalogue, steps: int = 150) -> Net:
    spec = NetSpec(**{**SPEC.to_dict(), "inputs": inputs, "vectors": WIDTHS, "id_dropout": 0.5})
    net, rng = build(spec, 3), np.random.default_rng(1)
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.01)
    for step in range(steps):
        total, positions, _ = loss(net, windows(rng, 16), made, Key(1, step, ((0, 16),)))
        optimiser.zero_grad()
        (total / positions).backward()
        optimiser.step()
    return net.eval()


def among_their_like(vectors: Tensor, group: np.ndarray) -> float:
    """Share of the fresh items whose nearest trained item, by cosine, is of their group."""
    unit = torch.nn.functional.normalize(vectors, dim=1)
    near = 2 + (unit[2 + TRAINED :] @ unit[2 : 2 + TRAINED].T).argmax(1)
    return float((group[near.numpy()] == group[2 + TRAINED :]).mean())


@pytest.mark.parametrize("inputs", [("vectors",), ("id", "vectors")])
def test_items_never_seen_land_among_their_like(inputs: tuple[str, ...]) -> None:
    made, group = catalogue()
    net = trained(inputs, made)
    with torch.no_grad():
        vectors, bias = net.item_vectors(made)
        queries = net.user_vectors(windows(np.random.default_rng(9), 40), vectors)
        before, _ = build(net.spec, 3).item_vectors(made)
    assert among_their_like(vectors, group) > 0.9
    assert among_their_like(made.vectors, group) < 0.6 > among_their_like(before, group)  # it had to be learnt
    best = 2 + TRAINED + (queries @ vectors[2 + TRAINED :].T + bias[2 + TRAINED :]).argmax(1)
    wanted = group[windows(np.random.default_rng(9), 40).items[:, 0].numpy()]
    assert (group[best.numpy()] == wanted).mean() > 0.9


def test_without_vectors_all_of_them_are_one() -> None:
    made, _ = catalogue()
    vectors, _ = trained(("id",), made, steps=2).item_vectors(made)
    assert (vectors[2 + TRAINED :] == vectors[1]).all()


def test_what_is_missing_is_as_the_unknown_item_and_each_vector_counts() -> None:
    net, made = worlds.net(inputs=("id", "vectors")), worlds.catalogue()
    whole, _ = net.item_vectors(made)
    bare = made.vectors.clone()
    bare[25] = 0
    some: dict[str, Any] = {**vars(made), "vectors": bare}
    without, _ = net.item_vectors(Catalogue(**some))
    torch.testing.assert_close(without[25], whole[1])  # 25 has no embedding of its own
    sizes, low = [1 + w for w in worlds.WIDTHS], 0
    for size in sizes:
        other = made.vectors.clone()
        other[:, low + 1 : low + size] *= -1
        moved, _ = net.item_vectors(Catalogue(**{**some, "vectors": other}))
        there = made.vectors[:, low] == 1
        assert 0 < there.sum() < len(made) and not torch.isclose(moved[there], whole[there]).all(1).any()
        torch.testing.assert_close(moved[~there], whole[~there])
        low += size


def test_a_vector_starts_as_loud_as_an_embedding() -> None:
    net, made = build(worlds.spec(dim=64, inputs=("id", "vectors")), 1), worlds.catalogue()
    (first, _) = net.item._projected(made.vectors)
    there = first[made.vectors[:, 0] == 1]
    assert 0.3 < there.std() / net.item.id.weight.std() / 2**0.5 < 1.7 and not first[made.vectors[:, 0] == 0].any()


def test_vectors_of_another_catalogue_are_refused() -> None:
    made = worlds.catalogue()
    with pytest.raises(DataError, match=r"D405.*6 numbers.*7"):
        worlds.net(inputs=("vectors",)).item_vectors(Catalogue(**{**vars(made), "vectors": made.vectors[:, 1:]}))
    worlds.net(inputs=("id",)).item_vectors(Catalogue(**{**vars(made), "vectors": made.vectors[:, :0]}))


@pytest.mark.parametrize("kind", ["rare", "content"])
def test_an_item_without_events_is_as_popular_as_the_rarest_or_as_its_like(kind: str) -> None:
    made = catalogue()[0]
    net = build(NetSpec(**{**SPEC.to_dict(), "inputs": ("id", "vectors"), "vectors": WIDTHS, "cold_bias": kind}), 1)
    with torch.no_grad():
        vectors, bias = net.item_vectors(made)
        assert bias[2 : 2 + TRAINED].unique().numel() == 1  # all have 5 events
        want = np.log(0.5 / (5 * TRAINED)) if kind == "rare" else -np.log(2 + TRAINED)
        assert bias[2 + TRAINED :].numpy() == pytest.approx(want, abs=1e-5)
        if net.item.fresh is None:
            return
        net.item.fresh.weight.normal_(generator=torch.Generator().manual_seed(4))
        other = net.item_vectors(made)[1]
        told = (vectors @ net.item.fresh.weight[0] + net.item.fresh.bias)[2 + TRAINED :]
        assert torch.allclose(other[2 + TRAINED :], told, atol=1e-5) and told.std() > 0.1
        assert torch.equal(other[2 : 2 + TRAINED], bias[2 : 2 + TRAINED])
        some = torch.tensor([5, 2 + TRAINED, 3])
        assert torch.allclose(net.item_vectors(made, some)[1], other[some], atol=1e-5)
    spec = NetSpec(**{**net.spec.to_dict(), "inputs": net.spec.inputs, "vectors": WIDTHS, "id_dropout": 0.5})
    learner = build(spec, 1)
    dropped = learner.item_vectors(made, None, Key(1, 0, ((0, 4),)))[1]
    assert 20 < int((dropped[2 : 2 + TRAINED] != bias[2]).sum()) < TRAINED - 20  # what is dropped is judged as cold
    dropped.sum().backward()
    assert learner.item.fresh is not None and learner.item.fresh.weight.grad is not None
