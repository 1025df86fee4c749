"""The loss and every gradient against dense logits in float64, place by place."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from lstmrec.contracts.errors import ConfigError
from lstmrec.model.batch import Batch
from lstmrec.model.keys import Key
from lstmrec.model.labels import labels
from lstmrec.model.loss import loss
from lstmrec.model.net import Net
from lstmrec.model.sampled import beta_of, draw, draw_evenly
from tests.model import worlds

CAT = worlds.catalogue()
WORLDS: list[dict[str, Any]] = [
    dict(history="filter"),
    dict(history="ignore"),
    dict(history="filter", objective="next_basket", **worlds.RICH),
    dict(history="learn", objective="next_days", **worlds.RICH),
    dict(history="learn", objective="next_basket", inputs=("tags", "numeric"), layers=3),
]


def history_score(net: Net, batch: Batch, r: int, at: int, item: int, query: Tensor, base: Tensor) -> Tensor:
    """g of one item of the history, from the events themselves."""
    term = net.term
    assert term is not None
    now = int(batch.times[r, max(at - 1, 0)])
    seen: dict[int, list[float]] = {}
    for j in range(batch.before_items.shape[1]):
        if batch.before_items[r, j] > 0:
            gone = (now - int(batch.times[r, 0])) / worlds.DAY
            decayed = [float(batch.before_decayed[r, h, j]) * 2 ** (-gone / life)
                       for h, life in enumerate(net.spec.half_lives)]  # fmt: skip
            seen[int(batch.before_items[r, j])] = [
                float(batch.before_counts[r, j]),
                float(batch.before_times[r, j]),
                *decayed,
            ]
    for t in range(at):
        mine = seen.setdefault(int(batch.items[r, t]), [0.0, 0.0] + [0.0] * len(net.spec.half_lives))
        mine[0] += 1
        mine[1] = max(mine[1], float(batch.times[r, t]))
        for h, life in enumerate(net.spec.half_lives):
            mine[2 + h] += 2 ** (-(now - int(batch.times[r, t])) / worlds.DAY / life)
    count, last, *decayed = seen[item]
    facts = torch.tensor([count, *decayed, 1.0 + (now - last) / worlds.DAY], dtype=torch.float64).log()
    wide = torch.cat([facts, (0.1 * base)[None], torch.tensor([float(len(seen))]).double().log1p()])
    hidden = torch.nn.functional.gelu(term.features(wide) + term.user(query))
    return term.offset + term.scale * (facts @ term.line) + term.out(hidden)[0]


def slow(net: Net, batch: Batch, key: Key | None, smoothing: float, sample: int, power: float) -> Tensor:
    spec = net.spec
    vectors, bias = net.item_vectors(CAT, None, key)
    states = net.states(batch, vectors, key)
    found = labels(batch, spec, sample, key)
    total = torch.zeros((), dtype=torch.float64)
    for r, at in sorted(set(zip(found.row.tolist(), found.at.tolist(), strict=True))):
        query = states[r, at]
        logits = list((vectors[: spec.trained] @ query + bias[: spec.trained]).unbind())
        had = {int(i) for i in batch.before_items[r] if i} | {int(i) for i in batch.items[r, :at]}
        if spec.history == "filter":
            keep = [i for i in range(2, spec.trained) if i not in had]
        else:
            keep = list(range(2, spec.trained))
        if spec.history == "learn":
            for i in had & set(keep):
                logits[i] = history_score(net, batch, r, at, i, query, logits[i])
        log_p = torch.stack([logits[i] for i in keep]).log_softmax(0)
        here = (found.row == r) & (found.at == at)
        mass = int(here.sum()) ** power
        for item, weight in zip(found.item[here].tolist(), found.weight[here].double(), strict=True):
            total = total - mass * (1 - smoothing) * weight * log_p[keep.index(item)]
        total = total - mass * smoothing * log_p.mean()
    return total


@pytest.mark.parametrize("chunk", [3, 1000])
@pytest.mark.parametrize(("smoothing", "power"), [(0.0, 0.0), (0.1, 0.0), (0.1, 0.7)])
@pytest.mark.parametrize("change", WORLDS, ids=lambda w: "-".join(str(v) for v in list(w.values())[:2]))
def test_loss_and_every_gradient_are_those_of_dense_logits(
    change: dict[str, Any], smoothing: float, power: float, chunk: int
) -> None:
    drops = dict(input_dropout=0.3, hidden_dropout=0.3, item_dropout=0.2, id_dropout=0.2)
    net = worlds.net(double=True, **change, **drops)
    batch = worlds.batch(seed=3)
    key = Key(5, 1, ((0, 3), (1, 3)))
    want = slow(net, batch, key, smoothing, 2, power)
    grads = dict(
        zip(
            dict(net.named_parameters()),
            torch.autograd.grad(want, net.parameters(), materialize_grads=True, allow_unused=True),
            strict=True,
        )
    )
    value, positions, weight = loss(net, batch, CAT, key, chunk=chunk, label_smoothing=smoothing, sample=2, power=power)
    sizes = labels(batch, net.spec, 2, key).size.tolist()
    assert positions == len(sizes) > 5 and weight == pytest.approx(sum(n**power for n in sizes))
    assert value.item() == pytest.approx(want.item(), rel=1e-9)
    value.backward()
    for name, p in net.named_parameters():
        grad = torch.zeros_like(p) if p.grad is None else p.grad
        torch.testing.assert_close(grad, grads[name], rtol=1e-7, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("kind", ["sampled", "sce", "gbce"])
@pytest.mark.parametrize("power", [0.0, 0.7])
@pytest.mark.parametrize("history", ["filter", "learn", "ignore"])
def test_losses_against_negatives_are_what_they_say(history: str, power: float, kind: str) -> None:
    net = worlds.net(double=True, history=history, objective="next_days" if power else "next_item")
    batch = worlds.batch(seed=3)
    key = Key(5, 1, ((0, 6),))
    sampled = kind == "sampled"
    drawn = draw(CAT.counts[2:24], 12, key) if sampled else draw_evenly(22, 12, key, torch.device("cpu"))
    count = len(drawn.items)
    assert 3 < count < 12
    rate = count / 21
    beta = rate * (0.6 * (1 - 1 / rate) + 1 / rate)
    told: set[tuple[int, int]] = set()
    vectors, bias = net.item_vectors(CAT, None, key)
    states = net.states(batch, vectors, key)
    found = labels(batch, net.spec, 0, key)
    want = torch.zeros((), dtype=torch.float64)
    for r, at, item, weight in zip(
        found.row.tolist(), found.at.tolist(), found.item.tolist(), found.weight, strict=True
    ):
        mine = set(found.item[(found.row == r) & (found.at == at)].tolist())
        had = {int(i) for i in batch.before_items[r] if i} | {int(i) for i in batch.items[r, :at]}
        out = mine | had if history == "filter" else mine

        def score(i: int, r: int = r, at: int = at, had: set[int] = had) -> Tensor:
            base = states[r, at] @ vectors[i] + bias[i]
            own = history == "learn" and i in had
            return (history_score(net, batch, r, at, i, states[r, at], base) if own else base) - (
                drawn.log_q[i - 2] if sampled else 0.0
            )

        mass = len(mine) ** power
        others = [score(i) for i in drawn.items.tolist() if i not in out]
        if kind == "sampled":
            want = want - mass * weight * torch.stack([score(item), *others]).log_softmax(0)[0]
        elif kind == "sce":
            rest = 22 / count * torch.stack(others).exp().sum()
            want = want - mass * weight * (score(item) - (score(item).exp() + rest).log())
        else:
            want = want - mass * weight * beta * score(item).sigmoid().log()
            if (r, at) not in told:
                want = want - mass * (1 - torch.stack(others).sigmoid()).log().sum()
        told.add((r, at))
    grads = torch.autograd.grad(want, net.parameters(), materialize_grads=True, allow_unused=True)
    value, _, _ = loss(net, batch, CAT, key, kind=kind, negatives=12, chunk=4, calibration=0.6, power=power)
    assert value.item() == pytest.approx(want.item(), rel=1e-9)
    value.backward()
    for (name, p), grad in zip(net.named_parameters(), grads, strict=True):
        torch.testing.assert_close(p.grad, grad, rtol=1e-7, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}")


def test_log_q_is_the_chance_of_being_drawn() -> None:
    counts = torch.tensor([50, 20, 3, 1, 0])
    hits = torch.zeros(5)
    for step in range(4000):
        hits[draw(counts, 4, Key(0, step, ())).items - 2] += 1
    torch.testing.assert_close(hits / 4000, draw(counts, 4, None).log_q.exp().float(), atol=0.03, rtol=0)


@pytest.mark.parametrize("kind", ["softmax", "sampled"])
def test_shards_apart_and_together_give_one_sum(kind: str) -> None:
    net = worlds.net(double=True, input_dropout=0.3, hidden_dropout=0.3, item_dropout=0.3)
    columns = worlds.columns(rows=7)
    parts = [{k: v[:3] for k, v in columns.items()}, {k: v[3:] for k, v in columns.items()}]
    whole, n, _ = loss(net, worlds.batch_of(columns), CAT, Key(1, 9, ((0, 3), (1, 4))), kind=kind)
    apart = [loss(net, worlds.batch_of(p), CAT, Key(1, 9, ((i, 3 + i),)), kind=kind) for i, p in enumerate(parts)]
    assert n == sum(p for _, p, _ in apart)
    assert whole.item() == pytest.approx(sum(v.item() for v, _, _ in apart), rel=1e-10)


def test_no_labels_give_zero_with_a_gradient_for_all() -> None:
    net = worlds.net()
    value, positions, _ = loss(net, worlds.batch_of({"n": [1], "items": [[1]]}), CAT, None)
    value.backward()
    assert positions == 0 and value.item() == 0
    assert all(p.grad is not None and not p.grad.any() for p in net.parameters())


def test_unknown_loss_is_refused() -> None:
    with pytest.raises(ConfigError, match="C401"):
        loss(worlds.net(), worlds.batch(), CAT, None, kind="hinge")


@pytest.mark.parametrize("objective", ["next_item", "next_days"])
def test_a_rank_without_rows_adds_nothing(objective: str) -> None:
    none = {k: v[:0] for k, v in worlds.columns().items()}
    value, positions, _ = loss(worlds.net(objective=objective), worlds.batch_of(none), CAT, Key(1, 1, ()), sample=2)
    assert positions == 0 and value.item() == 0


def test_gbce_is_plain_at_calibration_zero_and_follows_the_rate_at_one() -> None:
    assert beta_of(101, 10, 0.0) == pytest.approx(1.0)
    assert beta_of(101, 10, 1.0) == pytest.approx(0.1)
    assert beta_of(101, 500, 0.5) == pytest.approx(1.0)
