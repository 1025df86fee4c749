"""Figures of probes: what each is held against, paired by resample."""

from __future__ import annotations

from typing import Any

import pytest

from lstmrec.config.evaluate import ProbesConfig
from lstmrec.config.sequence import SequenceConfig
from lstmrec.frames import disturbed
from lstmrec.scoring import probes

CHOSEN = disturbed.probes(ProbesConfig(first=[1], drop=[0.3], inject=[]))


def means(**ndcg: list[float]) -> list[dict[str, Any]]:
    return [{"recommender": name.replace("_", "|", 1), "slice": "all", "resample": i, "users": 7, "ndcg_10": v,
             "hr_10": v / 2} for name, values in ndcg.items() for i, v in enumerate(values)]  # fmt: skip


def test_rungs_are_held_against_popularity_and_dirt_against_the_clean_history() -> None:
    rows = means(**{"model_as it is": [0.5, 0.4, 0.6], "popularity_as it is": [0.1, 0.1, 0.1],
                    "model_first 1": [0.3, 0.2, 0.4], "popularity_first 1": [0.2, 0.3, 0.1],
                    "profile_first 1": [0.25, 0.2, 0.1],
                    "model_30% dropped": [0.45, 0.41, 0.5], "model_every event twice": [0.5, 0.4, 0.6]})  # fmt: skip
    shared = [{"recommender": "model|30% dropped", "shared": 6, "items": 8}]
    found = {r["probe"]: r for r in probes.figures(rows, shared, CHOSEN, 10)}
    assert list(found) == ["as it is", "first 1", "30% dropped", "every event twice"]  # nobody's history is long
    assert found["as it is"]["against"] == "popularity, as it is"
    assert found["as it is"]["gap"] == pytest.approx([0.4, 0.305, 0.495])
    assert found["first 1"]["gap"] == pytest.approx([0.1, -0.09, 0.29])  # paired: -0.1 and 0.3
    assert found["first 1"]["gap_profile"] == pytest.approx([0.05, 0.0075, 0.2925])
    assert found["as it is"]["gap_profile"] is None
    assert found["30% dropped"]["against"] == "model, as it is"
    assert found["30% dropped"]["gap"] == pytest.approx([-0.05, -0.09725, 0.00725])
    assert found["every event twice"]["gap"] == [0, 0, 0]
    assert found["30% dropped"]["overlap"] == 0.75 and found["first 1"]["overlap"] is None
    assert found["first 1"]["hr_10"] == pytest.approx([0.15, 0.1025, 0.1975]) and found["first 1"]["users"] == 7


def test_long_histories_are_held_against_their_last_window() -> None:
    rows = means(**{"model_long histories, last window": [0.5], "model_long histories, fed whole": [0.6]})
    last, whole = probes.figures(rows, [], CHOSEN, 10)
    assert last["gap"] is None and last["against"] is None
    assert whole["against"] == "model, long histories, last window" and whole["gap"] == pytest.approx([0.1] * 3)


def test_windows_fed_whole_have_classes_up_to_their_length() -> None:
    conf = SequenceConfig(max_length=200, classes=[32, 64])
    sized = probes._sized(conf, 2048)
    assert (sized.max_length, sized.classes, sized.roles) == (2048, [32, 64, 200, 512, 1024], ["test"])
    assert probes._sized(conf, None).max_length == 200
