from __future__ import annotations

import pytest

from lstmrec.report import bars, ink
from tests import made


@pytest.mark.parametrize(
    "svg",
    [
        lambda d: bars.timeline(d["timeline"], 7),
        lambda d: bars.timeline([{"at": "2–3", "role": r, "events": 5} for r in ("train", "test")], None),
        lambda d: bars.gaps(d["gaps"]),
        lambda d: bars.histories(d["histories"]),
        lambda d: bars.tail(d["tail"], "model", None, False),
        lambda d: bars.tail(d["tail"], "model", "item_knn", True),
        lambda d: bars.ladder([{"recommender": "m", "reason": r, "users": n} for r, n in (("x", 3), ("y", 0))]),
        lambda d: bars.drift([{"feature": made.NASTY, "role": "test", "psi": 0.3}], 0.2),
        lambda d: bars.seconds([{"job": "train", "seconds": 3.0}]),
    ],
)  # fmt: skip
def test_every_drawing_of_the_data_is_drawn_in_the_pages_colours(svg):
    drawn = svg(made.pictures())
    assert drawn.startswith("<svg") and drawn.count("<path") > 2 and "NaN" not in drawn
    assert not [stand_in for stand_in in ink.INK if stand_in in drawn] and "<img" not in drawn


def test_reasons_have_a_colour_each_in_their_order():
    rows = [{"reason": r} for r in ("full_history", "popularity", "full_history", "history")]
    found = bars.reasons(rows)
    assert list(found) == ["full_history", "popularity", "history"] and len(set(found.values())) == 3
    assert all(bars.variable(c).startswith("--g") for c in found.values())


def test_large_counts_are_short_and_small_ones_whole():
    assert ">100k<" in bars.gaps([{"gap": "none", "events": 200_000}])
    assert ">1,000<" in bars.gaps([{"gap": "none", "events": 2_000}])
