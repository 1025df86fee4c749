"""Distillation against dense float64 scores, place by place; and what must not move."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from lstmrec.contracts.errors import ConfigError
from lstmrec.model.batch import Batch
from lstmrec.model.distill import How, Teachers
from lstmrec.model.keys import Key
from lstmrec.model.labels import labels
from lstmrec.model.loss import loss
from lstmrec.model.net import Net
from lstmrec.model.rank import scores_all
from tests.model import worlds
from tests.model.test_loss import CAT, history_score

WORLDS: list[dict[str, Any]] = [
    dict(history="filter"),
    dict(history="ignore", objective="next_basket", **worlds.RICH),
    dict(history="learn", objective="next_days", **worlds.RICH),
]
POWER = 0.7  # positions weigh by their labels


def dense(net: Net, batch: Batch, key: Key | None, r: int, at: int) -> dict[int, Tensor]:
    """Item -> score at one place, of the items that are in."""
    vectors, bias = net.item_vectors(CAT, None, key)
    query = net.states(batch, vectors, key)[r, at]
    had = {int(i) for i in batch.before_items[r] if i} | {int(i) for i in batch.items[r, :at]}
    scores = {}
    for i in range(2, net.spec.trained):
        if net.spec.history == "filter" and i in had:
            continue
        scores[i] = vectors[i] @ query + bias[i]
        if net.spec.history == "learn" and i in had:
            scores[i] = history_score(net, batch, r, at, i, query, scores[i])
    return scores


def slow(student: Net, teachers: list[Net], batch: Batch, key: Key | None, how: How) -> Tensor:
    """The loss as the formula says it."""
    found = labels(batch, student.spec, 0, key)
    total = torch.zeros((), dtype=torch.float64)
    for r, at in sorted(set(zip(found.row.tolist(), found.at.tolist(), strict=True))):
        mine = dense(student, batch, key, r, at)
        log_p = torch.stack(list(mine.values())).log_softmax(0)
        here = (found.row == r) & (found.at == at)
        mass = int(here.sum()) ** POWER
        for item, weight in zip(found.item[here].tolist(), found.weight[here].double(), strict=True):
            total = total - mass * (1 - how.weight) * weight * log_p[list(mine).index(item)]
        theirs = [dense(net, batch, None, r, at) for net in teachers]
        mean = {i: sum(t[i].item() for t in theirs) / len(theirs) for i in mine}
        best = sorted(mine, key=lambda i: -mean[i])[: how.top or len(mine)]
        q = (torch.tensor([mean[i] for i in best], dtype=torch.float64) / how.temperature).softmax(0)
        log_s = (torch.stack([mine[i] for i in best]) / how.temperature).log_softmax(0)
        total = total - mass * how.weight * how.temperature**2 * (q * log_s).sum()
    return total


def nets(change: dict[str, Any]) -> tuple[Net, list[Net]]:
    """A student, and two teachers of other sizes."""
    drops = dict(input_dropout=0.3, hidden_dropout=0.3, item_dropout=0.2)
    teachers = [worlds.net(seed=s, double=True, **{**change, **more, **drops})
                for s, more in ((2, {"units": 16}), (3, {"dim": 4, "layers": 1}))]  # fmt: skip
    return worlds.net(double=True, **change, **drops), teachers


@pytest.mark.parametrize("chunk", [3, 1000])
@pytest.mark.parametrize("how", [How(0.4, 2.0, 5), How(0.7, 1.0, 0), How(0.5, 3.0, 21)], ids=str)
@pytest.mark.parametrize("change", WORLDS, ids=lambda w: str(w["history"]))
def test_loss_and_gradients_are_those_of_the_formula(change: dict[str, Any], how: How, chunk: int) -> None:
    student, teachers = nets(change)
    batch, key = worlds.batch(seed=3), Key(5, 1, ((0, 3), (1, 3)))
    want = slow(student, teachers, batch, key, how)
    grads = torch.autograd.grad(want, student.parameters(), materialize_grads=True, allow_unused=True)
    teach = Teachers(teachers, CAT)
    value, positions, _ = loss(
        student, batch, CAT, key, chunk=chunk, teach=lambda *at: teach.soft(*at, how), power=POWER
    )
    assert positions > 5 and value.item() == pytest.approx(want.item(), rel=1e-9)
    value.backward()
    for (name, p), grad in zip(student.named_parameters(), grads, strict=True):
        got = torch.zeros_like(p) if p.grad is None else p.grad
        torch.testing.assert_close(got, grad, rtol=1e-7, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}")
    assert all(p.grad is None and not p.requires_grad for net in teachers for p in net.parameters())


def test_a_student_that_is_its_teacher_learns_from_labels_alone() -> None:
    net, same = worlds.net(double=True), worlds.net(double=True)
    batch, teach = worlds.batch(seed=3), Teachers([same, same], CAT)
    plain = torch.autograd.grad(loss(net, batch, CAT, None)[0], net.parameters(), allow_unused=True)
    value, _, _ = loss(net, batch, CAT, None, teach=lambda *at: teach.soft(*at, How(0.25, 2.0, 4)))
    taught = torch.autograd.grad(value, net.parameters(), allow_unused=True)
    for a, b in zip(plain, taught, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            torch.testing.assert_close(0.75 * a, b, rtol=1e-9, atol=1e-12)


def test_no_weight_is_plain_training_to_the_bit() -> None:
    net, teach, batch = worlds.net(), Teachers([worlds.net(seed=2)], CAT), worlds.batch(seed=3)
    found = []
    for how in (None, How(0.0, 2.0, 4)):
        net.zero_grad()
        value, _, _ = loss(net, batch, CAT, None, label_smoothing=0.1,
                        teach=None if how is None else lambda *at, h=how: teach.soft(*at, h))  # fmt: skip
        value.backward()
        found.append([value.detach(), *(p.grad.clone() for p in net.parameters() if p.grad is not None)])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_they_serve_the_mean_of_their_scores() -> None:
    nets, batch = [worlds.net(seed=s) for s in (2, 3)], worlds.batch(seed=3)
    one, two, both = Teachers(nets, CAT).scores(batch)
    assert torch.equal(one, scores_all(nets[0], batch, *nets[0].item_vectors(CAT)))
    shown = one > -torch.inf
    assert torch.equal(shown, both > -torch.inf)
    torch.testing.assert_close(both[shown], (one[shown] + two[shown]) / 2)


def test_only_the_softmax_over_all_items_is_taught() -> None:
    teach = Teachers([worlds.net()], CAT)
    with pytest.raises(ConfigError, match="C402"):
        loss(worlds.net(), worlds.batch(), CAT, None, kind="sce", teach=lambda *at: teach.soft(*at, How(0.5)))


def test_products_in_bf16_teach_nearly_the_same() -> None:
    teach, batch = Teachers([worlds.net(seed=2), worlds.net(seed=3, dim=4)], CAT), worlds.batch(seed=3)
    row, at = torch.tensor([0, 0, 3]), torch.tensor([2, 5, 1])
    soft = teach.soft(batch, row, at, How(0.5, 2.0, 0))
    out = torch.zeros((2, 22), dtype=torch.bool)
    out[1, 5:8] = True
    (none, plain), (_, fast) = (soft.lists(1, 3, out, dtype) for dtype in (torch.float32, torch.bfloat16))
    assert none is None and plain.shape == fast.shape == (2, 22) and not torch.equal(plain, fast)
    assert torch.equal(plain == 0, out) and torch.equal(fast == 0, out) and plain.sum(1).allclose(torch.ones(2))
    torch.testing.assert_close(fast, plain, rtol=0.1, atol=1e-3)
