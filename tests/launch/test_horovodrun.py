from __future__ import annotations

import signal
from pathlib import Path

import pytest

from lstmrec.contracts.errors import ConfigError, DataError, ResourceError
from lstmrec.launch.horovodrun import arguments
from lstmrec.launch.solo import run as alone
from lstmrec.launch.start import start
from lstmrec.training.export import read_result
from tests.launch import scenes
from tests.training.tables import config, write_all


def test_the_argument_list(root: Path) -> None:
    here = arguments(scenes.conf(root, stall_s=60))
    assert here[1:8] == ["-m", "horovod.runner.launch", "--gloo", "-np", "2", "--network-interfaces", "lo"]
    assert here[8:] == ["--stall-check-warning-time-seconds", "30", "--stall-check-shutdown-time-seconds", "60"]
    there = arguments(scenes.conf(root, hosts="a.b-c:1,10.0.0.2:1", network="eth0"))
    assert there[6:10] == ["-H", "a.b-c:1,10.0.0.2:1", "--network-interfaces", "eth0"]
    assert "--network-interfaces" not in arguments(scenes.conf(root, hosts="a:1,b:1"))


@pytest.mark.parametrize("bad", [{"hosts": "a:1;rm -rf x"}, {"hosts": "a:1 -v"}, {"hosts": "-x:1"},
                                 {"network": "lo $(id)"}])  # fmt: skip
def test_nothing_odd_gets_near_a_shell(root: Path, bad: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"C642"):
        arguments(scenes.conf(root, **bad))


@pytest.mark.horovod
@pytest.mark.parametrize("reader", ["petastorm", "arrow"])
def test_two_ranks_reach_what_one_reaches(
    root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], reader: str
) -> None:
    result = start(scenes.conf(root, reader=reader), str(tmp_path / "two"))
    said = capfd.readouterr().out
    assert said.count("train  epoch 3/3 · loss") == 1 and "<stdout>" not in said
    alone(config(root), str(tmp_path / "one"))
    one = read_result(str(tmp_path / "one"))
    assert (result.steps, result.positions) == (one.steps, one.positions) and result.ndcg == pytest.approx(one.ndcg)


@pytest.mark.horovod
def test_what_a_rank_raises_arrives(tmp_path: Path) -> None:
    write_all(tmp_path)
    next((tmp_path / "sequences").glob("*/data/role=train/**/*.parquet")).write_bytes(b"PAR1 no more")
    with pytest.raises(DataError) as error:
        start(scenes.conf(tmp_path), str(tmp_path / "work"))
    assert error.value.code == "D612" and error.value.where.startswith("rank ")


@pytest.mark.horovod
@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_rank_costs_time_and_nothing_else(root: Path, tmp_path: Path, rank: int) -> None:
    scenes.killed_and_straight(scenes.long(root), tmp_path, rank)


@pytest.mark.horovod
@pytest.mark.slow
def test_a_dead_rank_ends_the_job_and_is_named(root: Path, tmp_path: Path) -> None:
    said = scenes.a_dead_rank(scenes.endless(root), tmp_path)
    assert "error[R641] rank 1 was killed by signal 9" in said


@pytest.mark.horovod
@pytest.mark.slow
def test_a_hung_rank_ends_the_job(root: Path, tmp_path: Path) -> None:
    said = scenes.a_hung_rank(scenes.endless(root, stall_s=6), tmp_path)
    assert "error[R6" in said and "rank 0" in said


@pytest.mark.horovod
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ranks_end_with_their_parent(root: Path, tmp_path: Path, number: int) -> None:
    code = scenes.a_parent_that_ends(scenes.endless(root), tmp_path, number)
    assert code == (143 if number == signal.SIGTERM else -9)


@pytest.mark.horovod
@pytest.mark.timeout(120)
def test_an_interface_that_is_none_ends_the_job(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ResourceError) as error:
        start(scenes.conf(root, network="nosuch0", max_restarts=0), str(tmp_path / "work"))
    assert error.value.code == "R641"
