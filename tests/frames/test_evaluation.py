"""What the config asks for: which sums, marks and groups; the figures of each part are tested with the part."""

from __future__ import annotations

from lstmrec.config.evaluate import EvaluateConfig
from lstmrec.frames import evaluation
from lstmrec.frames.sums import Asked
from tests.frames.test_targets import DAY, split, told


def test_what_is_asked_for():
    plain = evaluation.asked(EvaluateConfig(), serendipity=False, clock=False)
    assert plain == Asked((10,), 500, ("item:cold", "item:warm"))
    every = EvaluateConfig(ks=[5, 10], bootstrap=0, repeats=True, ips={})
    got = evaluation.asked(every, serendipity=True, clock=True)
    assert got.kinds == ("repeat", "explore", "item:cold", "item:warm", "item_age:new", "item_age:old")
    assert got.serendipity and got.ips and got.more == [
        "serendipity_5", "serendipity_10", "ips_recall_5", "ips_recall_10", "ips_ndcg_5", "ips_ndcg_10", "ips_weight",
    ]  # fmt: skip


def test_wanted_follows_the_config(spark):
    lists = spark.createDataFrame(
        [("pop", "test", "a", [("z", 2.0, 1)]), ("model", "test", "a", [("x", 2.0, 1)])],
        "recommender string, role string, user_id string, items array<struct<item_id:string,score:float,rank:int>>",
    )
    users = spark.createDataFrame([("a", {"age": "old"})], "user_id string, attributes map<string,string>")
    conf = EvaluateConfig(slices={"segment": "age", "user_days": [10, 61], "item_days": 1}, ips={"clip": 0.9})
    frames = {"split": split(spark), "recommendations": lists, "users": users}
    row = told(evaluation.wanted(conf, frames, "pop"))["test", "a"]
    assert {t["item_id"]: (t["mark"], t["popular"]) for t in row["targets"]} == {"x": (1, 0), "z": (2, 1)}
    assert {t["item_id"]: t["weight"] / 2**20 for t in row["targets"]}["z"] < 1.2
    assert sorted(row["slices"]) == ["history:short", "segment:old", "user:warm", "user_age:middle"]
    assert row["at"] - row["since"] == 60 * DAY
    halved = told(evaluation.wanted(conf, frames, "pop", 4))
    halves = {key: [x for x in row["slices"] if x.startswith("weights:")] for key, row in halved.items()}
    assert {role for role, _ in halves} == {"validation", "test"}
    assert all(len(found) == (role == "validation") for (role, _), found in halves.items())


def test_a_blend_says_that_it_was_fitted_on_half_of_validation(spark):
    slices = ("all", "history:short", "weights:fitted", "weights:judged")
    rows = [(n, role, s) for n in ("blend", "model") for role in ("validation", "test") for s in slices]
    frame = spark.createDataFrame(rows, "recommender string, role string, slice string")
    got = evaluation.told(frame, "plain", ["blend"]).collect()
    fitted = {(r["recommender"], r["role"], r["slice"]) for r in got if r["protocol"] != "plain"}
    assert fitted == {("blend", "validation", s) for s in slices[:3]}
    assert {r["protocol"] for r in got} == {"plain", "plain; weights fitted on half of validation"}
