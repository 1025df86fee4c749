from __future__ import annotations

from typing import Any

from lstmrec.report import findings
from tests import made

DRAWN = made.pictures()
FACTS = {
    "leaderboard": [{"recommender": "model", "ndcg": [0.4, 0.39, 0.41]}], "ours": "model", "rival": "item_knn",
    "training": [{"epoch": 1, "loss": 5.0, "ndcg_10": 0.3, "rate": 0.1, "starved": 0.02},
                 {"epoch": 2, "loss": 4.0, "ndcg_10": 0.2, "rate": 0.01, "starved": None}],
    "funnel": [{"source": "events", "in": 10, "out": 9, "rejected": 1, "reasons": [("future", 1)], "added": 0}],
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
    "pictures": DRAWN, "drift": {"limit": 0.2, "rows": [{"feature": "tag", "role": "test", "psi": 0.31},
                                                        {"feature": "tag", "role": "validation", "psi": 0.25},
                                                        {"feature": "price", "role": "test", "psi": 0.1}]},
    "ladder": {"role": "serve", "rows": [{"recommender": "model", "reason": "full_history", "users": 9},
                                         {"recommender": "model", "reason": "popularity", "users": 1},
                                         {"recommender": "item_knn", "reason": "history", "users": 10}]},
    "map": {"by": "kind", "told": 0.43, "points": [{}] * 4}, "influence_said": "Of 2 items ...",
    "pace": {"lists": 500_000, "seconds": 100.0}, "lineage": [],
}  # fmt: skip


def test_titles_are_sentences_about_the_figures():
    assert findings.findings(FACTS) == {
        "leaderboard": "model leads on test",
        "differences": "model differs from 1 of 3 by more than chance",
        "funnel": "10.0% of the event rows were refused, most as future",
        "drift": "1 of 2 features drift; tag of test the most (PSI 0.31)",
        "timeline": "Of 161 events: train 59.0%, validation 19.3%, test 21.7%; test begins in the bar of 2017-07-25",
        "histories": "The median user of test has 1 event before its cut",
        "gaps": "40% of the events come at the same moment as the one before; the median gap of the others is 1–3 d",
        "training": "2 epochs; validation was best at epoch 1",
        "loss": "The loss went from 5.000 to 4.000",
        "ndcg": "Validation NDCG@10 reached 0.3000",
        "rate": "The learning rate ended at 0.01",
        "starved": "The reader kept the net waiting 2.0% of the time at most",
        "slices": "The model leads in 1 of 1 slices",
        "tail": "A tenth of the items has 34% of the train events and 34% of what the model shows",
        "covered": "Of the catalogue model shows 45.0%, item_knn shows 45.0%",
        "ladder": "Of 10 users the model serves 90.0% by full history, 10.0% by popularity",
        "probes": "With 30% dropped the model keeps 75% of its NDCG@10",
        "cold": "Items never trained on stand at 8.3% of the ranking, where 0 % is the top and 50 % chance",
        "map": "Items lie together partly by kind: it tells 43% of where the 4 of most events stand",
        "influence": "Of 2 items ...",
        "because": "Reasons outweigh 2 of 3 other choices of events by more than chance",
        "pace": "500,000 lists took 1 m 40 s; at this pace a million take 3 m 20 s",
        "cost": "1 m 01 s in all, train the longest",
        "lineage": "0 tables of 0 jobs, each made of the versions that are there",
    }


def test_what_was_not_measured_is_said_and_nothing_breaks():
    bare = FACTS | {
        "leaderboard": [], "training": [], "funnel": [], "slices": [], "cost": [], "differences": [], "probes": [],
        "cold": [], "because": {}, "pictures": {}, "drift": {"limit": 0.2, "rows": []}, "map": {}, "ours": None,
        "rival": None, "ladder": {"role": "", "rows": []}, "pace": {"lists": 0, "seconds": 0.0},
    }  # fmt: skip
    said = findings.findings(bare)
    assert said["histories"] == "No user of test" and said["gaps"] == "No time between events is known"
    assert said["map"] == "No map of the items" and said["drift"] == "Drift was not measured"
    assert said["pace"] == "What lists cost was not measured" and said["training"] == "No epoch was logged"
    assert "loss" not in said and all(text.strip() for text in said.values())


def test_a_small_run_is_not_reckoned_up():
    assert findings.paced({"lists": 90, "seconds": 12.0}) == "90 lists took 12.0 s"
    assert findings.timed(DRAWN["timeline"], None).endswith("test 21.7%")  # places have no beginning
    assert findings.parted({"by": "", "told": 0.04, "points": [{}]}).startswith(
        "Items lie together hardly by their tag"
    )


def probe(name: str, ndcg: float, against: str, gap: list[float] | None = None) -> dict[str, Any]:
    return {"probe": name, "ndcg_10": [ndcg] * 3, "against": against, "gap_profile": gap}


def test_short_histories_are_held_against_their_profile_where_it_is_known() -> None:
    rows = [probe("as it is", 0.4, "popularity, as it is"), probe("30% dropped", 0.3, "model, as it is")]
    kept = "With 30% dropped the model keeps 75% of its NDCG@10"
    assert findings.robust([*rows, probe("first 0", 0.1, "popularity, first 0")], 10) == kept
    told = findings.robust([*rows, probe("first 0", 0.1, "popularity, first 0", [-0.02, -0.03, 0.01])], 10)
    assert told == kept + "; without an event it is -0.0200 beside what users of the same profile have"


def test_cold_items_stand_beside_content() -> None:
    rows = [{"ranker": r, "among": "all", "percentile": [p, 0, 1]} for r, p in (("model", 0.25), ("content", 0.4))]
    plain = "Items never trained on stand at 25.0% of the ranking, where 0 % is the top and 50 % chance"
    assert findings.placed(rows[:1]) == plain and findings.placed(rows) == plain + ", content alone 40.0%"
    assert findings.placed([]).startswith("No user")
