from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lstmrec.contracts.errors import ConfigError, ResourceError
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.comm import Solo
from lstmrec.training.log import JsonLines, Log, MLflow, TensorBoard
from lstmrec.training.loop import train
from tests.training.tables import config, write_all
from tests.training.test_loop import BreaksOff, Broken


def row(step: int, kind: str = "step") -> dict[str, Any]:
    return {"kind": kind, "epoch": 1, "step": step, "loss": 1 / step, "ndcg_10": None}


def lines(work: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (work / "log.jsonl").read_text().splitlines()]


def test_rows_can_be_read_while_it_is_open(tmp_path: Path) -> None:
    log = JsonLines(str(tmp_path), 0)
    for step in (1, 2, 3):
        log.write(row(step))
        assert lines(tmp_path) == [row(n) for n in range(1, step + 1)]
    log.close()


@pytest.mark.parametrize(("step", "left"), [(0, []), (2, [1, 2]), (3, [1, 2, 3]), (9, [1, 2, 3])])
def test_going_on_cuts_what_comes_again_and_half_a_row(tmp_path: Path, step: int, left: list[int]) -> None:
    log = JsonLines(str(tmp_path), 0)
    for n in (1, 2, 3):
        log.write(row(n))
    log.close()
    with open(tmp_path / "log.jsonl", "a") as f:
        f.write('{"kind": "st')
    log = JsonLines(str(tmp_path), step)
    log.write(row(10))
    log.close()
    assert [r["step"] for r in lines(tmp_path)] == [*left, 10]


def test_one_rank_writes(tmp_path: Path) -> None:
    log = Log(config(tmp_path), str(tmp_path / "work"), 1, 0)
    log.write(row(1))
    log.close()
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("after", [6, 22])
def test_a_broken_off_training_has_the_rows_of_the_straight_one(tmp_path: Path, after: int) -> None:
    write_all(tmp_path / "root", rows=40, files=4)
    conf = config(tmp_path / "root", epochs=3, checkpoint_steps=3, log_steps=4)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    train(conf, Solo(), ArrowFeed(), str(straight))
    with pytest.raises(Broken):
        train(conf, Solo(), BreaksOff(after), str(broken))  # type: ignore[arg-type]
    assert 0 < len(lines(broken)) < len(lines(straight))
    train(conf, Solo(), ArrowFeed(), str(broken))
    told = [[[r[k] for k in ("kind", "epoch", "step", "loss", "positions", "rate")] for r in lines(w)]
            for w in (straight, broken)]  # fmt: skip
    assert told[0] == told[1]
    steps = [r for r in lines(straight) if r["kind"] == "step"]
    epochs = [r for r in lines(straight) if r["kind"] == "epoch"]
    assert [r["epoch"] for r in epochs] == [1, 2, 3] and all(r["step"] % 4 == 0 or r in steps for r in steps)
    for e in epochs:  # the windows of an epoch add up to it
        mine = [r for r in steps if r["epoch"] == e["epoch"]]
        assert sum(r["positions"] for r in mine) == e["positions"] and mine[-1]["step"] == e["step"]
        assert sum(r["loss"] * r["positions"] for r in mine) == pytest.approx(e["loss"] * e["positions"])


@pytest.mark.parametrize(("option", "extra"), [({"tensorboard": True}, "tensorboard"), ({"mlflow": "x"}, "mlflow")])
def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: dict[str, Any], extra: str
) -> None:
    monkeypatch.setitem(sys.modules, extra, None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(ResourceError, match=rf"lstmrec\[{extra}\]") as error:
        Log(config(tmp_path, **option), str(tmp_path / "work"), 0, 0)
    assert error.value.code == "R654"


def test_tensorboard_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for start, rows in ((0, (1, 2, 3)), (2, (3, 4))):
        board = TensorBoard(str(tmp_path), start)
        for n in rows:
            board.write(row(n))
        board.close()
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    assert found.Tags()["scalars"] == ["step/epoch", "step/loss"]
    assert [(e.step, e.value) for e in found.Scalars("step/loss")] == [(n, pytest.approx(1 / n)) for n in (1, 2, 3, 4)]


class Server:
    """Stands in for MLflow's client: keeps what it is told."""

    runs: dict[str, Any]

    def __init__(self, tracking_uri: str) -> None:
        if tracking_uri == "down":
            raise OSError("no route")

    def get_experiment_by_name(self, name: str) -> Any:
        return None

    def create_experiment(self, name: str) -> str:
        return "7"

    def create_run(self, experiment: str, run_name: str) -> Any:
        key = f"{run_name}-{len(self.runs)}"
        self.runs[key] = {"params": {}, "metrics": [], "ended": False}
        return SimpleNamespace(info=SimpleNamespace(run_id=key))

    def log_batch(self, run: str, metrics: Any = (), params: Any = ()) -> None:
        if self.runs[run] is None:
            raise OSError("gone")
        self.runs[run]["params"] |= {p.key: p.value for p in params}
        self.runs[run]["metrics"] += metrics

    def get_metric_history(self, run: str, key: str) -> Any:
        return [m for m in self.runs[run]["metrics"] if m.key == key]

    def set_terminated(self, run: str) -> None:
        self.runs[run]["ended"] = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> type[Server]:
    mlflow, entities = ModuleType("mlflow"), ModuleType("mlflow.entities")
    mlflow.__dict__["MlflowClient"] = Server
    entities.__dict__.update(
        Metric=lambda key, value, timestamp, step: SimpleNamespace(key=key, value=value, step=step),
        Param=lambda key, value: SimpleNamespace(key=key, value=value),
    )
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    Server.runs = {}
    return Server


def test_mlflow_goes_on_with_its_run(tmp_path: Path, server: type[Server]) -> None:
    conf = config(tmp_path, mlflow="http://there")
    for rows in ((1, 2, 3), (2, 3, 4)):
        log = MLflow(str(conf.train.mlflow), conf, str(tmp_path / "work"))
        for n in rows:
            log.write(row(n))
        log.write(row(rows[-1], "epoch"))
        log.close()
    (run,) = server.runs.values()
    assert [m.step for m in run["metrics"] if m.key == "step/loss"] == [1, 2, 3, 4]
    assert [m.step for m in run["metrics"] if m.key == "epoch/loss"] == [3, 4]
    assert run["params"]["model.dim"] == "8" and run["params"]["seed"] == "7" and run["ended"]


def test_no_password_in_the_config(tmp_path: Path, server: type[Server]) -> None:
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_PASSWORD"):
        MLflow("http://me:secret@there", config(tmp_path), str(tmp_path / "a"))


def test_a_tracking_server_that_is_gone(tmp_path: Path, server: type[Server]) -> None:
    with pytest.raises(ResourceError, match="no route") as error:
        MLflow("down", config(tmp_path), str(tmp_path / "a"))
    assert error.value.code == "R655"
    log = MLflow("up", config(tmp_path), str(tmp_path / "b"))
    server.runs = dict.fromkeys(server.runs)
    with pytest.warns(UserWarning, match="no more rows: gone"):
        log.write(row(1))
    log.write(row(2))
    log.close()
