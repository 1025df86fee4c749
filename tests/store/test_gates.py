from __future__ import annotations

import pytest

from lstmrec.contracts import tables
from lstmrec.contracts.errors import GateError
from lstmrec.store import gates, publish
from tests import made


def levels(conf):
    return {g.name: g.level for g in gates.gates(conf)}


def test_a_good_day_passes(tmp_path):
    found = levels(made.root(tmp_path))
    assert found["users scored: model, serve"] == "pass"
    assert found["rejected events"] == "pass"
    assert found["NDCG@10 against personal"] == "pass"
    assert found["NDCG@10 against item_knn"] == "warn"


def test_metrics_of_other_lists_do_not_pass(tmp_path):
    conf = made.root(tmp_path)
    rows = [made.listed(r, role, u, ["a"]) for r in made.FIGURES for role in ("validation", "test", "serve")
            for u in ("718", "007")]  # fmt: skip
    made.put(tmp_path, tables.RECOMMENDATIONS, rows, version="v2")
    assert levels(conf)["metrics"] == "fail"
    made.put(tmp_path, tables.METRICS, made.metric_rows(), version="v2", facts=made.metric_facts(),
             parents={"recommendations": "print-recommendations-v2"})  # fmt: skip
    assert levels(conf)["metrics"] == "pass"


def test_too_many_rejects_fail_and_duplicates_do_not_count(tmp_path):
    conf = made.root(tmp_path)
    made.put(tmp_path, tables.EVENTS, [], version="v2", rows_in=100, rows_out=40, rows_rejected=60,
             facts={"rejected": {"duplicate": 55, "null_item": 5}})  # fmt: skip
    assert levels(conf)["rejected events"] == "pass"
    made.put(tmp_path, tables.EVENTS, [], version="v3", rows_in=100, rows_out=40, rows_rejected=60,
             facts={"rejected": {"duplicate": 54, "null_item": 6}})  # fmt: skip
    assert levels(conf)["rejected events"] == "fail"


def limits(conf, **given):
    return conf.model_copy(update={"publish": conf.publish.model_copy(update=given)})


def test_a_share_of_users_must_be_the_nets(tmp_path):
    conf = made.root(tmp_path)
    rows = [made.listed(r, role, u, ["a"]) for r in made.FIGURES for role in ("validation", "test", "serve")
            for u in ("718", "007")]  # fmt: skip
    made.put(
        tmp_path,
        tables.RECOMMENDATIONS,
        rows,
        version="v2",
        facts={"reasons": {"model": {"serve": {"full_history": 6, "profile_only": 2, "popularity": 2}}}},
    )
    name = "served by model"
    assert levels(limits(conf, min_model_share=0.8))[name] == levels(conf)[name] == "pass"
    assert levels(limits(conf, min_model_share=0.81))[name] == "fail"


def test_drift_is_said_and_stops_where_asked(tmp_path):
    conf = made.root(tmp_path)
    assert "drift" not in levels(conf)  # nothing was compared
    made.put(
        tmp_path,
        tables.ENCODED_ITEMS,
        [],
        version="v2",
        facts={"drift": [["tag", "test", 0.1], ["user:age", "test", 0.3], ["tag", "validation", 0.2]]},
    )
    (gate,) = (g for g in gates.gates(conf) if g.name == "drift")
    assert (gate.level, gate.figure, gate.limit) == ("warn", "PSI 0.300", "at most 0.25")
    assert gate.said.startswith("user:age of test")
    assert levels(limits(conf, max_drift=0.29))["drift"] == "fail"
    assert levels(limits(conf, max_drift=0.3))["drift"] == "pass"


def judged(tmp_path, version, ndcg, **config):
    made.put(tmp_path, tables.METRICS, made.metric_rows(), version=version, config=config,
             facts=made.metric_facts(made.FIGURES | {"model": ndcg}),
             parents={"recommendations": "print-recommendations-v1"})  # fmt: skip


def test_a_net_that_fell_far_does_not_replace_what_is_live(tmp_path):
    conf = made.root(tmp_path)
    name = "NDCG@10 of model against what is live"
    assert name not in levels(conf)  # nothing is live
    publish.publish(conf)
    assert name not in levels(conf)  # it is the live one
    judged(tmp_path, "v2", 0.41 * 0.81)
    assert levels(conf)[name] == "pass"
    assert levels(limits(conf, max_metric_drop=0.1))[name] == "fail"
    judged(tmp_path, "v3", 0.41 * 0.79)
    with pytest.raises(GateError, match=r"live has 0\.4100"):
        publish.publish(conf)


def test_figures_of_another_protocol_are_not_compared(tmp_path):
    conf = made.root(tmp_path)
    publish.publish(conf)
    judged(tmp_path, "v2", 0.1, split={"by": "leave_last"})
    assert "NDCG@10 of model against what is live" not in levels(conf)


def test_a_feed_that_has_stopped_publishes_nothing_where_that_is_asked(tmp_path):
    conf = made.root(tmp_path)  # now is 2018-01-01
    late = 1_514_764_800_000_000 - 2 * 86_400_000_000
    rows = [{"user_id": "7", "item_id": "a", "time": late - n, "event_type": "x", "row_hash": 1} for n in (0, 10**12)]
    made.put(tmp_path, tables.EVENTS, rows, version="v2", rows_in=2, facts={"rejected": {}})
    assert "events of late" not in levels(conf)
    assert levels(limits(conf, max_quiet_days=2))["events of late"] == "pass"
    assert levels(limits(conf, max_quiet_days=1.9))["events of late"] == "fail"
    # Of a day: its own rows, then those of the versions it goes on from.
    made.put(tmp_path, tables.EVENTS, [rows[0] | {"user_id": "8", "time": late - 10**12}], version="v3", rows_in=3,
             facts={"rejected": {}, "chain": ["v2"]})  # fmt: skip
    assert levels(limits(conf, max_quiet_days=2))["events of late"] == "pass"
    assert levels(limits(conf, max_quiet_days=1))["events of late"] == "fail"
