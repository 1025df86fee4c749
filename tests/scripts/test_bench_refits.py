"""scripts/bench/refits.py: its figures from weeks made by hand, and what each week's config says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import by_path


@pytest.fixture
def bench() -> Iterator[Any]:
    with by_path.beside("scripts/bench") as load:
        yield load("refits")


def week(anew: float, begun: float, seconds: float = 10.0, new: int | None = 4) -> dict[str, Any]:
    return {"as_of": "x", "anew": {"seconds": 40.0, "ndcg": anew, "new_items": None},
            "begun": {"seconds": seconds, "ndcg": begun, "new_items": new}}  # fmt: skip


def test_figures_leave_out_the_first_week(bench: Any) -> None:
    found = bench.facts([week(0.9, 0.9, 40.0, None), week(0.4, 0.5), week(0.5, 0.4, 30.0, 6)])
    assert found["cost_share"] == 0.5 and found["new_items"] == 5
    assert found["ndcg_anew"] == found["ndcg_begun"] == pytest.approx(0.45) and found["gap"] == pytest.approx(0.0)
    assert found["spread"] == pytest.approx(0.1414, abs=1e-4) and len(found["weeks"]) == 3
    assert json.loads(json.dumps(found)) == found


def test_a_week_goes_on_from_the_week_before(bench: Any, tmp_path: Path) -> None:
    args = bench.arguments(["--weeks", "3", "--dir", str(tmp_path), "--set", "train.epochs=7"])
    first, anew, begun = (bench.config(args, w, kind) for w, kind in ((0, "begun"), (1, "anew"), (1, "begun")))
    assert (first.as_of, anew.as_of) == ("2017-12-11T11:53:26Z", "2017-12-18T11:53:26Z") and begun.as_of == anew.as_of
    assert first.normalise.grow_from is None and first.train.init_from is None and first.train.epochs == 7
    assert anew.normalise.grow_from == begun.normalise.grow_from == f"{tmp_path}/anew-00"
    assert (anew.train.init_from, begun.train.init_from) == (None, f"{tmp_path}/begun-00")
    assert (anew.train.epochs, begun.train.epochs) == (7, 1)
    assert begun.train.learning_rate == anew.train.learning_rate / 2
    assert bench.config(args, 3, "anew").as_of == "2018-01-01T11:53:26Z"
    assert bench.arguments(["--quick"]).weeks == 2
