"""What rank 0 writes down while it trains: WORK/log.jsonl, and TensorBoard or MLflow where the config asks for them.

A row a step window: kind "step", epoch, step, loss (mean since the row before), rate, positions, positions_s, starved;
a row an epoch: kind "epoch" and what `loop` notes. Going on from a checkpoint writes no row twice.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from lstmrec import files
from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError, ResourceError

Row = Mapping[str, Any]
_APART = ("mlflow", "hosts", "network")  # of a machine, and not of the training
_EXPERIMENT = "lstmrec"
_TEXT = 500  # characters MLflow takes for a parameter


class Sink(Protocol):
    """Something that takes rows, in the order of their steps."""

    def write(self, row: Row) -> None: ...

    def close(self) -> None: ...


class Log:
    """All the sinks of a training; none on other ranks than 0. step: steps done already.

    ResourceError R654 where the library of an asked-for sink is not installed.
    """

    def __init__(self, conf: Config, work: str, rank: int, step: int) -> None:
        self.sinks: list[Sink] = []
        # Ranks: one writes.
        if rank:
            return
        if files.is_local(work):  # object stores cannot append: there the epochs' rows come with the export
            self.sinks.append(JsonLines(work, step))
        if conf.train.tensorboard:
            self.sinks.append(TensorBoard(files.join(conf.root, "_tensorboard", _name(work)), step))
        if conf.train.mlflow:
            self.sinks.append(MLflow(conf.train.mlflow, conf, work))

    def write(self, row: Row) -> None:
        for sink in self.sinks:
            sink.write(row)

    def close(self) -> None:
        for sink in self.sinks:
            sink.close()


class JsonLines:
    """WORK/log.jsonl, a JSON object a line, there to be read at once. Rows after `step` and half rows are cut off."""

    def __init__(self, work: str, step: int) -> None:
        path = files.local(files.join(work, "log.jsonl"))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "a+b")  # noqa: SIM115  # as long as the training
        self._file.seek(0)
        good = 0
        for line in self._file:
            if not line.endswith(b"\n") or json.loads(line)["step"] > step:
                break
            good += len(line)
        self._file.truncate(good)

    def write(self, row: Row) -> None:
        self._file.write(json.dumps(row).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class TensorBoard:
    """Event files in a folder; events of an earlier start after `step` are hidden."""

    def __init__(self, folder: str, step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise _missing("tensorboard", "train.tensorboard: true") from error
        self._writer = SummaryWriter(folder, purge_step=step + 1)

    def write(self, row: Row) -> None:
        for name, value in _numbers(row).items():
            self._writer.add_scalar(f"{row['kind']}/{name}", value, row["step"])
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class MLflow:
    """A run in the experiment "lstmrec" with the config's train section; WORK/mlflow.json keeps its id for a resume.

    ConfigError C651 for a URI with a password. A server that cannot be reached is ResourceError R655 at the start, and
    later a warning: it gets no more rows.
    """

    def __init__(self, uri: str, conf: Config, work: str) -> None:
        try:
            from mlflow import MlflowClient
            from mlflow.entities import Metric, Param
        except ImportError as error:
            raise _missing("mlflow", "train.mlflow") from error
        if urlsplit(uri).password:
            raise ConfigError("C651", "a password in train.mlflow would stand in reports", "train.mlflow",
                              "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")  # fmt: skip
        self._metric = Metric
        try:
            self._client = MlflowClient(tracking_uri=uri)
            note = files.join(work, "mlflow.json")
            if not files.exists(note):
                run = self._begin(conf, _name(work), Param)
                files.create(note, json.dumps({"run": run}).encode())
            self.run = str(json.loads(files.read_text(note))["run"])
            # A metric cannot be taken back: rows told before a resume are not told again.
            self._last = {kind: self._told(kind) for kind in ("step", "epoch")}
        except Exception as error:
            raise ResourceError("R655", f"MLflow: {error}", f"train.mlflow: {uri}",
                                "is the tracking server up? or --set train.mlflow=null") from error  # fmt: skip
        self._gone = False

    def _begin(self, conf: Config, name: str, param: Any) -> str:
        found = self._client.get_experiment_by_name(_EXPERIMENT)
        experiment = found.experiment_id if found else self._client.create_experiment(_EXPERIMENT)
        run = self._client.create_run(experiment, run_name=name).info.run_id
        keys = _flat(conf.train.model_dump(mode="json", exclude=set(_APART)))
        told = [param(key, str(value)[:_TEXT]) for key, value in (*keys, ("seed", conf.seed))]
        self._client.log_batch(run, params=told)
        return str(run)

    def _told(self, kind: str) -> int:
        return max((int(m.step) for m in self._client.get_metric_history(self.run, f"{kind}/loss")), default=-1)

    def write(self, row: Row) -> None:
        if self._gone or row["step"] <= self._last[row["kind"]]:
            return
        now = time.time_ns() // 10**6
        told = [self._metric(f"{row['kind']}/{k}", v, now, row["step"]) for k, v in _numbers(row).items()]
        self._try(lambda: self._client.log_batch(self.run, metrics=told))

    def close(self) -> None:
        if not self._gone:
            self._try(lambda: self._client.set_terminated(self.run))

    def _try(self, call: Any) -> None:
        try:
            call()
        except Exception as error:  # a lost server must not cost a training
            self._gone = True
            warnings.warn(f"MLflow gets no more rows: {error}", stacklevel=2)


def _numbers(row: Row) -> dict[str, float]:
    return {k: float(v) for k, v in row.items() if isinstance(v, int | float) and k != "step"}


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Nested keys as a.b."""
    out: list[tuple[str, Any]] = []
    for key, value in values.items():
        out += _flat(value, f"{before}{key}.") if isinstance(value, dict) else [(before + key, value)]
    return out


def _name(work: str) -> str:
    return work.rstrip("/").rsplit("/", 1)[-1]


def _missing(extra: str, where: str) -> ResourceError:
    return ResourceError("R654", f"{extra} is not installed", where, f"pip install 'lstmrec[{extra}]'")
