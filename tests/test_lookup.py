from __future__ import annotations

import subprocess
import sys

import pytest

from lstmrec import lookup, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from tests import made


@pytest.fixture
def conf(tmp_path):
    return made.root(tmp_path)


def test_history_is_what_came_before_the_role_in_order(conf):
    assert [e["item_id"] for e in lookup.history(conf.root, "718", "serve")] == ["a", "b", "c", "d"]
    assert [e["item_id"] for e in lookup.history(conf.root, "718", "test")] == ["a", "b", "c"]
    assert [e["item_id"] for e in lookup.history(conf.root, "718", "validation")] == ["a", "b"]
    assert lookup.history(conf.root, "7") == []


def test_lists_carry_titles_and_ids_stay_text(conf):
    found = lookup.lists(conf.root, "007", "serve", ["model"])
    assert list(found) == ["model"]
    assert [(i.rank, i.item_id, i.title) for i in found["model"].items] == [
        (1, "d", None), (2, "c", made.NASTY), (3, "a", "Milk"),
    ]  # fmt: skip
    assert set(lookup.lists(conf.root, "007", "test")) == set(made.FIGURES)
    assert lookup.lists(conf.root, "7", "serve") == {}


def test_live_wins_over_a_newer_head(conf, tmp_path):
    versions.append(conf.root, "recommendations", "v1", "live")
    made.put(tmp_path, tables.RECOMMENDATIONS, [made.listed("model", "serve", "718", ["b"])], version="v2")
    assert [i.item_id for i in lookup.lists(conf.root, "718", "serve", ["model"])["model"].items] == ["d", "c", "a"]
    head = versions.current(conf.root, tables.RECOMMENDATIONS)
    assert [i.item_id for i in lookup.lists(conf.root, "718", "serve", ["model"], head)["model"].items] == ["b"]


def test_examples_are_chosen_by_digest_and_unknown_users_refused(conf):
    both = lookup.some_users(conf.root, "model", "test", 5)
    assert sorted(both) == ["007", "718"]
    assert lookup.some_users(conf.root, "model", "test", 1) == both[:1]
    lookup.known_user(conf.root, "007")
    with pytest.raises(DataError, match="D820"):
        lookup.known_user(conf.root, "7")


def test_candidates_are_a_column_a_number(conf, tmp_path):
    base = {"role": "test", "user_id": "718", "label": 1, "had": 2, "days_since": 1.5, "history": 3}
    rows = [base | {"item_id": "a", "scores": [0.5, None], "ranks": [1, None], "user": [1.0, 2.0], "static": [2],
                    "item": None},
            base | {"item_id": "b", "scores": [None, 3.0], "ranks": [None, 4], "user": [1.0, 2.0], "static": [2],
                    "item": [7.0]}]  # fmt: skip
    facts = {"recommenders": ["model", "knn"], "user": ["events", "value"], "item": ["events"]}
    made.put(tmp_path, tables.CANDIDATES, rows, facts=facts)
    flat = lookup.candidates(conf.root, "test")
    assert flat.column_names == ["role", "user_id", "item_id", "label", "had", "days_since", "history", "score_model",
                                 "score_knn", "rank_model", "rank_knn", "user_events", "user_value", "static_0",
                                 "item_events"]  # fmt: skip
    assert flat.select(["score_knn", "rank_model", "user_value", "item_events"]).to_pylist() == [
        {"score_knn": None, "rank_model": 1, "user_value": 2.0, "item_events": None},
        {"score_knn": 3.0, "rank_model": None, "user_value": 2.0, "item_events": 7.0},
    ]  # fmt: skip
    assert lookup.candidates(conf.root, "validation").num_rows == 0


def test_needs_neither_spark_nor_torch():
    code = "import lstmrec.lookup, sys; assert not {'pyspark', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_several_users_in_one_pass_are_each_as_alone(conf):
    users = ["718", "007", "7"]
    split = versions.current(conf.root, tables.SPLIT)
    did = lookup.events_of(conf.root, users, split)
    assert {u: [e["item_id"] for e in rows] for u, rows in did.items()} == {
        "718": [*"abcd"],
        "007": ["a", "b"],
        "7": [],
    }
    found = lookup.lists_of(conf.root, users, "test", ["model", "popularity"])
    assert found == {u: lookup.lists(conf.root, u, "test", ["model", "popularity"]) for u in users}
    assert lookup.some_users(conf.root, "model", "test", 9) == sorted(["718", "007"], key=lookup._by_hash)
    assert lookup.some_users(conf.root, "model", "test", 1) == sorted(["718", "007"], key=lookup._by_hash)[:1]


def test_frequent_items_come_with_vectors_and_tags_with_names(tmp_path):
    conf = made.pictured(tmp_path)
    catalogue, vectors = (versions.current(conf.root, x) for x in (tables.ENCODED_ITEMS, tables.ITEM_VECTORS))
    rows = lookup.frequent(conf.root, 2, catalogue, vectors)
    assert [(r["item_id"], r["title"]) for r in rows] == [("a", "Milk"), ("b", "Bread")]  # of 9 and 8 events
    assert rows[0]["vector"] == pytest.approx([1, 0.1, 0]) and rows[1]["tags"] == [2, 4]
    assert len(lookup.frequent(conf.root, 99, catalogue, vectors)) == 4
    assert lookup.tags(conf.root, versions.current(conf.root, tables.VOCABULARY)) == made.TAGS
