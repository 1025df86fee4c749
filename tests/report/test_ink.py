from __future__ import annotations

from lstmrec.report import charts, ink


def test_roles_stand_on_one_another():
    rows = ink.stacked([{"at": 1, "n": 2}, {"at": 1, "n": 3}, {"at": 2, "n": 4}], "at", "n")
    assert [(r["low"], r["high"]) for r in rows] == [(0, 2), (2, 5), (0, 4)]


def test_a_drawing_for_a_file_of_its_own_needs_no_page():
    svg = charts.leaderboard([{"recommender": "m", "ndcg": [0.4, 0.3, 0.5]}], "m", 10)
    alone = ink.standalone(svg)
    assert "var(" in svg and "var(" not in alone and "#0b6bcb" in alone and "background:#fff" in alone


def test_the_text_in_a_drawings_place_is_one_attribute():
    assert ink.labelled("<svg><svg/></svg>", 'a "b" <c>') == (
        '<svg role="img" aria-label="a &#34;b&#34; &lt;c&gt;"><svg/></svg>'
    )
