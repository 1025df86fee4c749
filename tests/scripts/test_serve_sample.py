"""The sample service answers as batch scoring does, without lstmrec and without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.model import rank
from lstmrec.model.batch import batch_of
from lstmrec.model.build import load
from lstmrec.model.net import Net
from lstmrec.scoring import export, worker
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.comm import Solo
from lstmrec.training.loop import train
from tests.model import worlds
from tests.scoring import bundles, exports
from tests.training import tables as trained

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "serve_sample.py"
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))
    worker.the_net.cache_clear()
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def served(folder: Path, lines: list[dict[str, Any]], k: int) -> list[dict[str, Any]]:
    """What the script prints, a list a line; it can import neither lstmrec nor torch."""
    argv = ["serve", str(folder), "--k", str(k)]
    code = ("import runpy, sys; sys.modules.update(dict.fromkeys(['lstmrec', 'torch', 'pyarrow']));"
            f"sys.argv = {argv!r}; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')")  # fmt: skip
    told = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([sys.executable, "-c", code], input=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@torch.no_grad()
def expected(folder: Path, net: Net, row: dict[str, Any], k: int) -> tuple[list[int], list[float]]:
    """The top-K of a window by `rank.serve` over the exported matrix."""
    vectors, bias = (torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("items", "bias"))
    items, scores = rank.serve(net, batch_of({name: np.asarray([v]) for name, v in row.items()}), vectors, bias, k)
    real = items[0] > 0
    return items[0][real].tolist(), scores[0][real].tolist()


@pytest.mark.parametrize("history", [pytest.param("filter", marks=pytest.mark.slow), "learn"])
def test_answers_are_the_lists_of_the_whole_history(tmp_path: Path, history: str) -> None:
    net = worlds.net(**worlds.RICH, history=history).eval()
    bundle, vectors, _ = exports.world(tmp_path / "root", net)
    export.export(str(tmp_path / "root"), bundle, vectors, tmp_path / "out")
    rows = exports.windows(4)
    told = [exports.lines(row, f"u{u}") for u, row in enumerate(rows)]
    mixed = [lines[t] for t in range(10) for lines in told if t < len(lines)]  # users take turns
    got = served(tmp_path / "out", mixed, 6)
    assert [g["user"] for g in got] == [line["user"] for line in mixed]
    for u, row in enumerate(rows):
        items, scores = expected(tmp_path / "out", net, row, 6)
        mine = [g for g in got if g["user"] == f"u{u}"]
        assert [x["item_id"] for x in mine[-1]["items"]] == [f"item {i}" for i in items]
        np.testing.assert_allclose([x["score"] for x in mine[-1]["items"]], scores, atol=1e-4)
        blank = {**row, "n": 0, "items": [0] * 9, "types": [0] * 9, "times": [0] * 9}
        assert [x["item_id"] for x in mine[0]["items"]] == [
            f"item {i}" for i in expected(tmp_path / "out", net, blank, 6)[0]
        ]


def test_a_value_of_the_tail_is_not_guessed(tmp_path: Path) -> None:
    net = worlds.net(use_static=True).eval()
    bundle, vectors, _ = exports.world(tmp_path / "root", net, tail_buckets=4)
    export.export(str(tmp_path / "root"), bundle, vectors, tmp_path / "out")
    with pytest.raises(AssertionError, match="no xxhash64"):
        served(tmp_path / "out", [{"user": "u", "static": {"age": "ancient"}}], 3)


def test_a_trained_bundle_gives_the_same_ten(tmp_path: Path) -> None:
    root = tmp_path / "root"
    trained.write_all(root)
    conf = trained.config(root, epochs=6, model={"layers": 2})
    train(conf, Solo(), ArrowFeed(), str(tmp_path / "work"))
    net = load(str(tmp_path / "work" / "export"))
    bundle = bundles.seal_bundle(root, net)
    rows = [{"item": i, "item_id": f"item {i}", "title": None, "id": i, "count": 5, "tags": [], "text": [],
             "numeric": [], "vectors": []} for i in range(2, 2 + trained.ITEMS)]  # fmt: skip
    vectors: Manifest = bundles.seal_vectors(root, rows, parents={"bundle": bundle.fingerprint})
    assert versions.current(str(root), tables.ITEM_VECTORS) == vectors
    export.export(str(root), bundle, vectors, tmp_path / "out")
    for start in (0, 5, 11):
        walk = [2 + (start + t) % trained.ITEMS for t in range(6)]
        lines = [{"user": "u", "item": f"item {i}"} for i in walk]
        row = {"items": walk, "types": [2] * 6, "times": [0] * 6, "ends": [1] * 6, "n": 6, "cut": 0}
        want, _ = expected(tmp_path / "out", net, row, 10)
        got = served(tmp_path / "out", lines, 10)[-1]["items"]
        assert [x["item_id"] for x in got] == [f"item {i}" for i in want]
        assert f"item {2 + (start + 6) % trained.ITEMS}" in [x["item_id"] for x in got[:3]]  # it has learned something
