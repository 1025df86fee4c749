from __future__ import annotations

from pathlib import Path

from lstmrec.report import summary
from tests import made

CONF = made.config(Path("/tmp/none"), score={"recommenders": [
    {"kind": "model"}, {"kind": "popularity"}, {"kind": "popularity", "name": "popularity_28d", "days": 28},
    {"kind": "personal"}, {"kind": "personal", "name": "decayed", "half_life_days": 60.0},
]})  # fmt: skip


def figures(**values: float) -> dict[str, dict[str, float]]:
    return {name: {"ndcg_10": v} for name, v in values.items()}


def test_each_kind_counts_by_its_best_entry():
    got = summary.beats(figures(model=0.4, popularity=0.1, popularity_28d=0.5, personal=0.45, decayed=0.39), CONF, 10)
    assert got == {"beats_popularity": False, "beats_item_knn": None, "beats_personal": False}
    got = summary.beats(figures(model=0.4, popularity=0.1, popularity_28d=0.2, personal=0.4, decayed=0.39), CONF, 10)
    assert got == {"beats_popularity": True, "beats_item_knn": None, "beats_personal": False}  # equal is not above
    assert summary.beats(figures(popularity=0.1), CONF, 10)["beats_popularity"] is None


def test_headline_takes_the_whole_of_test_at_k():
    got = summary.headline(made.metric_rows(), 10)
    assert got["model"] == {"recall_10": 0.41, "ndcg_10": 0.41, "mrr_10": 0.41, "hr_10": 0.41}
    assert summary.headline(made.metric_rows(), 5) == {}
    assert summary.headline_k([5, 10, 20]) == 10 and summary.headline_k([5, 20]) == 20


def test_protocol_names_split_filter_ties_users_and_inputs():
    conf = made.config(Path("/tmp/none"), split={"test_days": 7}, sequence={"history": "learn"},
                       train={"model": {"inputs": ["id", "tags"], "use_time": True}})  # fmt: skip
    said = summary.protocol(conf)
    for part in ("time cut, 7 d test", "scored apart", "expected rank", "all users", "model inputs: id, tags, time"):
        assert part in said


def test_told_is_the_best_three():
    told = summary.told(figures(a=0.1, b=0.3, c=0.2, d=0.05), 10)
    assert list(told) == ["ndcg@10 b", "ndcg@10 c", "ndcg@10 a"]
