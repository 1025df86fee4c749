"""Lazily updated rows against torch's own dense AdamW, and the Learner with them against the Learner without."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lstmrec.config.train import TrainConfig
from lstmrec.model.batch import Batch
from lstmrec.model.keys import Key
from lstmrec.model.loss import loss
from lstmrec.training import rows as under_test
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.batches import Portion
from lstmrec.training.comm import Comm, Solo
from lstmrec.training.loop import train
from lstmrec.training.rows import LazyRows, Pace, Tables
from lstmrec.training.step import Learner
from tests.model import worlds
from tests.training.ranks import together
from tests.training.tables import config, write_all
from tests.training.test_loop import BreaksOff, Broken, weights

CAT = worlds.catalogue()


@pytest.mark.parametrize("span", [1024, 7])
@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("betas", [(0.9, 0.98), (0.9, 0.999), (0.99, 0.95)])
def test_a_rest_of_any_length_is_dense_adamw(
    betas: tuple[float, float], decay: float, span: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for how eps fades: gradients here are 1e8 times as large."""
    monkeypatch.setattr(under_test, "SPAN", span)
    generator = torch.Generator().manual_seed(1)
    dense = nn.Parameter(torch.randn((12, 3), generator=generator, dtype=torch.float64))
    average = dense.detach().clone()
    mine, twin = dense.detach().clone(), average.clone()
    tables = Tables({"t": LazyRows(mine, twin, decay, betas)})
    oracle = torch.optim.AdamW([dense], betas=betas, weight_decay=decay)
    for step in range(60):
        # Row 0 is never read, row 11 in the first and the last step only.
        some = torch.nonzero(torch.rand(10, generator=generator) < 0.2)[:, 0] + 1
        ids = torch.cat([some, torch.tensor([11])]) if step in (0, 59) else some
        tables.forget()
        [read], where = tables.look_up(ids)
        torch.testing.assert_close(read[where], dense.detach()[ids], rtol=1e-6, atol=1e-6)
        gradient = torch.randn((len(ids), 3), generator=generator, dtype=torch.float64)
        (read[where] * gradient).sum().backward()
        union = tables.read(torch.device("cpu")).long()
        lr, ema = 0.05 * math.cos(step / 40), min(0.9, (1 + step) / (10 + step))
        tables.learn(union, tables.gradients(union), lr, ema)
        dense.grad = torch.zeros_like(dense)
        dense.grad[ids] = gradient
        oracle.param_groups[0]["lr"] = lr
        oracle.step()
        average.lerp_(dense.detach(), 1 - ema)
    assert not torch.allclose(mine[11], twin[11])
    tables.settle()
    torch.testing.assert_close(mine, dense.detach(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(twin, average, rtol=1e-6, atol=1e-6)
    state = oracle.state[dense]
    torch.testing.assert_close(tables.named["t"].mean, state["exp_avg"], rtol=1e-9, atol=1e-15)
    torch.testing.assert_close(tables.named["t"].square, state["exp_avg_sq"], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("width", [1, 3, 8, 128])
def test_a_row_is_caught_up_the_same_in_any_company(width: int) -> None:
    """To the bit: ranks catch rows up at different times, alone or in blocks."""

    def rested() -> LazyRows:
        generator = torch.Generator().manual_seed(2)
        table = torch.randn((67, width), generator=generator)
        made = LazyRows(table, table + 1.0, 0.1, (0.9, 0.98))
        for step in range(9):
            rows = torch.arange(step, 67, 1 + step)
            made.catch_up(rows, step)
            gradient = torch.randn((len(rows), width), generator=generator)
            made.learn(rows, gradient, step, Pace(0.01, step + 1, 0.9))
        return made

    whole, apart = rested(), rested()
    whole.settle(9)
    for rows in torch.randperm(67, generator=torch.Generator().manual_seed(3)).split([1, 2, 3, 5, 17, 39]):
        apart.catch_up(rows, 9)
    for one, other in zip(whole._held(), apart._held(), strict=True):
        assert torch.equal(one, other)


def test_row_0_comes_first_and_is_there_unasked() -> None:
    table = torch.arange(12.0).view(6, 2)
    tables = Tables({"t": LazyRows(table, None, 0.0, (0.9, 0.98)), "b": LazyRows(table[:, 0], None, 0.0, (0.9, 0.98))})
    [read, one], where = tables.look_up(torch.tensor([4, 2, 4]))
    assert read.tolist() == table[[0, 2, 4]].tolist() and one.tolist() == [0.0, 4.0, 8.0]
    assert where.tolist() == [2, 1, 2] and tables.read(table.device).tolist() == [0, 2, 4]
    with pytest.raises(RuntimeError, match="once"):
        tables.look_up(torch.tensor([1]))


def learner(how: str, comm: Comm | None = None, **change: Any) -> Learner:
    spec = {
        "input_dropout": 0.3,
        "hidden_dropout": 0.3,
        "item_dropout": 0.2,
        "id_dropout": 0.2,
        **change.pop("net", {}),
    }
    net = worlds.net(**spec)
    conf = TrainConfig(sparse_rows=how, **{"warmup_steps": 3, "ema": 0.8, "learning_rate": 0.01, "loss": "sampled",
                                           "negatives": 4, "batch": 8, **change})  # fmt: skip

    def loss_of(batch: Batch, key: Key) -> tuple[Tensor, int, float]:
        return loss(net, batch, CAT, key, kind=conf.loss, negatives=conf.negatives)

    return Learner(net, loss_of, conf, comm or Solo(), seed=1)


def portions(ranks: int = 1, rank: int = 0, steps: int = 12) -> list[Portion]:
    """Four virtual shards of two rows a step; now and then a rank has none."""
    out = []
    for step in range(steps):
        columns = worlds.columns(rows=8, seed=step)
        mine = [s for s in range(rank * 4 // ranks, (rank + 1) * 4 // ranks) if step % 5 or s < 3]
        rows = [2 * s + i for s in mine for i in (0, 1)]
        batch = worlds.batch_of({k: v[rows] for k, v in columns.items()}) if rows else None
        out.append(Portion(step % 6, tuple((s, 2) for s in mine), batch))
    return out


def run(mine: Learner, given: list[Portion], start: int = 0) -> list[float]:
    return [mine.step(p, start + i, (start + i) / 6).loss for i, p in enumerate(given)]


WORLDS: list[dict[str, Any]] = [
    {},
    {"net": {**worlds.RICH, "history": "learn"}},
    {"net": {"inputs": ("tags", "numeric")}},
    {"loss": "softmax", "ema": 0.0},
]


@pytest.mark.parametrize("change", WORLDS, ids=["ids", "rich", "content", "all rows"])
def test_lazy_rows_learn_what_dense_ones_do(change: dict[str, Any]) -> None:
    lazy, dense = learner("on", **copy.deepcopy(change)), learner("off", **copy.deepcopy(change))
    assert lazy.tables is not None and dense.tables is None
    assert run(lazy, portions()) == pytest.approx(run(dense, portions()), rel=2e-5)
    for one, other in ((lazy.ema, dense.ema), (lazy.net, dense.net)):
        for (name, p), q in zip(one.named_parameters(), other.parameters(), strict=True):
            # AdamW divides by the gradient's own size, so a rounding difference of a tiny gradient shows.
            torch.testing.assert_close(p, q, rtol=1e-3, atol=2e-4, msg=lambda m, n=name: f"{n}: {m}")


def test_auto_is_for_sampled_loss_and_large_catalogues(monkeypatch: pytest.MonkeyPatch) -> None:
    assert learner("auto").tables is None
    monkeypatch.setattr("lstmrec.training.step._LARGE", 20)
    assert learner("auto").tables is not None and learner("auto", loss="softmax").tables is None


def test_only_rows_read_travel() -> None:
    lazy, dense = learner("on", negatives=1), learner("off", negatives=1)
    [first] = portions(steps=1)
    assert first.batch is not None
    sent, whole = lazy.step(first, 0, 0.0).sent, dense.step(first, 0, 0.0).sent
    rest = whole - 24 * 9
    assert rest < sent < whole and (sent - rest) % 10 == 0  # 8 and the bias, and the row's index


def test_resume_from_any_step_is_the_straight_run_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "SPAN", 4)
    straight = learner("on")
    wanted = run(straight, portions())
    for stop in (1, 3, 5, 6, 10):
        broken, fresh = learner("on"), learner("on")
        run(broken, portions()[:stop])
        saved = {k: v.clone() for k, v in broken.tensors().items()}
        with torch.no_grad():
            for name, tensor in fresh.tensors().items():
                tensor.copy_(saved[name])
        assert run(fresh, portions()[stop:], stop) == wanted[stop:]
        assert all(torch.equal(v, straight.tensors()[k]) for k, v in fresh.tensors().items())


def on_ranks(comm: Comm) -> dict[str, Any]:
    mine = learner("on", comm)
    given = portions(comm.size, comm.rank)
    losses = run(mine, given[:6])
    if comm.rank == 0:
        _ = mine.ema  # as where rank 0 alone writes the best weights
    losses += run(mine, given[6:], 6)
    return {"losses": losses, "state": {k: v.double().reshape(-1).tolist() for k, v in mine.tensors().items()}}


@pytest.mark.parametrize(
    ("size", "kind"), [(2, "torch"), (4, "torch"), pytest.param(2, "horovod", marks=pytest.mark.horovod)]
)
def test_ranks_agree_to_the_bit_and_with_one_alone(tmp_path: Path, size: int, kind: str) -> None:
    got = together(size, "tests.training.test_rows:on_ranks", tmp_path, kind=kind)
    assert all(g == got[0] for g in got)
    assert got[0]["losses"] == pytest.approx(run(learner("on"), portions()), rel=1e-5)


def test_a_broken_off_training_with_lazy_rows_ends_as_the_straight_one(tmp_path: Path) -> None:
    write_all(tmp_path / "root", rows=40, files=4)
    conf = config(
        tmp_path / "root", epochs=3, ema=0.9, checkpoint_steps=2, loss="sampled", negatives=6, sparse_rows="on"
    )
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    train(conf, Solo(), ArrowFeed(), str(straight))
    with pytest.raises(Broken):
        train(conf, Solo(), BreaksOff(22), str(broken))  # type: ignore[arg-type]
    train(conf, Solo(), ArrowFeed(), str(broken))
    assert weights(straight) == weights(broken)
