from __future__ import annotations

from urllib.parse import unquote

from lstmrec.report import charts, page
from tests import made

BOARD = [{"recommender": n, "ndcg": [v, v - 0.01, v + 0.01]} for n, v in (("model", 0.4), ("popularity", 0.2))]


def test_charts_hold_variables_and_no_colour_of_their_own():
    svg = charts.leaderboard(BOARD, "model", 10)
    assert "var(--ours)" in svg and "var(--theirs)" in svg and "width:100%" in svg
    assert not [stand_in for stand_in in charts.INK if stand_in in svg]
    assert "popularity" in svg


def test_text_of_the_data_is_no_markup_in_a_chart():
    rows = [{"slice": f"segment:{made.NASTY}", "recommender": "model", "value": 0.4, "low": 0.3, "high": 0.5}]
    svg = charts.slices(rows, "model", 10)
    assert "<img" not in svg and "</script" not in svg and "&lt;img" in svg


def test_a_curve_needs_figures():
    assert charts.curve([{"epoch": 1, "ndcg_10": None}], "ndcg_10", "x") == ""
    assert charts.curve([{"epoch": 1, "loss": 3.0}], "loss", "x").startswith("<svg")


def test_csv_is_whole_and_runs_nothing():
    link = page.csv_link([{"name": "=cmd()", "value": 0.5}, {"name": 'a,"b"', "value": -1}])
    assert link.startswith("data:text/csv")
    assert unquote(link.split(",", 1)[1]) == 'name,value\r\n\'=cmd(),0.5\r\n"a,""b""",-1\r\n'
    assert page.csv_link([]) == ""


def test_small_words():
    assert page.share(1, 4) == "25.0" and page.share(0, 4) == "0.5" and page.share(1, 0) == "0"
    assert page.when(made.START) == "2017-07-14" and page.when(None) == ""
    assert page.short(812.53) == "812.5" and page.short(12.345) == "12.35" and page.short(0.5) == "0.5000"
    assert page.chance(None) == "" and page.chance(0.0123) == "0.012"
    assert page.span(122.4) == "2 m 02 s" and page.span(9.96) == "10.0 s"


def test_findings_are_sentences_about_the_figures():
    facts = {
        "leaderboard": BOARD, "training": [{"epoch": 1, "ndcg_10": 0.3}, {"epoch": 2, "ndcg_10": 0.2}], "ours": "model",
        "funnel": [{"source": "events", "in": 10, "out": 9, "rejected": 1, "reasons": [("future", 1)],
                    "added": 0}],
        "slices": [{"slice": "all", "recommender": "model", "value": 0.4}], "cost": [{"job": "train", "seconds": 61.0}],
        "differences": [{"base": "model", "p_holm": 0.01}, {"base": "model", "p_holm": 0.06},
                        {"base": "model", "p_holm": None}],
        "k": 10, "probes": [{"probe": "as it is", "against": "popularity, as it is", "ndcg_10": [0.4, 0.3, 0.5]},
                            {"probe": "30% dropped", "against": "model, as it is", "ndcg_10": [0.3, 0.2, 0.4]},
                            {"probe": "first 0", "against": "popularity, first 0", "ndcg_10": [0.1, 0.0, 0.2]}],
        "cold": [{"ranker": "model", "among": "all", "percentile": [0.083, 0.07, 0.1]}],
        "because": {"curves": [{"curve": c, "step": "area", "order": o, "gap": g} for c in ("deletion", "insertion")
                               for o, g in (("influence", None), ("random", [0.2, 0.1, 0.3]),
                                            ("recent", [0.1, -0.1, 0.3]), ("similar", [0.2, 0.1, 0.3]))]},
    }  # fmt: skip
    assert page.findings(facts) == {
        "leaderboard": "model leads on test",
        "differences": "model differs from 1 of 3 by more than chance",
        "because": "Reasons outweigh 2 of 3 other choices of events by more than chance",
        "training": "2 epochs; validation was best at epoch 1",
        "funnel": "10.0% of the event rows were refused, most as future",
        "slices": "The model leads in 1 of 1 slices",
        "cost": "1 m 01 s in all, train the longest",
        "probes": "With 30% dropped the model keeps 75% of its NDCG@10",
        "cold": "Items never trained on stand at 8.3% of the ranking, where 0 % is the top and 50 % chance",
    }
    assert page.flat([{"a": [1, 2, 3], "b": "x"}]) == [{"a": 1, "a_low": 2, "a_high": 3, "b": "x"}]
