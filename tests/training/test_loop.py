from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.checkpoint import Checkpoints
from lstmrec.training.comm import Comm, Solo
from lstmrec.training.export import read_result
from lstmrec.training.feed import Columns, FileRead
from lstmrec.training.loop import train
from lstmrec.training.validate import Judged, Validation
from tests.training import tables
from tests.training.ranks import together
from tests.training.tables import config, write_all


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    write_all(folder, rows=40, files=4)  # 8 files an epoch, and 8 that validate
    return folder


def log_of(work: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (work / "export" / "log.jsonl").read_text().splitlines()]


def told(work: Path) -> list[list[Any]]:
    """What of the log does not depend on a clock."""
    return [[r[k] for k in ("epoch", "step", "loss", "ndcg_10", "hr_10", "rate", "positions")] for r in log_of(work)]


def test_it_learns_and_leaves_a_model(root: Path, tmp_path: Path) -> None:
    result = train(config(root, epochs=6, ema=0.5), Solo(), ArrowFeed(), str(tmp_path))
    log = log_of(tmp_path)
    assert log[-1]["loss"] < 0.6 * log[0]["loss"] and result.ndcg is not None and result.ndcg > 0.5
    assert result == read_result(str(tmp_path)) and result.epochs == len(log) == 6
    names = sorted(p.name for p in (tmp_path / "export").iterdir())
    assert names == ["log.jsonl", "model.json", "result.json", "weights.safetensors"]


def test_so_many_steps_at_the_rates_of_their_epochs(root: Path, tmp_path: Path) -> None:
    """As a refit does on data of its own size: here the same, so that it is the same training, cut off."""
    whole = train(config(root, epochs=3, schedule_epochs=3), Solo(), ArrowFeed(), str(tmp_path / "whole"))
    steps = [r["step"] for r in log_of(tmp_path / "whole")]
    assert whole.epochs == 3 and steps[1] % 2 == 0 and len(set(steps)) == 3
    again = train(config(root, epochs=3, schedule_epochs=3, steps=steps[-1]), Solo(), ArrowFeed(), str(tmp_path / "a"))
    assert (again.epochs, weights(tmp_path / "a")) == (3, weights(tmp_path / "whole"))
    cut = train(config(root, epochs=3, steps=steps[0] + 1), Solo(), ArrowFeed(), str(tmp_path / "cut"))
    log = log_of(tmp_path / "cut")
    assert [r["step"] for r in log] == [steps[0], steps[0] + 1] and cut.epochs == 2
    with pytest.raises(Broken):
        train(config(root, epochs=3, steps=steps[0] + 1), Solo(), BreaksOff(9), str(tmp_path / "on"))
    train(config(root, epochs=3, steps=steps[0] + 1), Solo(), ArrowFeed(), str(tmp_path / "on"))
    assert weights(tmp_path / "on") == weights(tmp_path / "cut")


def weights(work: Path) -> bytes:
    return (work / "export" / "weights.safetensors").read_bytes()


class Broken(Exception):
    pass


class BreaksOff:
    """A reader that fails on its nth file of training, as a machine does."""

    def __init__(self, after: int) -> None:
        self.left = after

    def read(self, files: Sequence[FileRead], columns: Sequence[str]) -> Iterator[Columns]:
        for item in ArrowFeed().read(files, columns):
            self.left -= 1
            if self.left < 0:
                raise Broken
            yield item


@pytest.mark.parametrize("after", [6, 12, 22, 40])
def test_resume_is_the_straight_run_bit_for_bit(root: Path, tmp_path: Path, after: int) -> None:
    conf = config(root, epochs=4, ema=0.9, checkpoint_steps=2, model={"input_dropout": 0.3, "hidden_dropout": 0.3})
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    one = train(conf, Solo(), ArrowFeed(), str(straight))
    with pytest.raises(Broken):
        train(conf, Solo(), BreaksOff(after), str(broken))  # type: ignore[arg-type]
    assert Checkpoints(str(broken / "checkpoints"), 2).newest() is not None
    two = train(conf, Solo(), ArrowFeed(), str(broken))
    assert weights(straight) == weights(broken)
    assert told(straight) == told(broken) and one.steps == two.steps
    a, b = (Checkpoints(str(w / "checkpoints"), 2).newest() for w in (straight, broken))
    assert a is not None and b is not None
    assert all(v.equal(b[0][k]) for k, v in a[0].items()) and a[0].keys() == b[0].keys()


def test_a_damaged_checkpoint_costs_time_and_nothing_else(root: Path, tmp_path: Path) -> None:
    conf = config(root, epochs=3, checkpoint_steps=2)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    train(conf, Solo(), ArrowFeed(), str(straight))
    with pytest.raises(Broken):
        train(conf, Solo(), BreaksOff(22), str(broken))  # type: ignore[arg-type]
    newest = sorted((broken / "checkpoints").glob("step-*"))[-1] / "state.safetensors"
    data = bytearray(newest.read_bytes())
    data[-3] ^= 4
    newest.write_bytes(data)
    with pytest.warns(UserWarning, match="passed over"):
        train(conf, Solo(), ArrowFeed(), str(broken))
    assert weights(straight) == weights(broken)


