from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lstmrec.contracts.errors import ConfigError, DataError, ResourceError
from lstmrec.model import rank
from lstmrec.scoring import export, worker
from tests.model import worlds
from tests.scoring import bundles, exports


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))
    worker.the_net.cache_clear()
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def written(tmp_path: Path, formats: tuple[str, ...] = (), index: str | None = None, **change: Any) -> Any:
    """(the export's folder, its manifest, the net, ENCODED_ITEMS rows); no graph is asked for unless said."""
    net = worlds.net(**{**worlds.RICH, **change}).eval()
    bundle, vectors, rows = exports.world(tmp_path / "root", net)
    told = export.export(str(tmp_path / "root"), bundle, vectors, tmp_path / "out", formats, index)
    return tmp_path / "out", told, net, rows


def test_the_matrix_is_that_of_scoring(tmp_path: Path) -> None:
    out, told, net, rows = written(tmp_path)
    vectors, bias = bundles.matrix(net, rows)
    np.testing.assert_allclose(np.load(out / "items.npy"), vectors, atol=1e-6)
    np.testing.assert_allclose(np.load(out / "bias.npy"), bias, atol=1e-6)
    assert json.loads((out / "item_ids.json").read_text()) == ["", "", *[f"item {i}" for i in range(2, 30)]]
    assert told["items"]["rows"] == 30 and told["items"]["first"] == 2


def test_the_manifest_says_what_there_is(tmp_path: Path) -> None:
    out, told, _, _ = written(tmp_path, ("torch",))
    assert json.loads((out / "manifest.json").read_text()) == json.loads(json.dumps(told))
    assert set(told["files"]) == {p.name for p in out.iterdir()} - {"manifest.json"}
    for name, said in told["files"].items():
        data = (out / name).read_bytes()
        assert said == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert {g["torch"] for g in told["graphs"].values()} == {"start.pt2", "step.pt2"}
    assert told["bundle"]["version"] == bundles.VERSION
    assert json.loads((out / "vocabularies.json").read_text()) == {
        "event_type": exports.TYPES,
        "static": exports.STATIC,
    }
    assert told["vocabularies"]["static"] == ["age", "town"]
    assert told["profile"] == {"names": ["events", "items", "types"], "no_event": [-0.5, -2.0, 0.0]}


@pytest.mark.parametrize("setting", ["filter", "learn", "ignore"])
def test_what_serving_does_about_history(tmp_path: Path, setting: str) -> None:
    _, told, _, _ = written(tmp_path, history=setting)
    assert told["history"]["setting"] == setting
    assert ("history" in told["graphs"]) == (setting == "learn")
    assert told["history"].get("half_lives_days") == ([30.0, 90.0] if setting == "learn" else None)


def test_a_net_that_reads_items_alone_needs_no_other_table(tmp_path: Path) -> None:
    net = worlds.net().eval()
    bundle = bundles.seal_bundle(tmp_path / "root", net)
    vectors = bundles.seal_vectors(tmp_path / "root", bundles.encoded(), parents={"bundle": bundle.fingerprint})
    told = export.export(str(tmp_path / "root"), bundle, vectors, tmp_path / "out", [])
    assert told["vocabularies"] is None and told["profile"] is None


def test_refusals_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, _, _, _ = written(tmp_path)
    root = str(tmp_path / "root")
    bundle, vectors = (worker.versions.current(root, t) for t in (worker.tables.BUNDLE, worker.tables.ITEM_VECTORS))
    with pytest.raises(ConfigError) as there:
        export.export(root, bundle, vectors, out, [])
    assert there.value.code == "C044" and (out / "manifest.json").exists()
    other = export.versions.load(root, worker.tables.BUNDLE, bundle.version)
    object.__setattr__(other, "fingerprint", "another")
    with pytest.raises(DataError) as mixed:
        export.export(root, other, vectors, tmp_path / "new", [])
    assert mixed.value.code == "D840" and not (tmp_path / "new").exists()
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(ResourceError) as lacking:
        export.export(root, bundle, vectors, tmp_path / "new", [], "usearch")
    assert lacking.value.code == "R842" and not (tmp_path / "new").exists()
    monkeypatch.setattr(export.versions, "log", lambda *_: [])
    with pytest.raises(DataError) as gone:
        export.export(root, bundle, vectors, tmp_path / "new", [])
    assert gone.value.code == "D841" and not (tmp_path / "new").exists()


def test_attention_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        written(tmp_path, attention=True)
    assert refused.value.code == "D406" and not (tmp_path / "out").exists()


@torch.no_grad()
def test_the_index_finds_what_scores_best(tmp_path: Path) -> None:
    index = pytest.importorskip("usearch.index").Index
    out, told, net, _ = written(tmp_path, index="usearch", history="ignore")
    assert told["index"]["file"] in told["files"]
    found = index.restore(str(out / "items.usearch"))
    vectors, bias = (torch.from_numpy(np.load(out / f"{name}.npy")) for name in ("items", "bias"))
    batch = worlds.batch()
    users = net.user_vectors(batch, vectors)
    best, _ = rank.serve(net, batch, vectors, bias, 5)
    for user, want in zip(users.numpy(), best.tolist(), strict=True):
        got = found.search(np.append(user, np.float32(1)), 5)
        assert got.keys.tolist() == want  # of so few items it misses none
