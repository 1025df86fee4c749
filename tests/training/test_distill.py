"""A student and its teachers in a training: what is learned, when teachers fall silent, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from lstmrec.config.run import Config
from lstmrec.contracts.errors import DataError
from lstmrec.model.build import WEIGHTS, load
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.checkpoint import Checkpoints
from lstmrec.training.comm import Comm, Solo
from lstmrec.training.loop import train
from tests.training import tables
from tests.training.ranks import together
from tests.training.tables import config
from tests.training.test_loop import BreaksOff, Broken, log_of, weights


def noisy(rng: np.random.Generator, rows: int, length: int, after: int) -> dict[str, np.ndarray]:
    """Windows of the world in which every third event is of any item: labels that are noise teach nothing, and a
    teacher who has seen enough knows it."""
    made = walk(rng, rows, length, after)
    for name in ("items", "after_items"):
        stray = rng.random(made[name].shape) < 1 / 3
        made[name] = np.where((made[name] > 0) & stray, rng.integers(2, 2 + tables.ITEMS, stray.shape), made[name])
    return made


walk = tables._windows


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few rows to learn from, many that validate."""
    folder = tmp_path_factory.mktemp("root")
    with mock.patch.object(tables, "_windows", noisy):
        tables.write_all(folder, rows=24, validation=200, files=4)
    return folder


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The export of a net that has learnt the same world from more rows."""
    folder, work = tmp_path_factory.mktemp("large"), tmp_path_factory.mktemp("teacher")
    with mock.patch.object(tables, "_windows", noisy):
        tables.write_all(folder, rows=1500, validation=0)
    train(config(folder, epochs=2, batch=64), Solo(), ArrowFeed(), str(work))
    return str(work / "export")


def student(root: Path, *teachers: str, **more: Any) -> Config:
    """What the tests train, by these teachers."""
    lesson = {"bundles": list(teachers), "top": 12, **more.pop("teacher", {})}
    return config(root, **{"epochs": 6, **more}, teacher=lesson)


def learn(conf: Config, work: Path) -> Any:
    return train(conf, Solo(), ArrowFeed(), str(work))


def test_a_taught_student_learns_more_in_equal_steps(root: Path, teacher: str, tmp_path: Path) -> None:
    alone = learn(student(root), tmp_path / "alone")
    taught = learn(student(root, teacher, teacher={"weight": 0.8}), tmp_path / "taught")
    print(alone.ndcg, taught.ndcg)
    assert taught.ndcg > alone.ndcg + 0.02
