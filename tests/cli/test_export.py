from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lstmrec import versions
from lstmrec.cli.main import call
from lstmrec.contracts import tables
from lstmrec.scoring import worker
from tests.model import worlds
from tests.scoring import bundles, exports


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A config file over a root with a bundle and its item vectors."""
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))
    worker.the_net.cache_clear()
    threads = torch.get_num_threads()
    exports.world(tmp_path / "root", worlds.net(**worlds.RICH).eval())
    place = tmp_path / "c.yaml"
    place.write_text(json.dumps({"root": str(tmp_path / "root"), "as_of": "2020-01-01T00:00:00Z",
                                 "clean": {"events": {"path": ["x"]}}}))  # fmt: skip
    yield str(place)
    torch.set_num_threads(threads)


def test_it_writes_what_is_asked_for(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "out"
    asked = ["export", "--config", config, "--out", str(out), "--format", "torch"]
    assert call(asked) == 0
    assert {p.name for p in out.iterdir()} == {
        "items.npy", "bias.npy", "item_ids.json", "vocabularies.json", "start.pt2", "step.pt2", "manifest.json"
    }  # fmt: skip
    said = capsys.readouterr().out
    assert "28 items" in said and bundles.VERSION in said and "torch" in said and "onnx" not in said
    assert call(asked) == 2 and "C044" in capsys.readouterr().err


def test_what_is_live_goes_before_what_is_new(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(tmp_path / "root")
    versions.append(root, "bundle", bundles.VERSION, "live")
    newer = bundles.manifest(tables.BUNDLE).__dict__ | {"version": "ffffffffffff-00000000"}
    versions.seal(root, type(bundles.manifest(tables.BUNDLE))(**newer))
    out = tmp_path / "out"
    assert call(["export", "--config", config, "--out", str(out), "--format", "torch"]) == 0
    assert json.loads((out / "manifest.json").read_text())["bundle"]["version"] == bundles.VERSION


def test_a_format_that_is_none(config: str, tmp_path: Path) -> None:
    assert call(["export", "--config", config, "--out", str(tmp_path / "out"), "--format", "pickle"]) == 2


def test_vectors_of_a_catalogue_it_was_not_trained_on(config: str, tmp_path: Path,
                                                      capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    root = tmp_path / "root"
    items = bundles.seal(root, tables.ENCODED_ITEMS, [])
    bundle = replace(versions.current(str(root), tables.BUNDLE), version="b2", facts={"items": "another"})
    of = {"bundle": bundle.fingerprint, "encoded_items": items.fingerprint}
    versions.seal(str(root), bundle)
    versions.seal(str(root), bundles.manifest(tables.ITEM_VECTORS, "v2", parents=of))
    assert call(["export", "--config", config, "--out", str(tmp_path / "out")]) == 3
    assert "D714" in capsys.readouterr().err and not (tmp_path / "out").exists()
