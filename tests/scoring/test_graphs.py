from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lstmrec.contracts.errors import ResourceError
from lstmrec.model import stepwise
from lstmrec.scoring import graphs
from tests.model import steps, worlds

_SOME = ("plain", "rich")  # what differs in between is exported in the slow tests


def kinds() -> list[Any]:
    return [kind if kind in _SOME else pytest.param(kind, marks=pytest.mark.slow) for kind in steps.KINDS]


def by_onnx(folder: Path, told: dict[str, Any]) -> steps.Run:
    runtime = pytest.importorskip("onnxruntime")
    sessions = {name: runtime.InferenceSession(str(folder / one["onnx"])) for name, one in told.items()}

    def run(name: str, named: dict[str, Tensor]) -> tuple[Tensor, ...]:
        fed = {p["name"]: named[p["name"]].numpy() for p in told[name]["inputs"]}
        assert [p["name"] for p in told[name]["inputs"]] == [i.name for i in sessions[name].get_inputs()]
        return tuple(map(torch.from_numpy, sessions[name].run([p["name"] for p in told[name]["outputs"]], fed)))

    return run


def by_torch(folder: Path, told: dict[str, Any]) -> steps.Run:
    programs = {name: torch.export.load(folder / one["torch"]).module() for name, one in told.items()}

    def run(name: str, named: dict[str, Tensor]) -> tuple[Tensor, ...]:
        out = programs[name](*(named[p["name"]] for p in told[name]["inputs"]))
        return tuple(out) if isinstance(out, tuple | list) else (out,)

    return run


@pytest.mark.parametrize("kind", kinds())
def test_files_step_as_the_net_does(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("onnxscript")
    net = worlds.net(**steps.KINDS[kind]).eval()
    told = graphs.write(tmp_path, stepwise.graphs(net), ["onnx", "torch"])
    assert {p.name for p in tmp_path.iterdir()} == {"start.onnx", "start.pt2", "step.onnx", "step.pt2"}
    for run in (by_onnx(tmp_path, told), by_torch(tmp_path, told)):
        for rows in (1, 6):  # of whatever size it was traced with
            assert steps.off(run, net, worlds.batch(rows=rows, seed=rows)) < 1e-5


@torch.no_grad()
def test_own_scores_in_files(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    net = worlds.net(history="learn").eval()
    graph = stepwise.graphs(net)["history"]
    told = graphs.write(tmp_path, {"history": graph}, ["onnx", "torch"])
    for entries in (1, 4):
        named = {p.name: 0.5 + torch.rand([entries if isinstance(n, str) else n for n in p.shape])
                 for p in graph.inputs}  # fmt: skip
        want = graph(*named.values())
        for run in (by_onnx(tmp_path, told), by_torch(tmp_path, told)):
            torch.testing.assert_close(run("history", named)[0], want, rtol=1e-5, atol=1e-5)


def test_ports_are_told_as_data(tmp_path: Path) -> None:
    told = graphs.write(tmp_path, {"step": stepwise.graphs(worlds.net(use_types=True))["step"]}, ["torch"])
    assert [(p["name"], p["dtype"], p["shape"]) for p in told["step"]["inputs"]] == [
        ("h", "float32", (1, "batch", 12)), ("c", "float32", (1, "batch", 12)), ("item", "float32", ("batch", 8)),
        ("type", "int64", ("batch",)),
    ]  # fmt: skip
    assert [p["name"] for p in told["step"]["outputs"]] == ["next_h", "next_c", "user"]
    assert told["step"]["torch"] == "step.pt2" and "onnx" not in told["step"]


def test_onnx_needs_its_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ResourceError) as lacking:
        graphs.write(tmp_path, stepwise.graphs(worlds.net()), ["onnx"])
    assert lacking.value.code == "R841"
