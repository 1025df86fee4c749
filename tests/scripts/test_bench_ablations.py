"""scripts/bench/ablations.py: every variant is a config, the mask is off in the loss alone, the table's figures."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from lstmrec.config.load import load
from lstmrec.training import loop
from tests import by_path
from tests.model import worlds


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return by_path.script("scripts/bench/ablations.py")


def test_each_variant_is_another_config(script: ModuleType) -> None:
    def trains(name: str) -> str:
        settings = (*script.VARIANTS[name], *script.taught(SimpleNamespace(teachers=[Path("runs/a"), "b#v1"]), name))
        return load([str(by_path.REPO / "conf/movielens-1m.yaml")], settings).train.model_dump_json()

    names = [name for name in script.VARIANTS if name != script.UNMASKED]
    assert len({trains(name) for name in names}) == len(names)
    assert '["runs/a","b#v1"]' in trains("units 128, taught") and "runs/a" not in trains("units 128")
    assert len({script.folder(Path("x"), name, 1) for name in script.VARIANTS}) == len(script.VARIANTS)


def test_the_mask_is_off_within_the_loss_alone(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def masked(net: Any) -> str:
        return str(net.spec.history)

    monkeypatch.setattr(loop, "loss", masked)
    net = SimpleNamespace(spec=worlds.spec(history="filter"))
    with script.blind():
        assert loop.loss(net) == "ignore"  # type: ignore[arg-type, call-arg, comparison-overlap]
        assert net.spec.history == "filter"
    assert loop.loss is masked  # type: ignore[comparison-overlap]


def test_the_table_has_means_spread_and_what_is_missing(script: ModuleType, tmp_path: Path) -> None:
    for name, seed, ndcg in (("recipe", 1, 0.25), ("recipe", 2, 0.75), ("SCE", 1, 0.125)):
        place = script.folder(tmp_path, name, seed)
        place.mkdir()
        found = {"name": name, "seed": seed, "ndcg_10": ndcg, "hr_10": ndcg, "best_epoch": 3, "weights": 7}
        (place / "result.json").write_text(json.dumps(found))
    console = Console(record=True, width=200)
    found = script.told(tmp_path, console)
    assert found["recipe"] == {
        "ndcg_10": 0.5,
        "hr_10": 0.5,
        "spread": pytest.approx(0.125**0.5),
        "seeds": 2,
        "weights": 7,
    }
    assert found["SCE"]["spread"] is None and set(found) == {"recipe", "SCE"}
    assert "-0.3750" in console.export_text()
