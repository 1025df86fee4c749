from __future__ import annotations

from dataclasses import replace

import pytest

from lstmrec.contracts import tables
from lstmrec.report import facts
from tests import made


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"model": 0.4, "item_knn": 0.3}, "The model beats the best baseline, item_knn: NDCG@10 0.4000 against 0.3000"),
        ({"model": 0.3, "item_knn": 0.4}, "does not beat the best baseline, item_knn"),
        ({"model": 0.4, "item_knn": 0.399}, "within chance"),
        ({"model": 0.4}, "no baseline to compare"),
    ],
)
def test_the_verdict_is_what_the_figures_say(figures, said):
    told = made.metric_facts({"popularity": 0.1, "item_knn": 0.0, "personal": 0.0} | figures)
    rival = "item_knn" if "item_knn" in figures else None
    assert said in facts.verdict(told, "model", rival, 10)


def test_the_interval_is_of_ours_minus_theirs_whichever_is_the_baseline():
    rows = [{"role": "test", "base": "model", "recommender": "pop", "low": 0.1, "high": 0.3}]
    assert facts.paired(rows, "model", "pop") == (0.1, 0.3)
    assert facts.paired(rows, "pop", "model") == (-0.3, -0.1)
    assert (
        facts.paired(rows, "model", "knn") is None and facts.paired([rows[0] | {"role": "x"}], "model", "pop") is None
    )


def test_no_model_is_said():
    assert facts.verdict({"test": {}}, None, "popularity", 10) == "The model has no figure on test"


def test_funnel_adds_up_and_lists_most_refused_first():
    events = made.manifest(tables.EVENTS, "v1", rows_in=100, rows_out=90, rows_rejected=10,
                           facts={"rejected": {"b": 4, "a": 4, "c": 2}})  # fmt: skip
    users = made.manifest(tables.USERS, "v1", rows_in=7, rows_out=7, facts={"source": 0, "rejected": {}})
    got = facts.funnel({"events": events, "users": users})
    assert got[0]["reasons"] == [("a", 4), ("b", 4), ("c", 2)]
    assert got[0]["in"] == got[0]["out"] + got[0]["rejected"] and got[0]["added"] == 0
    assert got[1]["in"] + got[1]["added"] == got[1]["out"]


def test_a_torn_log_is_read_as_far_as_it_goes():
    log = '{"epoch": 1, "loss": 2.0, "ndcg_10": null}\n[]\n{"epoch": 2, "lo'
    assert [(r["epoch"], r["ndcg_10"]) for r in facts.training(log)] == [(1, None)]


def test_cost_is_each_jobs_last_table():
    first = replace(made.manifest(tables.CUTS, "v1", rows_out=4), job="split", seconds=3.0)
    last = replace(made.manifest(tables.SPLIT, "v1", rows_out=90), job="split", seconds=9.0)
    assert facts.cost({"cuts": first, "split": last}) == [{"job": "split", "seconds": 9.0, "rows": 90}]


def test_secrets_are_masked_wherever_they_stand():
    got = facts.masked(
        {"options": {"password": "x", "header": "true", "fs.s3a.secret.key": "y"}, "list": [{"token": "z"}]}
    )
    assert got == {
        "options": {"password": "***", "header": "true", "fs.s3a.secret.key": "***"},
        "list": [{"token": "***"}],
    }


def test_slices_keep_their_order_and_names():
    got = facts.slices(made.metric_rows(), ["model", "item_knn"], 10)
    assert list(dict.fromkeys(r["slice"] for r in got)) == ["all", "explore", "history:short", "history:long"]
    assert {r["recommender"] for r in got} == {"model", "item_knn"}
