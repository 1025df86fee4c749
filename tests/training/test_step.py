from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lstmrec.config.train import TrainConfig
from lstmrec.contracts.errors import DataError
from lstmrec.model.batch import Batch, batch_of
from lstmrec.model.keys import Key
from lstmrec.training.batches import Portion
from lstmrec.training.comm import Solo
from lstmrec.training.step import Learner
from tests.training.ranks import together


class Line(nn.Module):
    """w . items + b: its gradient is known by hand."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.w = nn.Parameter(torch.randn(1, 1))
        self.b = nn.Parameter(torch.zeros(1))


def learner(comm: Any = None, **conf: Any) -> Learner:
    net = Line()

    def loss_of(batch: Batch, key: Key) -> tuple[Tensor, int, float]:
        real = torch.arange(batch.length) < batch.n[:, None]
        loss = ((net.w[0, 0] * batch.items.float() + net.b - 1.0) ** 2 * real).sum()
        if (batch.user == -13).any():
            loss = loss * float("nan")
        return loss, int(real.sum()), float(real.sum())

    return Learner(net, loss_of, TrainConfig(**{"warmup_steps": 0, **conf}), comm or Solo(), seed=1)


def portion(*lengths: int, user: int = 0, step: int = 0) -> Portion:
    if not lengths:
        return Portion(step, (), None)
    n = np.array(lengths)
    items = np.where(np.arange(n.max()) < n[:, None], 2 + np.arange(n.max()), 0)
    columns = {"n": n, "items": items, "user": np.full(len(n), user)}
    return Portion(step, ((0, len(n)),), batch_of(columns))


def test_decay_touches_matrices_only_and_the_step_is_adamws() -> None:
    mine, conf = learner(clip=1e9), TrainConfig(warmup_steps=0)
    other = Line()
    oracle = torch.optim.AdamW([{"params": [other.w], "weight_decay": conf.weight_decay},
                                {"params": [other.b], "weight_decay": 0.0}], betas=conf.betas)  # fmt: skip
    for step in range(3):
        x = torch.tensor([2.0, 3.0, 4.0, 2.0])
        loss = ((other.w[0, 0] * x + other.b - 1.0) ** 2).mean()
        oracle.zero_grad()
        loss.backward()
        done = mine.step(portion(3, 1), step, 0.0)
        for group in oracle.param_groups:
            group["lr"] = done.rate
        assert mine.flat[: mine.size].tolist() == pytest.approx([float(other.w.grad), float(other.b.grad)], rel=1e-5)
        oracle.step()
        assert done.loss / done.positions == pytest.approx(float(loss.detach()), rel=1e-5) and done.positions == 4
        torch.testing.assert_close(mine.net.state_dict(), other.state_dict())


def test_clipping_bounds_the_norm_of_the_mean_gradient() -> None:
    mine = learner(clip=1e-3)
    mine.step(portion(3), 0, 0.0)
    assert float(mine.flat[: mine.size].norm()) == pytest.approx(1e-3, rel=1e-2)


def test_the_gradient_is_the_mean_by_weight_and_the_loss_told_is_that_mean() -> None:
    plain, heavy = learner(clip=1e9), learner(clip=1e9)
    of = heavy.loss_of

    def weighed(batch: Batch, key: Key) -> tuple[Tensor, int, float]:
        loss, positions, weight = of(batch, key)
        return 3.0 * loss, positions, 4.0 * weight

    heavy.loss_of = weighed
    once, again = plain.step(portion(3, 1), 0, 0.0), heavy.step(portion(3, 1), 0, 0.0)
    torch.testing.assert_close(heavy.flat[: heavy.size], 0.75 * plain.flat[: plain.size])
    assert again.positions == once.positions == 4 and again.loss == pytest.approx(0.75 * once.loss)


def test_a_step_without_labels_moves_nobody() -> None:
    mine = learner(ema=0.9)
    before = {k: v.clone() for k, v in mine.tensors().items()}
    assert mine.step(portion(), 5, 0.0).positions == 0
    assert all(torch.equal(v, before[k]) for k, v in mine.tensors().items())


def test_the_average_follows_the_weights() -> None:
    mine = learner(ema=0.5)
    start = mine.net.state_dict()["w"].clone()
    mine.step(portion(3), 0, 0.0)
    new = mine.net.state_dict()["w"]
    torch.testing.assert_close(mine.ema.state_dict()["w"], 0.1 * start + 0.9 * new)


def test_not_a_number_stops_before_any_weight_moves_and_names_step_rank_and_rows() -> None:
    mine = learner()
    before = {k: v.clone() for k, v in mine.tensors().items()}
    with pytest.raises(DataError) as error:
        mine.step(replace(portion(3, 2, user=-13), step=7), 7, 0.0)
    assert error.value.code == "D633"
    assert error.value.where == "step 7 · rank 0: 2 rows of length 3, column user -13, -13"
    assert all(torch.equal(v, before[k]) for k, v in mine.tensors().items())


def test_some_steps_that_are_not_finite_may_be_left_out() -> None:
    mine, other = learner(skip_nonfinite=2, ema=0.5), learner(ema=0.5)
    for step, user in enumerate([0, -13, 0, -13, 0]):
        if user:
            before = {k: v.clone() for k, v in mine.tensors().items() if k != "skipped"}
            with pytest.warns(UserWarning, match=f"left out, {step // 2 + 1} of 2 .*step {step} · rank 0"):
                done = mine.step(portion(3, user=user), step, 0.0)
            assert done.skipped and (done.loss, done.positions) == (0.0, 0)
            assert all(torch.equal(v, mine.tensors()[k]) for k, v in before.items())
        else:
            assert mine.step(portion(3), step, 0.0) == other.step(portion(3), step, 0.0)
    assert mine.tensors()["skipped"].tolist() == [2]
    with pytest.raises(DataError, match="D633"):
        mine.step(portion(3, user=-13), 5, 0.0)


def test_the_rate_is_scaled_from_the_batch_it_was_found_for() -> None:
    assert learner(batch=64).step(portion(3), 0, 0.0).rate == pytest.approx(2e-3)
    assert learner(batch=64, base_batch=16).step(portion(3), 0, 0.0).rate == pytest.approx(8e-3)
    gentle = learner(batch=64, base_batch=16, scale_rate="sqrt")
    assert gentle.step(portion(3), 0, 0.0).rate == pytest.approx(4e-3)


def uneven(comm: Any) -> dict[str, Any]:
    """Rank 0 has a batch of 1 position, rank 1 one of 9; then rank 1 none; then one that is not a number."""
    mine = learner(comm, clip=1e9)
    first = mine.step(portion(1) if comm.rank == 0 else portion(9), 0, 0.0)
    gradients = mine.flat[: mine.size].tolist()  # AdamW forgets their scale, so the weights alone prove little
    second = mine.step(portion(2) if comm.rank == 0 else portion(), 1, 0.0)
    weights = {k: v.tolist() for k, v in mine.net.state_dict().items()}
    error = ""
    try:
        mine.step(portion(2, user=-13 if comm.rank == 1 else 5), 2, 0.0)
    except DataError as raised:
        error = raised.where
    return {"losses": [first.loss, second.loss], "positions": [first.positions, second.positions],
            "gradients": gradients, "weights": weights, "error": error}  # fmt: skip


def test_sums_travel_and_not_means(tmp_path: Path) -> None:
    got = together(2, "tests.training.test_step:uneven", tmp_path)
    alone = learner(clip=1e9)
    first = alone.step(portion(1, 9), 0, 0.0)
    assert got[0]["gradients"] == pytest.approx(alone.flat[: alone.size].tolist(), rel=1e-6)
    second = alone.step(portion(2), 1, 0.0)
    assert got[0] == got[1] and got[0]["positions"] == [10, 2] == [first.positions, second.positions]
    assert got[0]["losses"] == pytest.approx([first.loss, second.loss], rel=1e-6)
    for name, value in alone.net.state_dict().items():
        assert np.array(got[0]["weights"][name]) == pytest.approx(value.numpy(), rel=1e-5)
    assert got[0]["error"] == "step 2 · rank 1: 1 rows of length 2, column user -13"
