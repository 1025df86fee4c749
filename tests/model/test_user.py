import math

import torch

from lstmrec.model.build import build
from lstmrec.model.user import time_features
from tests.model import worlds


def test_time_features() -> None:
    monday_six = 4 * 86400 + 6 * 3600  # 1970-01-05 was a Monday
    batch = worlds.batch_of({"n": [2], "items": [[2, 3]], "times": [[monday_six, monday_six + 86400 + 6 * 3600]]})
    first, second = time_features(batch.times)[0]
    torch.testing.assert_close(first, torch.tensor([0.0, 1, 1, 0, 0, 1]), atol=1e-6, rtol=0)
    week = 2 * math.pi / 7
    want = [math.log1p(86400 + 6 * 3600) / 10, 0, 0, -1, math.sin(week), math.cos(week)]
    torch.testing.assert_close(second, torch.tensor(want), atol=1e-6, rtol=0)


def test_forget_bias_is_one_and_fresh_scores_are_small() -> None:
    net = build(worlds.spec(dim=64, units=32, layers=2), 1)
    for layer in net.user.layers:
        bias = layer.lstm.bias_ih_l0 + layer.lstm.bias_hh_l0
        assert bias.tolist() == [0.0] * 32 + [1.0] * 32 + [0.0] * 64
    vectors, _ = net.item_vectors(worlds.catalogue())
    states = net.states(worlds.batch(), vectors)
    assert (states[:, 1:] @ vectors.T).std() < 2


def test_attention_looks_back_and_adds_up_to_one() -> None:
    tower = worlds.net(attention=True).user
    assert tower.attention is not None
    y = torch.randn(2, 5, tower.spec.units)
    weights = tower.attention.weights(y)
    torch.testing.assert_close(weights.sum(2), torch.ones(2, 5))
    assert (weights.triu(1) == 0).all() and int((weights > 0).sum()) == 2 * 15
    q, k = tower.attention.query.weight, tower.attention.key.weight
    scores = [((q @ y[1, 3]) @ (k @ y[1, j])).item() / tower.spec.units**0.5 for j in range(4)]
    torch.testing.assert_close(weights[1, 3, :4], torch.tensor(scores).softmax(0))


def test_attention_starts_as_no_more_than_its_norm() -> None:
    spec = worlds.spec(attention=True)
    tower = build(spec, 1).user
    y = torch.randn(2, 5, spec.units)
    assert tower.attention is not None
    torch.testing.assert_close(tower.attention(y, None), tower.attention.norm(y))


def test_first_states_lie_in_one_piece() -> None:
    """cuDNN refuses others (seen on an H200: `rnn: cx is not contiguous`)."""
    tower = build(worlds.spec(layers=2, use_static=True), 1).user
    batch = worlds.batch()
    for layer in range(2):
        for state in tower.first(batch.static, layer, batch.profile):
            assert state[None].is_contiguous()
