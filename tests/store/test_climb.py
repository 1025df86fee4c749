from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lstmrec.config.recommenders import Blend
from lstmrec.store import climb
from lstmrec.store.work import Desk


@pytest.mark.parametrize("peak", [(64, 0, 0), (0, 30, 34), (22, 20, 22), (2, 2, 60)])
def test_it_climbs_to_the_peak_in_few_looks(peak: tuple[int, ...]) -> None:
    looks: list[int] = []

    def look(grid: Sequence[climb.Weights]) -> list[int]:
        assert all(sum(w) == climb.WHOLE and min(w) >= 0 for w in grid)
        looks.append(len(grid))
        return [-sum((a - b) ** 2 for a, b in zip(w, peak, strict=True)) for w in grid]

    found = climb.climbed(3, look)
    assert max(abs(a - b) for a, b in zip(found, peak, strict=True)) <= 1
    assert len(looks) < 15


def test_equal_ones_fall_to_the_first_and_the_best_part_is_never_left_behind() -> None:
    assert climb.climbed(2, lambda grid: [7] * len(grid)) == (64, 0)
    jagged = {(0, 64): 5}
    assert climb.climbed(2, lambda grid: [jagged.get(w, 0) for w in grid]) == (0, 64)


def test_facts_tell_of_both_halves(spark: Any, tmp_path: Any) -> None:
    rows = spark.createDataFrame([(True, 1), (True, 2), (False, 3)], "fits boolean, n int")
    hand = climb.Climb(Desk(str(tmp_path)))

    def figures(frame: Any, grid: Sequence[climb.Weights]) -> Any:
        users = frame.select("n").count()
        made = [(i, (w[1] if users == 2 else w[0]) * users << 23, users) for i, w in enumerate(grid)]
        return frame.sparkSession.createDataFrame(made, "place int, ndcg bigint, users bigint")

    weights = hand(Blend(kind="blend", of=["a", "b"], weights="fit", k=7), rows, figures)
    assert weights == (0, 64)
    assert hand.told["blend"] == {
        "weights": {"a": 0.0, "b": 1.0},
        "fitted": {"users": 2, "ndcg_7": 0.5, "parts": {"a": 0.0, "b": 0.5}},
        "judged": {"users": 1, "ndcg_7": 0.0, "parts": {"a": 0.5, "b": 0.0}},
    }
