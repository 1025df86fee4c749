"""The search: the best is found, the bad are pruned, a killed one goes on, and errors do not end it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna")

from lstmrec.config.space import Range
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.training.export import TrainResult
from lstmrec.training.tune import Trial, best, search

SPACE = {"train.clip": Range(low=0.0, high=4.0), "train.epochs": Range(choices=[2, 3])}


def value_of(values: dict[str, Any]) -> float:
    """Best at clip 3 and epochs 3."""
    return 0.5 - abs(values["train.clip"] - 3) / 10 - 0.1 * (values["train.epochs"] == 2)


def trainer(values: dict[str, Any], judged: Any) -> TrainResult:
    value = value_of(values)
    for epoch in range(1, 5):
        judged({"epoch": epoch, "ndcg_10": value * epoch / 4})
    return TrainResult(4, 4, 8, value, None, 1, 1.0, 0.0)


def test_it_finds_the_place_and_prunes_what_lags(tmp_path: Path) -> None:
    found = search(str(tmp_path / "log"), SPACE, 25, 1, trainer)
    assert len(found) == 25 and {t.state for t in found} == {"complete", "pruned"}
    chosen = best(found)
    assert chosen.value == pytest.approx(value_of(chosen.values)) and chosen.value > 0.44
    assert all(t.epochs < 4 for t in found if t.state == "pruned")


def test_a_killed_search_goes_on_with_the_trial_that_was_under_way(tmp_path: Path) -> None:
    straight = search(str(tmp_path / "straight"), SPACE, 6, 1, trainer)
    asked: list[dict[str, Any]] = []

    def killed(values: dict[str, Any], judged: Any) -> TrainResult:
        asked.append(values)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return trainer(values, judged)

    log = str(tmp_path / "broken")
    with pytest.raises(KeyboardInterrupt):
        search(log, SPACE, 6, 1, killed)
    found = search(log, SPACE, 6, 1, killed)
    assert len(found) == 6 and asked[4] == asked[3]
    assert [t.values for t in found[:4]] == [t.values for t in straight[:4]]
    assert search(log, SPACE, 6, 1, killed) == found and len(asked) == 7  # done is done


def test_an_error_is_a_failed_trial_and_another_space_another_study(tmp_path: Path) -> None:
    def fails(values: dict[str, Any], judged: Any) -> TrainResult:
        if values["train.epochs"] == 2:
            raise DataError("D633", "not finite")
        return trainer(values, judged)

    log = str(tmp_path / "log")
    found = search(log, SPACE, 8, 3, fails)
    failed = [t for t in found if t.state == "failed"]
    assert len(found) == 8 and failed and all("D633" in t.error and t.value is None for t in failed)
    assert best(found).values["train.epochs"] == 3
    with pytest.raises(ConfigError, match="C042"):
        search(log, {"train.clip": Range(low=0.0, high=5.0)}, 9, 3, fails)


def test_there_must_be_something_to_choose_by(tmp_path: Path) -> None:
    def blind(values: dict[str, Any], judged: Any) -> TrainResult:
        judged({"epoch": 1, "ndcg_10": None})
        raise AssertionError

    found = search(str(tmp_path / "log"), SPACE, 1, 1, blind)
    assert "D657" in found[0].error
    with pytest.raises(DataError, match="D656"):
        best(found)
    same = [Trial(n, "complete", 0.2, 1, {}) for n in (0, 1)]
    assert best(same).number == 0