def test_the_best_epoch_is_exported_by_name_and_by_number(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter([0.2, 0.5, 0.4, 0.5, 0.9])  # the second 0.5 is no better, so two epochs without: patience ends it
    judged = []

    def judge(self: Validation, net: Any, *_: Any, **__: Any) -> Judged:
        judged.append({k: v.clone() for k, v in net.state_dict().items()})
        return Judged(next(values), 0.5, 18)

    monkeypatch.setattr(Validation, "judge", judge)
    result = train(config(root, epochs=9, patience=2, ema=0.9), Solo(), ArrowFeed(), str(tmp_path))
    assert (result.best_epoch, result.epochs, result.ndcg) == (2, 4, 0.5)
    assert result.steps == log_of(tmp_path)[1]["step"]
    exported = load_file(tmp_path / "export" / "weights.safetensors")
    assert all(v.equal(exported[k]) for k, v in judged[1].items())
    assert not all(v.equal(exported[k]) for k, v in judged[3].items())


def test_another_training_in_the_same_folder_is_refused(root: Path, tmp_path: Path) -> None:
    train(config(root, epochs=1), Solo(), ArrowFeed(), str(tmp_path))
    with pytest.raises(DataError, match="another training"):
        train(config(root, epochs=1, model={"dim": 4}), Solo(), ArrowFeed(), str(tmp_path))


def test_ranks_that_do_not_fit_are_refused_at_once(root: Path, tmp_path: Path) -> None:
    three = Solo()
    three.size = 3
    with pytest.raises(ConfigError, match="3 ranks do not divide 2"):
        train(config(root), three, ArrowFeed(), str(tmp_path))


def test_without_validation_rows_the_last_epoch_is_kept(tmp_path: Path) -> None:
    write_all(tmp_path / "root", validation=0)
    result = train(config(tmp_path / "root", epochs=2, patience=1), Solo(), ArrowFeed(), str(tmp_path / "work"))
    assert (result.best_epoch, result.epochs, result.ndcg) == (2, 2, None)


def settings(root: str) -> Config:
    """20 steps and more, everything random switched on."""
    model = {"input_dropout": 0.3, "hidden_dropout": 0.3, "item_dropout": 0.1, "id_dropout": 0.1}
    return config(Path(root), epochs=4, learning_rate=2e-3, ema=0.9, model=model)


def trained(comm: Comm, folders: list[str]) -> dict[str, Any]:
    result = train(settings(folders[0]), comm, ArrowFeed(comm.rank), folders[1])
    return {"steps": result.steps, "ndcg": result.ndcg}


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("kind", ["torch", pytest.param("horovod", marks=pytest.mark.horovod)])
def test_any_number_of_ranks_learns_the_same(root: Path, tmp_path: Path, kind: str, size: int) -> None:
    alone, ranks = tmp_path / "alone", tmp_path / "ranks"
    result = train(settings(str(root)), Solo(), ArrowFeed(), str(alone))
    assert log_of(alone)[-1]["step"] >= 20
    got = together(size, "tests.training.test_loop:trained", tmp_path, kind=kind, args=[str(root), str(ranks)])
    assert all(g == got[0] for g in got)
    assert got[0]["ndcg"] == pytest.approx(result.ndcg, abs=1e-4) and got[0]["steps"] == result.steps
    for one, other in zip(log_of(alone), log_of(ranks), strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-5) and other["positions"] == one["positions"]


@pytest.mark.parametrize("history", ["filter", "ignore"])
def test_windows_of_one_event_of_one_item_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, history: str) -> None:
    """Every user has had one event, all of the same item, and the same one comes next."""
    several = tables._windows

    def single(rng: Any, rows: int, length: int, after: int) -> dict[str, Any]:
        made = several(rng, rows, length, after)
        first = np.arange(length) < 1
        following = np.where(made["after_items"] > 0, 5 if history == "ignore" else 6, 0)
        return made | {"n": np.full(rows, 1), "items": np.where(first, 5, 0) * np.ones((rows, 1)),
                       "types": np.where(first, 2, 0) * np.ones((rows, 1)),
                       "ends": first * np.ones((rows, 1)), "after_items": following}  # fmt: skip

    monkeypatch.setattr(tables, "_windows", single)
    write_all(tmp_path / "root", rows=8, validation=4, phases=1, files=1)
    conf = config(tmp_path / "root", epochs=4)
    conf = conf.model_copy(update={"sequence": conf.sequence.model_copy(update={"history": history})})
    result = train(conf, Solo(), ArrowFeed(), str(tmp_path / "work"))
    assert result.ndcg == 1.0 and all(math.isfinite(r["loss"]) for r in log_of(tmp_path / "work"))


def test_a_batch_larger_than_the_data(tmp_path: Path) -> None:
    write_all(tmp_path / "root", rows=2, validation=2, phases=1, files=1)
    result = train(config(tmp_path / "root", batch=512, epochs=1), Solo(), ArrowFeed(), str(tmp_path / "work"))
    assert result.epochs == 1 and result.positions > 0
