"""`lstmrec tune` on a small root: trials are trained, and what it leaves is there to be used."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

pytest.importorskip("optuna")

from lstmrec.cli.main import call
from lstmrec.config.load import load
from tests.training.tables import config, write_all


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str, Path]:
    root = tmp_path / "root"
    write_all(root)
    conf = tmp_path / "conf.json"
    conf.write_text(config(root, epochs=2).model_dump_json())
    space = tmp_path / "space.yaml"
    space.write_text(
        "train.learning_rate: {low: 0.001, high: 0.05, log: true}\ntrain.model.units: {choices: [6, 12]}\n"
    )
    return str(conf), str(space), root


def test_the_best_is_a_config_and_a_second_call_goes_on(
    files: tuple[str, str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    conf, space, root = files
    assert call(["tune", "--config", conf, "--space", space, "--trials", "2"]) == 0
    told = capsys.readouterr().out
    assert "trial 2/2" in told and "test has not been looked at" in told
    place = root / "_tune" / "study"
    assert call(["tune", "--config", conf, "--space", space, "--trials", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [t["number"] for t in found["trials"]] == [0, 1, 2]
    rows = list(csv.DictReader((place / "trials.csv").open()))
    assert len(rows) == 3 and float(rows[0]["ndcg_10"]) == found["trials"][0]["value"]
    best = yaml.safe_load((place / "best.yaml").read_text())
    assert best["train"]["learning_rate"] == found["best"]["values"]["train.learning_rate"]
    assert load([conf, str(place / "best.yaml")]).train.model.units == found["best"]["values"]["train.model.units"]
    assert "<svg" in (place / "search.svg").read_text() and "var(" not in (place / "search.svg").read_text()
    assert not any((place / "work").glob("*/*"))  # checkpoints are gone


def test_without_tables_it_says_what_to_run(tmp_path: Path, files: tuple[str, str, Path]) -> None:
    conf, space, _ = files
    assert call(["tune", "--config", conf, "--space", space, "--set", f"root={tmp_path / 'empty'}"]) == 3
    assert call(["tune", "--config", conf, "--space", str(tmp_path / "none.yaml")]) == 2
