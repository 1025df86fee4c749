from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.report import day
from tests import made

DAY = {"value": 0.04, "low": -0.01, "high": 0.09}
FIGURES = {f"{m}_10": 0.25 for m in ("ndcg", "recall", "hr", "mrr")}


def judged(number: int, decided: str | None = None, low: float | None = -0.0125) -> Manifest:
    """A day with all days before it; on the fourth nobody of b came."""
    arm = {"share": 0.5, "users": 120, "value": 0.3, "low": 0.25, "high": 0.35}
    past = [{"day": f"2018-01-{n:02d}T00:00:00Z", "today": {"b": DAY} if n != 4 else {},
             "so_far": {"b": {"days": n, "users": [100, 120], "estimate": 0.0321, "low": low, "high": 0.0777,
                              "decided": decided}}} for n in range(1, number + 1)]  # fmt: skip
    found = {"key": "k", "salt": made.NASTY, "metric": "ndcg_10", "first": "control", "history": past,
             "figures": {"control": arm | {"recommender": "model"}, "b": arm | {"recommender": "ease"}},
             "today": past[-1]["today"], "so_far": past[-1]["so_far"],
             "states": {"b": {"drawn": [0.123456789]}}}  # fmt: skip
    facts = {"k": 10, "users": 240, "new": 3, "since": "2018-01-01T00:00:00Z", "variants": found,
             "days": {"model": FIGURES, "ease": FIGURES | {"ndcg_10": 0.5}}}  # fmt: skip
    return replace(made.manifest(tables.JUDGED, f"j{number}", facts=facts), as_of=f"2018-01-{number:02d}T00:00:00Z")


def test_variants_stand_with_their_history_and_a_text_for_those_who_do_not_see_it() -> None:
    html = day.render(day.gather("/runs/x", judged(6)))
    assert "b against control: not decided after 6 days" in html and "<script" not in html and made.NASTY not in html
    label = re.search(r'<svg role="img" aria-label="([^"]+)"', html)
    assert label and "2018-01-03 +0.0400 (-0.0100 to +0.0900)" in label[1] and "2018-01-04 +" not in label[1]
    assert "by 2018-01-06 in all +0.0321 (-0.0125 to +0.0777)" in label[1]
    assert "-0.0125 to +0.0777" in html and 'download="variants.csv"' in html and "not yet" in html
    assert html.index('<td>ease</td><td class="n">0.5000') < html.index('<td>model</td><td class="n">0.2500')
    assert "0.123456789" not in html


@pytest.mark.parametrize(("estimate", "said"), [(0.03, "b is better than control: decided on 2018-01-05"),
                                                (-0.03, "b is worse than control: decided on 2018-01-05")])  # fmt: skip
def test_a_decision_is_the_finding(estimate: float, said: str) -> None:
    found: Any = judged(6, decided="2018-01-05T00:00:00Z")
    found.facts["variants"]["so_far"]["b"]["estimate"] = estimate
    assert said in day.render(day.gather("x", found))


def test_the_first_days_and_days_without_an_experiment_have_a_page() -> None:
    early = judged(1, low=None)
    assert "+0.0321" in day.render(day.gather("x", early))
    plain = replace(early, facts={k: v for k, v in early.facts.items() if k != "variants"})
    html = day.render(day.gather("x", plain))
    assert "Lists of 2018-01-01T00:00:00Z" in html and "Variants of" not in html
    none = replace(plain, facts=plain.facts | {"since": None, "users": 0, "days": {}})
    assert "No list was published before" in day.render(day.gather("x", none))
