"""What show-user prints: history, list, and what each item owes its score to."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from lstmrec import lookup
from lstmrec.cli import shown
from lstmrec.contracts import tables
from tests import made


def printed(conf, user: str = "718") -> str:
    out = io.StringIO()
    shown.user(conf, Console(file=out, width=200, highlight=False, soft_wrap=True), user, "model", "serve", 5)
    return out.getvalue()


def test_reasons_are_printed_with_titles(tmp_path: Path) -> None:
    conf = made.root(tmp_path)
    assert "because" not in printed(conf) and "as a whole" not in printed(conf)
    row = made.listed("model", "serve", "718", ["d", "b"]) | {
        "because": ["a"], "reasons": [[{"item_id": "a", "influence": 0.5}, {"item_id": "d", "influence": 0.25}], []],
    }  # fmt: skip
    made.put(tmp_path, tables.RECOMMENDATIONS, [row], version="v2")
    text = printed(conf)
    assert "because" in text and "Milk +0.500, d +0.250" in text  # d has no title
    assert "the list as a whole: Milk" in text and "Bread" in text
    found = lookup.lists(conf.root, "718", "serve")["model"]
    assert [(r.item_id, r.title, r.score) for r in found.items[0].reasons] == [("a", "Milk", 0.5), ("d", None, 0.25)]
    assert found.items[1].reasons == () and [w.title for w in found.because] == ["Milk"]


def test_control_characters_of_reasons_are_not_obeyed(tmp_path: Path) -> None:
    conf = made.root(tmp_path)
    row = made.listed("model", "serve", "718", ["a"]) | {
        "because": [],
        "reasons": [[{"item_id": "\x1b[31m", "influence": 1.0}]],
    }
    made.put(tmp_path, tables.RECOMMENDATIONS, [row], version="v2")
    assert "\x1b" not in printed(conf)


def test_a_user_in_an_experiment_is_shown_the_list_of_its_variant(tmp_path: Path) -> None:
    made.root(tmp_path)
    of = [{"name": "control", "recommender": "model", "share": 0.5},
          {"name": "b", "recommender": "popularity", "share": 0.5}]  # fmt: skip
    conf = made.config(tmp_path, variants={"salt": "s", "of": of})
    rows = [made.listed("model", "serve", "718", ["d"]), made.listed("popularity", "serve", "718", ["b"]),
            made.listed("model", "serve", "007", ["d"]), made.listed("popularity", "serve", "007", ["b"])]  # fmt: skip
    rows[1] |= {"variant": "b"}
    rows[2] |= {"variant": "control"}
    made.put(tmp_path, tables.RECOMMENDATIONS, rows, version="v2")
    for user, name, variant in (("718", "popularity", "b"), ("007", "model", "control")):
        told = shown.plain(conf, user, None, "serve", 0)
        assert (told["recommender"], told["variant"]) == (name, variant)
    assert shown.plain(conf, "718", "model", "serve", 0)["variant"] is None
    assert shown.plain(made.config(tmp_path), "718", None, "serve", 0)["recommender"] == "model"
    out = io.StringIO()
    shown.user(conf, Console(file=out, width=200), "718", None, "serve", 0)
    assert "popularity, serve · variant b" in " ".join(out.getvalue().split())  # a title is as wide as its table
