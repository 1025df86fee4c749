"""scripts/bench/leaderboard.py on a made root: who stands on it, what it prints, one JSON line."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from lstmrec.config.load import load, validate
from lstmrec.contracts import tables
from tests import by_path, made


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return by_path.script("scripts/bench/leaderboard.py")


def written(path: Path, **events: Any) -> str:
    """A config file of `made.config`."""
    data = made.config(path).model_dump(mode="json", exclude_defaults=True)
    for entry, kind in zip(data["score"]["recommenders"], made.FIGURES, strict=True):
        entry["kind"] = kind
    data["clean"]["events"] |= events
    if events:
        data["split"] = {"by": "leave_last", "last": 1}
    place = path / "conf.yaml"
    path.mkdir(exist_ok=True, parents=True)
    place.write_text(yaml.safe_dump(data))
    return str(place)


def test_every_kind_stands_there_once_and_the_config_holds(script: ModuleType, tmp_path: Path) -> None:
    for events, clock in (({}, True), ({"time": None, "position": "n"}, False)):
        conf = load([written(tmp_path / str(clock), **events)])
        found = script.entries(conf, ["lstm_2=/runs/b", "lstm_3=s3://runs/c"])
        names = [e["name"] for e in found]
        assert len(set(names)) == len(names) and {e["kind"] for e in found} == {*script.KINDS, "table", "blend"}
        assert ("popularity_28d" in names) == ("personal_decayed" in names) == clock
        blend = next(e for e in found if e["kind"] == "blend")
        assert {"model", "lstm_2", "lstm_3", "ease"} <= set(blend["of"]) and blend["k"] == 10
        nets = next(e for e in found if e["name"] == "nets")
        assert nets["of"] == ["model", "lstm_2", "lstm_3"] and nets["by"] == "score"
        data = conf.model_dump(mode="json")
        data["score"]["recommenders"] = found
        assert validate(data).score.recommenders[-1].kind == "blend"


def test_it_prints_the_leaderboard_and_one_line(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    took = {"users": {"test": 2014}, "seconds": {"model": {"test": 4}}}
    config = written(root)
    asked: list[str] = []

    def run(paths: list[str], settings: list[str]) -> None:
        made.root(root)
        blends = [{"name": "blend", "best": "item_knn", "fitted": {}, "judged": {"blend": 0.43, "item_knn": 0.42},
                   "gain": {"value": 0.01, "low": -0.001, "high": 0.02, "p": 0.1}}]  # fmt: skip
        made.put(root, tables.METRICS, made.metric_rows(), version="v2", facts=made.metric_facts() | {"blends": blends})
        made.put(root, tables.RECOMMENDATIONS, [], version="v9", facts=took)
        asked.extend([*paths, *settings])

    monkeypatch.setattr(script, "run", run)
    out = tmp_path / "out.json"
    assert script.main(["--config", config, "--set", "score.k=11", "--json", str(out)]) == 0
    assert asked[0] == config and "score.k=11" in asked and "evaluate.baseline=model" in asked
    printed = capsys.readouterr().out.splitlines()
    found = json.loads(printed[-1])
    assert found == json.loads(out.read_text()) and found["recommenders"] == 4 == len(found["rows"])
    assert [r["name"] for r in found["rows"]] == ["item_knn", "model", "personal", "popularity"]
    first, model = found["rows"][:2]
    assert first["ndcg_10"] == pytest.approx([0.42, 0.40, 0.44]) and first["kind"] == "item_knn"
    assert first["baseline_minus"]["value"] == pytest.approx(-0.01) and first["baseline_minus"]["p_holm"] == 0.03
    assert first["users_per_second"] is None and model["users_per_second"] == 503.5
    assert model["baseline_minus"] is None and found["k"] == 10 and found["protocol"].startswith("time cut")
    text = "\n".join(printed)
    assert "0.4200 (0.4000 to 0.4400)" in text and "-0.0100 (-0.0150 to -0.0050)" in text
    assert "NDCG@10 0.4300, +0.0100 (-0.0010 to +0.0200) beside its best part, item_knn" in text


def test_a_run_that_fails_ends_it(script: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="ended with 2"):
        script.run([str(tmp_path / "none.yaml")], [])


def test_rows_go_into_a_page_between_its_marks(script: ModuleType, tmp_path: Path) -> None:
    one = {"name": "model", "ndcg_10": [0.3, 0.2, 0.4], "hr_10": [0.5, 0.4, 0.6], "baseline_minus": None}
    gap = {"value": 0.1, "low": 0.05, "high": 0.15, "p_holm": 0.01}
    rows = [one, one | {"name": "ease", "baseline_minus": gap}, one | {"name": "als", "baseline_minus": gap}]
    told, page = tmp_path / "told.json", tmp_path / "page.md"
    told.write_text(json.dumps({"rows": rows, "k": 10}))
    page.write_text(
        "a\n<!-- leaderboard ml1m ease model -->\nold\n<!-- end -->\nb\n<!-- leaderboard demo -->\n<!-- end -->\n"
    )
    call = ["--told", str(told), "--into", str(page)]
    assert script.main(call) == 0 == script.main([*call, "--board", "demo"])
    first, second = page.read_text().split("b\n")
    assert first.splitlines()[4:6] == ["| model | 0.3000 (0.2000 to 0.4000) | 0.5000 (0.4000 to 0.6000) |  |",
                                       "| ease | 0.3000 (0.2000 to 0.4000) | 0.5000 (0.4000 to 0.6000) | +0.1000 "
                                       "(+0.0500 to +0.1500) |"]  # fmt: skip
    assert "als" not in first and "old" not in first and "| als |" in second
    before = page.read_text()
    script.main(call)
    assert page.read_text() == before
    with pytest.raises(SystemExit, match="no <!-- leaderboard other -->"):
        script.main([*call, "--board", "other"])
