"""What a finished training leaves for its job to commit: WORK/export, its result.json last."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from lstmrec import files
from lstmrec.contracts.errors import ResourceError
from lstmrec.model.build import build, save
from lstmrec.model.spec import NetSpec

RESULT = "result.json"


@dataclass(frozen=True)
class TrainResult:
    """best_epoch (from 1), epochs run, steps: those of the best epoch's end; NDCG@10 and HR@10 of validation (None
    without validation rows); positions learned from, seconds of learning, seconds of them waited for the reader. items:
    fingerprint of the catalogue. teacher: `distill.Lesson.facts`; begun: `grown.Begun`; None without one.
    """

    best_epoch: int
    epochs: int
    steps: int
    ndcg: float | None
    hr: float | None
    positions: int
    seconds: float
    waited: float
    items: str = ""
    teacher: dict[str, Any] | None = None
    begun: dict[str, Any] | None = None


def export(
    work: str, spec: NetSpec, weights: Mapping[str, Tensor], log: Sequence[Mapping[str, Any]], result: TrainResult
) -> None:
    """Write the best weights as a model folder, the log a row an epoch, and then the result."""
    folder = files.join(work, "export")
    files.remove(folder)
    net = build(spec, 0)
    net.load_state_dict(dict(weights))
    with tempfile.TemporaryDirectory() as temporary:
        save(net, temporary)
        parts = {path.name: path.read_bytes() for path in sorted(Path(temporary).iterdir())}
    parts["log.jsonl"] = "".join(json.dumps(row) + "\n" for row in log).encode()
    parts[RESULT] = json.dumps(asdict(result)).encode()
    for name, data in parts.items():
        if not files.create(files.join(folder, name), data):
            raise ResourceError("R634", "another process exports the same training", folder,
                                "one training job a root and config at a time")  # fmt: skip


def read_result(work: str) -> TrainResult:
    """The result of a finished training; FileNotFoundError where there is none."""
    return TrainResult(**json.loads(files.read_text(files.join(work, "export", RESULT))))
