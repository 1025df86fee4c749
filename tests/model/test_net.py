from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from lstmrec.model.keys import Key
from tests.model import worlds

CAT = worlds.catalogue()
CHANGES: list[dict[str, Any]] = [{}, {**worlds.RICH, "history": "learn"}, {"inputs": ("text",), "layers": 3, "ffn": 1},
                                 {"attention": True, "use_types": True, "cosine": True}]  # fmt: skip


def test_ids_alone_are_normed_embeddings_with_a_popularity_prior() -> None:
    net = worlds.net()
    vectors, bias = net.item_vectors(CAT)
    torch.testing.assert_close(vectors, net.item.norm(net.item.id.weight[CAT.ids]))
    prior = ((CAT.counts + 0.5) / CAT.counts.sum()).log()
    torch.testing.assert_close(bias[24:], prior[24:].float())  # untrained: the prior only
    torch.testing.assert_close(bias[2:24], prior[2:24].float() + net.item.delta[2:])


@pytest.mark.parametrize("change", CHANGES)
def test_rows_asked_for_are_those_of_the_whole(change: dict[str, Any]) -> None:
    net = worlds.net(id_dropout=0.4, **change)
    rows = torch.tensor([29, 1, 7, 24, 7])
    for key in (None, Key(1, 2, ((0, 3),))):
        vectors, bias = net.item_vectors(CAT, None, key)
        some, some_bias = net.item_vectors(CAT, rows, key)
        torch.testing.assert_close(some, vectors[rows])
        torch.testing.assert_close(some_bias, bias[rows])


def test_content_places_an_item_never_trained() -> None:
    vectors, _ = worlds.net(inputs=("id", "tags", "text", "numeric")).item_vectors(CAT)
    assert not torch.allclose(vectors[25], vectors[26])
    tags = CAT.tags.clone()
    tags[25] = F.pad(torch.tensor([8]), (0, tags.shape[1] - 1))
    moved, _ = worlds.net(inputs=("id", "tags", "text", "numeric")).item_vectors(replace(CAT, tags=tags))
    assert not torch.allclose(vectors[25], moved[25])
    padded = replace(CAT, tags=F.pad(CAT.tags, (0, 5)))
    same, _ = worlds.net(inputs=("id", "tags", "text", "numeric")).item_vectors(padded)
    torch.testing.assert_close(same, vectors)


def test_id_dropout_makes_some_items_unknown_for_a_step() -> None:
    net = worlds.net(id_dropout=0.5)
    vectors, _ = net.item_vectors(CAT, None, Key(1, 2, ((0, 3),)))
    unknown = (vectors[2:24] == vectors[1]).all(1)
    assert 4 < unknown.sum() < 18
    other, _ = net.item_vectors(CAT, None, Key(1, 3, ((0, 3),)))
    assert not torch.equal(vectors, other)
    again, _ = net.item_vectors(CAT, None, Key(1, 2, ((4, 1), (5, 1))))
    assert torch.equal(vectors, again)


@pytest.mark.parametrize("change", CHANGES)
def test_states_at_once_are_those_step_by_step(change: dict[str, Any]) -> None:
    net = worlds.net(double=True, **change)
    vectors, _ = net.item_vectors(CAT)
    batch = worlds.batch(rows=4, seed=5)
    states = net.states(batch, vectors)
    assert states.shape == (4, batch.length + 1, 8)
    for t in range(1, batch.length + 1):
        cut = replace(batch, **{k: getattr(batch, k)[:, :t] for k in ("items", "types", "times", "ends")})
        torch.testing.assert_close(net.states(cut, vectors)[:, : t + 1], states[:, : t + 1])
    torch.testing.assert_close(net.user_vectors(batch, vectors), states[torch.arange(4), batch.n])


@torch.no_grad()
@pytest.mark.parametrize("change", CHANGES)
def test_padding_and_company_change_nothing(change: dict[str, Any]) -> None:
    net = worlds.net(**change)
    vectors, _ = net.item_vectors(CAT)
    columns = worlds.columns(rows=8, length=12, seed=6)
    whole = net.user_vectors(worlds.batch_of(columns), vectors)
    for width in (20, 50):
        batch = worlds.batch_of(columns)
        wide = {k: F.pad(getattr(batch, k), (0, width - batch.length)) for k in ("items", "types", "times", "ends")}
        assert torch.equal(net.user_vectors(replace(batch, **wide), vectors), whole)
    for rows in ([0, 1], [3, 2, 7], [7, 6, 5, 4, 3, 2, 1, 0]):
        some = worlds.batch_of({k: v[rows] for k, v in columns.items()})
        for size in (4, 8, 16):  # never fewer than 4: those take other kernels
            assert torch.equal(net.user_vectors(some.padded(size), vectors)[: len(rows)], whole[rows])


def test_demographics_profile_types_and_time_count() -> None:
    net = worlds.net(**worlds.RICH)
    vectors, _ = net.item_vectors(CAT)
    batch = worlds.batch()
    base = net.states(batch, vectors)
    for change in (
        {"static": batch.static + 0 * batch.static - (batch.static > 1).long()},
        {"profile": batch.profile + 1},
    ):
        assert not torch.allclose(net.states(replace(batch, **change), vectors)[:, 0], base[:, 0])
    for change in ({"types": (batch.types > 0).long()}, {"times": batch.times + 7200}, {"times": batch.times * 2}):
        moved = net.states(replace(batch, **change), vectors)
        assert torch.equal(moved[:, 0], base[:, 0]) and not torch.allclose(moved[:, 1:], base[:, 1:])


def test_item_dropout_replaces_inputs_by_unknown_and_keeps_padding() -> None:
    net = worlds.net(item_dropout=0.999)
    vectors, _ = net.item_vectors(CAT)
    batch = worlds.batch()
    dropped = net.states(batch, vectors, Key(1, 1, ((0, 6),)))
    blind = net.states(replace(batch, items=(batch.items > 0).long()), vectors)
    assert torch.equal(dropped, blind)


def test_dropout_is_one_mask_a_sequence_and_none_without_a_key() -> None:
    net = worlds.net(input_dropout=0.5)
    vectors, _ = net.item_vectors(CAT)
    batch = worlds.batch()
    _, own = net.hidden(batch, vectors, Key(1, 1, ((0, 6),)))
    dead = (own[:, 1:] == 0) & (batch.items > 0)[..., None]
    assert torch.equal(dead.any(1), torch.where((batch.items > 0)[..., None], dead, True).all(1))
    assert 0.3 < dead.any(1).float().mean() < 0.7
    assert torch.equal(net.states(batch, vectors), worlds.net().states(batch, vectors))


def test_cosines_over_a_temperature() -> None:
    net = worlds.net(cosine=True)
    vectors, _ = net.item_vectors(CAT)
    states = net.states(worlds.batch(), vectors)
    assert net.user.sharpness is not None
    scores = F.cosine_similarity(states[1, 2], vectors[7], dim=0) * net.user.sharpness.exp()
    torch.testing.assert_close(states[1, 2] @ vectors[7], scores)
