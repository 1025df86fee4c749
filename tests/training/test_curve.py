"""The loss of steps 1 to 50, everything random switched on: one curve for any number of ranks, and a golden copy.

`python -m tests.training.test_curve` writes the golden anew; its description owes the reason (CONTRIBUTING).
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from lstmrec.config.run import Config
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.comm import Comm, Solo
from lstmrec.training.loop import train
from tests.training.ranks import together
from tests.training.tables import config, write_all

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "loss_curve.json"
STEPS = 50
RANKS = 1e-5  # relative: ranks add the same numbers up in another order
MACHINES = 1e-3  # relative: other CPUs multiply in other orders, and 50 steps carry it on


def settings(root: str, **train: Any) -> Config:
    model = {"input_dropout": 0.3, "hidden_dropout": 0.3, "item_dropout": 0.1, "id_dropout": 0.1}
    base = {"shards": 4, "epochs": 4, "log_steps": 1, "learning_rate": 2e-3, "precision": "fp32",
            "model": model}  # fmt: skip
    return config(Path(root), **base | train)


def curve(work: Path) -> list[float]:
    """Mean loss of each of the first steps."""
    rows = [json.loads(line) for line in (work / "log.jsonl").read_text().splitlines()]
    steps = [r for r in rows if r["kind"] == "step"][:STEPS]
    assert [r["step"] for r in steps] == list(range(1, STEPS + 1))
    return [float(r["loss"]) for r in steps]


def alone(root: Path, work: Path, **train_: Any) -> list[float]:
    train(settings(str(root), **train_), Solo(), ArrowFeed(), str(work))
    return curve(work)


def on_ranks(comm: Comm, folders: list[str]) -> None:
    train(settings(folders[0]), comm, ArrowFeed(comm.rank), folders[1])


def apart(one: list[float], other: list[float]) -> float:
    """The largest relative difference of a step."""
    return max(abs(a - b) / abs(b) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    write_all(folder, rows=60, files=4)
    return folder


@pytest.fixture(scope="module")
def solo(root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    return alone(root, tmp_path_factory.mktemp("solo"))


horovod = pytest.param("horovod", marks=[pytest.mark.horovod, pytest.mark.slow])


@pytest.mark.parametrize("size", [2, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["torch", horovod])
def test_any_number_of_ranks_has_the_same_curve(
    root: Path, solo: list[float], tmp_path: Path, kind: str, size: int
) -> None:
    together(size, "tests.training.test_curve:on_ranks", tmp_path, kind=kind, args=[str(root), str(tmp_path / "work")])
    assert apart(curve(tmp_path / "work"), solo) <= RANKS


def test_the_golden_curve(solo: list[float]) -> None:
    assert apart(solo, json.loads(GOLDEN.read_text())["loss"]) <= MACHINES


@pytest.mark.parametrize("change", [
    {"model": {"input_dropout": 0.31, "hidden_dropout": 0.3, "item_dropout": 0.1, "id_dropout": 0.1}},
    {"learning_rate": 2.1e-3}, {"betas": [0.9, 0.9]}, {"label_smoothing": 0.005}, {"warmup_steps": 3},
], ids=lambda change: next(iter(change)))  # fmt: skip
def test_another_training_leaves_the_golden_curve(root: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    assert apart(alone(root, tmp_path, **change), json.loads(GOLDEN.read_text())["loss"]) > 2 * MACHINES


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        write_all(Path(temporary, "root"), rows=60, files=4)
        found = alone(Path(temporary, "root"), Path(temporary, "work"))
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(
        json.dumps({"what": "mean loss of steps 1 to 50, tests/training/test_curve.py", "loss": found}, indent=0) + "\n"
    )
