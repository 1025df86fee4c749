from __future__ import annotations

import signal
from pathlib import Path

import pytest

from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.launch.solo import run as alone
from lstmrec.launch.start import start
from lstmrec.training.export import read_result
from tests.launch import scenes
from tests.training.tables import config, write_all


def test_two_ranks_reach_what_one_reaches(root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = start(scenes.conf(root, comm="torch"), str(tmp_path / "two"))
    said = capfd.readouterr().out
    assert said.count("train  epoch 3/3 · loss") == 1  # rank 0 speaks for all
    alone(config(root), str(tmp_path / "one"))
    one = read_result(str(tmp_path / "one"))
    assert (result.steps, result.positions) == (one.steps, one.positions) and result.ndcg == pytest.approx(one.ndcg)


def test_what_a_rank_raises_arrives(tmp_path: Path) -> None:
    write_all(tmp_path)
    next((tmp_path / "sequences").glob("*/data/role=train/**/*.parquet")).write_bytes(b"PAR1 no more")
    with pytest.raises(DataError) as error:
        start(scenes.conf(tmp_path, comm="torch"), str(tmp_path / "work"))
    assert error.value.code == "D612" and error.value.where.startswith("rank ")


def test_hosts_are_for_horovod(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this machine only"):
        start(scenes.conf(root, comm="torch", hosts="a:1,b:1"), str(tmp_path))


def test_a_killed_rank_costs_time_and_nothing_else(root: Path, tmp_path: Path) -> None:
    scenes.killed_and_straight(scenes.long(root, comm="torch"), tmp_path, rank=1)


@pytest.mark.slow
def test_a_dead_rank_ends_the_job_and_is_named(root: Path, tmp_path: Path) -> None:
    said = scenes.a_dead_rank(scenes.endless(root, comm="torch"), tmp_path)
    assert "error[R641] rank 1 was killed by signal 9" in said and "out of memory?" in said


@pytest.mark.slow
def test_ranks_end_with_their_parent(root: Path, tmp_path: Path) -> None:
    assert scenes.a_parent_that_ends(scenes.endless(root, comm="torch"), tmp_path, signal.SIGTERM) == 143
