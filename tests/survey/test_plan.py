from __future__ import annotations

from typing import Any

import pytest

from lstmrec.contracts.units import DAY_US
from lstmrec.survey import plan
from lstmrec.survey.scan import Counted


def counted(days: int, per_day: int = 10, **more: Any) -> Counted:
    base = {"events": days * per_day, "users": 20, "items": 50, "unreadable": 0}
    return Counted(**(base | more), days={d: (per_day, d * DAY_US + DAY_US - 1) for d in range(days)})  # type: ignore[arg-type]


@pytest.mark.parametrize(("days", "window"), [(365, 28), (140, 28), (100, 14), (40, 7), (16, 3), (8, 1)])
def test_windows_leave_most_of_the_time_to_train_on(days: int, window: int) -> None:
    cut, _ = plan.split(counted(days))
    assert cut == {"by": "time", "test_days": window, "validation_days": window}


def test_without_time_enough_each_user_gives_the_last_event() -> None:
    assert plan.split(counted(1))[0] == {"by": "leave_last", "last": 1}
    assert plan.split(counted(0))[0]["by"] == "leave_last"
    late = Counted(1000, 20, 50, 0, {0: (10, 0), 99: (990, 99 * DAY_US)})
    assert plan.split(late)[0]["by"] == "leave_last", "nearly all events would be test"


def test_now_is_the_second_after_the_last_event() -> None:
    assert plan.as_of(Counted(1, 1, 1, 0, {0: (1, 1_500_000)})) == "1970-01-01T00:00:02Z"


def test_what_comes_again_is_learnt() -> None:
    cut = {"by": "time", "test_days": 14}
    assert plan.sequence(counted(365), 0.3, cut) == {
        "objective": "next_days", "horizon_days": 14, "history": "learn", "max_length": 200,
    }  # fmt: skip
    assert plan.sequence(counted(10), 0.01, cut) == {"objective": "next_item", "history": "filter", "max_length": 32}
    assert plan.sequence(counted(10), 0.3, {"by": "leave_last"})["history"] == "ignore"


def test_sizes_grow_with_the_events() -> None:
    nets = [plan.train(counted(10, events=n), True, 1, ["id"], False) for n in (1_000, 500_000, 5_000_000, 10**9)]
    units = [n["model"]["units"] for n in nets]
    assert units == sorted(units) and units[0] == 64 and units[-1] == 256
    assert "loss" not in nets[0] and plan.train(counted(1, items=50_000), True, 1, ["id"], False)["loss"] == "sampled"
    assert all(n["batch"] % 8 == 0 for n in nets), "train.shards divides a batch"
