"""Checkpoints: all that is needed to go on, under digests, the marker last. Rank 0 alone touches the files.

FOLDER/step-00000500/state.safetensors     tensors by name
FOLDER/step-00000500/state.json            everything else
FOLDER/step-00000500/_DONE.json            sha256 of both; without it, it is not there
FOLDER/best-00000500/...                   the same, of the best weights so far: named by the states that follow
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from lstmrec import files
from lstmrec.contracts.errors import DataError, ResourceError

_TENSORS, _STATE, _DONE = "state.safetensors", "state.json", "_DONE.json"


class Checkpoints:
    """The checkpoints below a folder, the last `keep` of them kept."""

    def __init__(self, folder: str, keep: int) -> None:
        self.folder, self.keep = folder, keep

    def save(self, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> str:
        """Write a checkpoint, then remove those too old and the best weights that none of the kept names."""
        name = self._write(f"step-{step:08d}", tensors, state)
        steps = self._names("step-")
        for old in steps[: -self.keep]:
            self._remove(old)
        named = {self._best_of(kept) for kept in steps[-self.keep :]}
        for best in self._names("best-"):
            if best not in named:
                self._remove(best)
        return name

    def _best_of(self, name: str) -> str | None:
        try:
            return self._state(name)[1].get("best")
        except DataError:  # a broken one: `newest` passes it over
            return None

    def save_best(self, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> str:
        """Write the weights of a step apart; the next `save` must name them as `best` in its state."""
        return self._write(f"best-{step:08d}", tensors, state)

    def newest(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The newest whole checkpoint whose best weights are whole too; broken ones are passed over with a warning."""
        for name in reversed(self._names("step-")):
            try:
                tensors, state = self.load(name)
                if state.get("best") is not None:
                    self.load(state["best"])
                return tensors, state
            except DataError as error:
                warnings.warn(f"checkpoint passed over: {error.what} ({error.where})", stacklevel=2)
        return None

    def load(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and state of a checkpoint; DataError D634 where it is not whole to the last bit."""
        done, state = self._state(name)
        data = self._read(name, _TENSORS)
        if done.get(_TENSORS) != hashlib.sha256(data).hexdigest():
            raise self._broken(name, f"{_TENSORS} is cut or damaged")
        try:
            return safetensors.torch.load(data), state
        except SafetensorError as error:
            raise self._broken(name, str(error)) from error

    def _state(self, name: str) -> tuple[dict[str, str], dict[str, Any]]:
        try:
            done = json.loads(self._read(name, _DONE))
            data = self._read(name, _STATE)
            if done[_STATE] != hashlib.sha256(data).hexdigest():
                raise self._broken(name, f"{_STATE} is cut or damaged")
            return done, json.loads(data)
        except (ValueError, KeyError, TypeError) as error:
            raise self._broken(name, f"{_DONE} is cut or damaged") from error

    def _write(self, name: str, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> str:
        self._remove(name)  # what a crash or a damaged disk left under this name
        parts = {
            _TENSORS: safetensors.torch.save({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}),
            _STATE: json.dumps(state, sort_keys=True).encode(),
        }
        done = {part: hashlib.sha256(data).hexdigest() for part, data in parts.items()}
        for part, data in [*parts.items(), (_DONE, json.dumps(done).encode())]:
            if not files.create(self._path(name, part), data):
                raise ResourceError("R631", "another process writes this checkpoint", self._path(name, part),
                                    "one training job a root and config at a time")  # fmt: skip
        return name

    def _names(self, prefix: str) -> list[str]:
        return [n for n in files.names(self.folder) if n.startswith(prefix)]

    def _path(self, name: str, part: str) -> str:
        return files.join(self.folder, name, part)

    def _read(self, name: str, part: str) -> bytes:
        try:
            with files.open_read(self._path(name, part)) as f:
                return f.read()
        except OSError as error:
            raise self._broken(name, f"{part} is missing") from error

    def _remove(self, name: str) -> None:
        files.remove(files.join(self.folder, name))

    def _broken(self, name: str, what: str) -> DataError:
        return DataError("D634", f"checkpoint: {what}", files.join(self.folder, name),
                         "remove the folder: training goes on from the one before")  # fmt: skip
