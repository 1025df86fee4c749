import math

import torch

from lstmrec.model.build import build
from lstmrec.model.user import time_features
from tests.model import worlds


def test_time_features() -> None:
    monday_six = 4 * 86400 + 6 * 3600  # 1970-01-05 was a Monday
    batch = worlds.batch_of({"n": [2], "items": [[2, 3]], "times": [[monday_six, monday_six + 86400 + 6 * 3600]]})
    first, second = time_features(batch)[0]
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
