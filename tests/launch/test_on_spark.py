from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.launch.solo import run as alone
from lstmrec.launch.start import start
from lstmrec.training.export import read_result
from tests.launch import scenes
from tests.training.tables import config, write_all

pytestmark = pytest.mark.horovod


def test_the_tasks_of_a_session_are_ranks(root: Path, tmp_path: Path, spark: Any) -> None:
    result = start(scenes.conf(root, launch="on_spark"), str(tmp_path / "two"))
    alone(config(root), str(tmp_path / "one"))
    one = read_result(str(tmp_path / "one"))
    assert (result.steps, result.positions) == (one.steps, one.positions) and result.ndcg == pytest.approx(one.ndcg)
    assert spark.range(3).count() == 3  # a session handed in is alive afterwards


@pytest.mark.slow
def test_what_a_rank_raises_arrives(tmp_path: Path, spark: Any) -> None:
    write_all(tmp_path)
    next((tmp_path / "sequences").glob("*/data/role=train/**/*.parquet")).write_bytes(b"PAR1 no more")
    with pytest.raises(DataError) as error:
        start(scenes.conf(tmp_path, launch="on_spark"), str(tmp_path / "work"))
    assert error.value.code == "D612" and error.value.where.startswith("rank ")
    assert spark.range(3).count() == 3


def test_calls_that_cannot_work_are_refused_at_once(root: Path, tmp_path: Path, spark: Any) -> None:
    with pytest.raises(ConfigError, match="by Horovod only"):
        start(scenes.conf(root, launch="on_spark", comm="torch"), str(tmp_path))
    with pytest.raises(ConfigError, match="2 task slots for 4 ranks"):
        start(scenes.conf(root, launch="on_spark", ranks=4, shards=4, batch=8), str(tmp_path))
