from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lstmrec.jobs import report
from lstmrec.report import itemmap, page, people
from tests import made


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("root")
    report.run(None, made.pictured(path))
    return (Path(path) / "report.html").read_text()


FIGURES = ("leaderboard", "drift", "timeline", "histories", "gaps", "loss", "ndcg", "rate", "starved", "tail",
           "covered", "ladder", "map", "cost", "lineage")  # fmt: skip


def test_every_figure_has_a_drawing_a_text_and_its_data(html: str) -> None:
    for key in FIGURES:
        found = re.search(rf'<figure id="{key}">(.*?)</figure>', html, re.DOTALL)
        assert found, key
        assert re.search(r'<svg role="img" aria-label="[^"]{20,}"', found[1]), key
        assert f'download="{key}.csv"' in found[1] and 'href="data:text/csv' in found[1], key
    assert html.count("<figure") == len(FIGURES) + 3  # and a small one for each kind of slices


def test_the_answer_stands_first_and_the_rest_is_folded(html: str) -> None:
    order = ["<h1>", 'class="strip"', "user 718", "item_knn leads", "rows were refused", "data quality and drift",
             "the split", "histories</small>", "training</small>", "groups of users", "coverage and popularity",
             "cold-start ladder", "item map", "influence</small>", "cost</small>", "lineage</small>"]  # fmt: skip
    places = [html.index(word) for word in order]
    assert places == sorted(places)
    assert html.count('<details class="part">') == 12 and "<script" not in html
    assert "details::details-content" in html  # open on paper


def test_reasons_and_their_heat_map_are_there_where_the_lists_have_them(html: str) -> None:
    assert "because of &lt;/script&gt;" in html and '<table class="heat">' in html
    assert 'style="--a: 1.00">0.50' in html and "Of 4 items listed for a reason" in html


def test_what_blends_gained_is_told(html: str) -> None:
    assert "<td>mixed</td><td>item_knn</td>" in html and "+0.0020 to +0.0220" in html


def test_what_is_older_than_what_it_was_made_of_is_said(html: str) -> None:
    assert "1 of 15 tables is made of older versions than are there: metrics (split)" in html


def test_a_run_without_any_of_it_still_has_a_page(tmp_path: Path) -> None:
    report.run(None, made.root(tmp_path, recommenders=["model"]))
    html = (tmp_path / "report.html").read_text()
    for key in ("drift", "timeline", "histories", "gaps", "rate", "starved", "tail", "ladder", "map"):
        assert f'<figure id="{key}">' not in html
    assert "heat" not in html.split("</style>")[1] and '<figure id="lineage">' in html


def test_the_largest_page_there_is_stays_below_4_mb(tmp_path: Path) -> None:
    report.run(None, made.pictured(tmp_path))
    (place,) = tmp_path.glob("report/*/facts.json")
    facts = json.loads(place.read_text())
    long = "名" * people._TITLE
    point = facts["map"]["points"][0] | {"title": long[: itemmap._TITLE]}
    facts["map"]["points"] = [point] * itemmap.MOST
    because = [{"item": "1" * 12, "title": long, "influence": 0.123}] * 3
    for each in facts["people"]:
        each["history"] = [dict(each["history"][0], title=long)] * people._RECENT
        for listed in each["lists"]:
            listed["items"] = [listed["items"][0] | {"title": long, "because": because}] * 10
    facts["people"] = facts["people"][:1] * 20
    facts["influence"] = people.influence(facts["people"])
    assert len(page.render(facts).encode()) < 4e6
