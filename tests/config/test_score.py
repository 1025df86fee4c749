from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lstmrec.config.score import Eligible, Filters, Ladder
from lstmrec.contracts.errors import ConfigError
from tests import made


def test_seen_comes_to_what_the_model_was_trained_with() -> None:
    assert [Filters().hides(h) for h in ("filter", "learn", "ignore")] == ["history", "none", "none"]
    assert [Filters(seen=s).hides("filter") for s in ("none", "history", 7)] == ["none", "history", 7]


def test_rules_are_whatever_looks_at_items() -> None:
    assert not Filters(seen=3).rules and Filters(per_tag={"a": 1}).rules and Filters(banned=["x"]).rules
    table = Eligible(path=["x"])
    assert Filters(eligible=table).tables == {"eligible": table} and Filters().tables == {}


@pytest.mark.parametrize(
    "bad",
    [
        {"rungs": ["full_history"]},
        {"rungs": ["short_history", "full_history", "popularity"]},
        {"rungs": ["full_history", "full_history", "popularity"]},
        {"rungs": ["segment_popularity", "popularity"]},
        {"attribute": "age"},
    ],
)
def test_a_ladder_has_its_order_and_a_last_rung(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Ladder(**bad)


@pytest.mark.parametrize("bad", [{"seen": 0}, {"pinned": {"a": 0}}, {"per_tag": {"a": 0}}, {"seen": "all"}])
def test_filters_that_mean_nothing_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Filters(**bad)
    with pytest.raises(ValidationError):
        Eligible(path=["x"], segment="s")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"score": {"mode": "carry", "because": {}}}, "score.because leaves events out of windows"),
        ({"candidates": {"recommenders": ["model", "nobody"]}}, r"\['nobody'\] are none of score.recommenders"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        made.config(tmp_path, **more)
