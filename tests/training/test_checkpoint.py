from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from lstmrec.contracts.errors import DataError
from lstmrec.training.checkpoint import Checkpoints


def tensors(value: float) -> dict[str, torch.Tensor]:
    return {"net.w": torch.full((3, 2), value), "adam.w.step": torch.tensor(value)}


def three(folder: Path, keep: int = 3) -> Checkpoints:
    kept = Checkpoints(str(folder), keep)
    for step in (5, 10, 15):
        best = kept.save_best(step, {"w": torch.tensor(float(step))}, {"ndcg": 0.1}) if step < 15 else "best-00000010"
        kept.save(step, tensors(step), {"step": step, "best": best})
    return kept


def step_of(kept: Checkpoints) -> int:
    found = kept.newest()
    return -1 if found is None else int(found[1]["step"])


def test_the_newest_comes_back_bit_for_bit(tmp_path: Path) -> None:
    kept = three(tmp_path)
    found = kept.newest()
    assert found is not None and found[1] == {"step": 15, "best": "best-00000010"}
    assert {k: v.tolist() for k, v in found[0].items()} == {k: v.tolist() for k, v in tensors(15).items()}
    assert Checkpoints(str(tmp_path / "none"), 2).newest() is None


def test_old_ones_go_and_the_best_that_are_named_stay(tmp_path: Path) -> None:
    three(tmp_path, keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best-00000010", "step-00000010", "step-00000015"]


@pytest.mark.parametrize("part", ["state.safetensors", "state.json", "_DONE.json"])
@pytest.mark.parametrize("harm", ["cut", "flip", "gone"])
def test_a_damaged_one_is_passed_over_with_a_warning(tmp_path: Path, part: str, harm: str) -> None:
    kept = three(tmp_path)
    path = tmp_path / "step-00000015" / part
    data = bytearray(path.read_bytes())
    path.unlink()
    if harm == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif harm == "flip":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.warns(UserWarning, match="passed over"):
        assert step_of(kept) == 10
    kept.save(15, tensors(15), {"step": 15, "best": "best-00000010"})  # and the training that goes on writes it anew
    assert step_of(kept) == 15


def test_one_whose_best_weights_are_broken_is_passed_over(tmp_path: Path) -> None:
    kept = three(tmp_path)
    (tmp_path / "best-00000010" / "state.safetensors").write_bytes(b"x")
    with pytest.warns(UserWarning, match="best-00000010"):
        assert step_of(kept) == 5
    with pytest.raises(DataError, match="cut or damaged"):
        kept.load("best-00000010")


def test_a_crash_between_its_files_leaves_the_one_before(tmp_path: Path) -> None:
    kept = three(tmp_path)
    shutil.copytree(tmp_path / "step-00000015", tmp_path / "step-00000020", ignore=lambda *_: ["_DONE.json"])
    with pytest.warns(UserWarning, match="_DONE.json is missing"):
        assert step_of(kept) == 15


class Payload:
    """What torch.load or pickle would run."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.canary,)


@pytest.mark.parametrize("part", ["state.safetensors", "state.json"])
def test_a_pickle_with_a_digest_is_passed_over_and_runs_nothing(tmp_path: Path, part: str) -> None:
    kept, canary = three(tmp_path / "kept"), tmp_path / "canary"
    poison, folder = pickle.dumps(Payload(canary)), tmp_path / "kept" / "step-00000015"
    (folder / part).write_bytes(poison)
    done = json.loads((folder / "_DONE.json").read_text()) | {part: hashlib.sha256(poison).hexdigest()}
    (folder / "_DONE.json").write_text(json.dumps(done))
    with pytest.warns(UserWarning, match="checkpoint passed over"):
        assert step_of(kept) == 10
    assert not canary.exists()
    pickle.loads(poison)
    assert canary.exists(), "the payload is none"
