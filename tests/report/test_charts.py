from __future__ import annotations

from lstmrec.report import charts, ink
from tests import made

BOARD = [{"recommender": n, "ndcg": [v, v - 0.01, v + 0.01]} for n, v in (("model", 0.4), ("popularity", 0.2))]


def test_charts_hold_variables_and_no_colour_of_their_own():
    svg = charts.leaderboard(BOARD, "model", 10)
    assert "var(--ours)" in svg and "var(--theirs)" in svg and "width:100%" in svg
    assert not [stand_in for stand_in in ink.INK if stand_in in svg]
    assert "popularity" in svg and "aria-label" not in svg


def test_text_of_the_data_is_no_markup_in_a_chart():
    rows = [{"slice": f"segment:{made.NASTY}", "recommender": "model", "value": 0.4, "low": 0.3, "high": 0.5}]
    svg = ink.labelled(charts.slices(rows, "model", 10), f'he said "{made.NASTY}"')
    assert "<img" not in svg and "</script" not in svg and "&lt;img" in svg
    assert svg.startswith('<svg role="img" aria-label="he said &#34;&lt;/script&gt;')


def test_a_curve_needs_figures():
    assert charts.curve([{"epoch": 1, "ndcg_10": None}], "ndcg_10", "x") == ""
    assert charts.curve([{"epoch": 1, "loss": 3.0}], "loss", "x", "low").startswith("<svg")


def test_epochs_are_whole_and_do_not_crowd():
    svg = charts.curve([{"epoch": e, "loss": 1 / e} for e in range(1, 41)], "loss", "x")
    assert ">1<" in svg and ">36<" in svg and ">2<" not in svg
