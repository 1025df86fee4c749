"""Where training stands, besides tensors: plain data, a checkpoint's JSON.

There is no generator to save: every draw is keyed by (seed, step, virtual shard); and no learning rate: it is a
function of the step and the epoch's progress.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from lstmrec.training.export import TrainResult


@dataclass
class State:
    """step: steps done over all epochs. epoch: the current one, 0-based, `position` steps of it done, with its summed
    loss over `positions` labels (window_: since the log's last row), seconds, seconds waited for the reader. best:
    name of the best weights, `worse` epochs since. data, spec: what the training is of. teachers: what each is worth on
    validation, and last all together; taught_until: the step from which on they were silent; None: not yet.
    """

    data: str = ""
    spec: str = ""
    step: int = 0
    epoch: int = 0
    position: int = 0
    loss: float = 0.0
    positions: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    window_loss: float = 0.0
    window_positions: int = 0
    rate: float = 0.0
    best: str | None = None
    best_epoch: int = 0
    worse: int = 0
    done: bool = False
    teachers: list[dict[str, Any]] | None = None
    taught_until: int | None = None
    log: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> State:
        return State(**json.loads(text))

    def best_row(self) -> dict[str, Any]:
        """The log's row of the best epoch."""
        return self.log[self.best_epoch - 1]

    def result(self) -> TrainResult:
        best = self.best_row()
        return TrainResult(self.best_epoch, len(self.log), int(best["step"]), best["ndcg_10"], best["hr_10"],
                           sum(r["positions"] for r in self.log), sum(r["seconds"] for r in self.log),
                           sum(r["starved"] * r["seconds"] for r in self.log))  # fmt: skip
