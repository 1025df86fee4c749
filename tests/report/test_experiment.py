from __future__ import annotations

from typing import Any

import pytest

from lstmrec.config.evaluate import SequentialConfig
from lstmrec.config.variants import Variants
from lstmrec.report import experiment

THREE = Variants.model_validate({"salt": "s", "of": [{"name": n, "recommender": r, "share": s} for n, r, s in (
    ("control", "model", 0.5), ("b", "ease", 0.25), ("c", "model", 0.25))]})  # fmt: skip


def line(recommender: str, slice_: str, value: float, users: int, **more: Any) -> dict[str, Any]:
    return {"recommender": recommender, "slice": slice_, "metric": "ndcg", "k": 10, "value": value, "low": value - 0.1,
            "high": value + 0.1, "users": users, **more}  # fmt: skip


LINES = [
    line("model", "variant:control", 0.3, 400), line("ease", "variant:control", 0.9, 400), line("model", "all", 0.9, 9),
    line("ease", "variant:b", 0.35, 200), line("model", "variant:b", 0.9, 200),
    line("ease", "variant:b", 0.9, 200, metric="recall"), line("ease", "variant:b", 0.9, 200, k=5),
]  # fmt: skip


def drawn(**values: list[float | None]) -> list[dict[str, Any]]:
    return [{"variant": n, "resample": i, "value": v} for n, many in values.items() for i, v in enumerate(many)]


def day(number: int, before: Any = None, **values: list[float | None]) -> dict[str, Any]:
    asked = experiment.Asked(THREE, "key", f"2018-01-{number:02d}T00:00:00Z", 10, SequentialConfig(), before or {})
    return experiment.facts(asked, LINES, drawn(**values))


SIDES: dict[str, list[float | None]] = {"control": [0.3, 0.3, 0.3, 0.3], "b": [0.35, 0.351, 0.349, 0.352]}


def test_each_variant_has_its_own_recommenders_figure_and_its_difference_to_the_first() -> None:
    found = day(1, **SIDES)
    assert {n: (f["value"], f["users"]) for n, f in found["figures"].items()} == {
        "control": (0.3, 400), "b": (0.35, 200), "c": (None, 0),
    }  # fmt: skip
    assert found["today"].keys() == {"b"} and found["today"]["b"]["value"] == pytest.approx(0.05)
    assert 0.049 <= found["today"]["b"]["low"] < found["today"]["b"]["high"] <= 0.053
    assert found["so_far"]["b"]["days"] == 1 and found["so_far"]["c"]["days"] == 0  # nobody of c came
    assert experiment.told(found)["c - control"] == "no day yet, open, 0 days"


def test_alpha_is_parted_among_those_held_against_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    real = experiment.sequential.after
    monkeypatch.setattr(experiment.sequential, "after", lambda *a: seen.append(a[5]) or real(*a))
    day(1, **SIDES)
    assert seen == [0.025]


def test_a_day_goes_on_from_the_day_before_and_thirty_are_kept() -> None:
    found = None
    for number in range(1, 32):
        found = day(number, found, **SIDES)
    assert found is not None and found["so_far"]["b"]["days"] == 31 and len(found["history"]) == 30
    assert (found["history"][0]["day"], found["history"][-1]["so_far"]) == ("2018-01-02T00:00:00Z", found["so_far"])
    assert found["so_far"]["b"]["decided"] == "2018-01-01T00:00:00Z"
    assert "decided 2018-01-01" in experiment.told(found)["b - control"]


def test_a_resample_without_users_leaves_the_day_out_of_the_test() -> None:
    found = day(1, control=[0.3, 0.29, None, 0.3], b=SIDES["b"])
    assert found["so_far"]["b"]["days"] == 0 and found["today"]["b"]["value"] == pytest.approx(0.05)
