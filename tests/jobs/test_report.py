"""The whole of s9 on a root made by pyarrow."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.jobs import report
from tests import made


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    path = tmp_path_factory.mktemp("root")
    conf = made.pictured(path)
    manifest = report.run(None, conf)
    return path, conf, manifest


def test_commits_three_files_and_copies_two(done):
    path, conf, manifest = done
    assert {f.path for f in manifest.files} == {"facts.json", "metrics.json", "report.html"}
    place = Path(versions.verify_files(conf.root, versions.current(conf.root, tables.REPORT)))
    for name in ("report.html", "metrics.json"):
        assert (path / name).read_bytes() == (place / name).read_bytes()
    assert not list(path.glob(".*.tmp"))


def test_states_of_an_earlier_lstmrec_are_no_error(tmp_path):
    conf = made.pictured(tmp_path)
    made.put(tmp_path, replace(tables.USER_STATES, major=1), [])
    assert report.run(None, conf).table == "report"


def test_metrics_json_is_flat(done):
    flat = json.loads((done[0] / "metrics.json").read_text())
    assert flat["users_scored"] == 2
    assert flat["model"] == {"recall_10": 0.41, "ndcg_10": 0.41, "mrr_10": 0.41, "hr_10": 0.41}
    assert (flat["beats_popularity"], flat["beats_item_knn"], flat["beats_personal"]) == (True, False, True)
    assert flat["validation"]["popularity"]["ndcg_10"] == 0.18
    assert (flat["users"], flat["items"], flat["events"]) == (2, 4, 6)


def test_data_cannot_break_out_and_nothing_is_fetched(done):
    html = (done[0] / "report.html").read_text()
    assert made.NASTY not in html
    assert "&lt;/script&gt;&lt;img src=x onerror=1&gt;" in html
    tags = Tags()
    tags.feed(html)
    names = {t for t, _ in tags.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "embed", "image", "foreignobject"}
    for tag, attributes in tags.tags:
        assert not [a for a in attributes if a.startswith("on")], tag
        for key in ("href", "src", "xlink:href"):
            assert attributes.get(key, "data:text/csv").startswith("data:text/csv"), (tag, attributes)
    assert "url(http" not in html and "@import" not in html


def test_says_the_answer_first(done):
    html = (done[0] / "report.html").read_text()
    assert "does not beat the best baseline, item_knn: NDCG@10 0.4100 against 0.4200" in html
    assert html.index("<h1>") < html.index('class="strip"') < html.index("user 718") < html.index("item_knn leads")
    for word in ("var(--ours)", "null_item", "Milk", "recommendations"):
        assert word in html


def test_ids_can_be_hidden(tmp_path):
    conf = made.root(tmp_path)
    hidden = made.config(tmp_path, report={"ids": "off"})
    report.run(None, hidden)
    html = (tmp_path / "report.html").read_text()
    assert "user 718" not in html and "example 1" in html
    report.run(None, made.config(tmp_path, report={"ids": "hashed"}))
    html = (tmp_path / "report.html").read_text()
    assert "user 718" not in html and "user 007" not in html and conf.report.ids == "open"
