"""A made log of few users against plain Python."""

from __future__ import annotations

import math
from typing import Any

import pytest

from lstmrec.contracts import tables
from lstmrec.frames import expected, metrics, targets
from lstmrec.frames.sums import Asked

EVENTS = [
    # user, item, role
    ("a", "x", "train"), ("a", "y", "train"), ("a", "x", "validation"), ("a", "z", "test"), ("a", "x", "test"),
    ("a", "z", "test"), ("b", "y", "train"), ("b", "q", "test"), ("c", "x", "test"), ("d", "x", "train"),
]  # fmt: skip
LISTS = {
    ("model", "test", "a"): ["z", "x", "y"],
    ("model", "test", "b"): ["x", "y", "z"],
    ("model", "test", "c"): ["y", "x"],
    ("model", "test", "d"): ["x"],  # no event in test: not judged
    ("model", "validation", "a"): ["y", "x"],
    ("pop", "test", "a"): ["x", "y", "z"],
    ("pop", "test", "b"): ["x", "y", "z"],
}


def split_rows(spark: Any) -> Any:
    rows = [
        (u, i, "e", n, None, None, None, None, n, role, n)
        for n, (u, i, role) in enumerate(EVENTS)
    ]  # fmt: skip
    return spark.createDataFrame(rows, tables.SPLIT.ddl)


def recommendation_rows(spark: Any, lists: dict = LISTS) -> Any:
    rows = [
        (
            name,
            role,
            user,
            [(i, float(9 - n), n + 1) for n, i in enumerate(items)],
            "full_history",
            None,
            1,
            "m",
            0,
            None,
            None,
        )
        for (name, role, user), items in lists.items()
    ]
    return spark.createDataFrame(rows, tables.RECOMMENDATIONS.ddl)


NAMES = [("model", "test"), ("model", "validation"), ("pop", "test")]


def pipeline(spark: Any, partitions: int, resamples: int = 40) -> Any:
    wanted = targets.targets(split_rows(spark))
    rows = metrics.judged(recommendation_rows(spark), wanted, NAMES, 7).repartition(partitions, "user_id")
    return rows, metrics.resampled(rows, Asked((2,), resamples, ("repeat", "explore"), ips=True))


@pytest.fixture(scope="module")
def done(spark: Any) -> Any:
    rows, means = pipeline(spark, 2)
    return rows.cache(), means.cache()


def test_values_are_the_plain_definition_and_a_missing_list_counts(done):
    rows, means = done
    assert {(r["recommender"], r["user_id"]) for r in rows.where("missing").collect()} == {("pop", "c")}
    got = {(r["recommender"], r["role"], r["slice"], r["metric"]): r for r in metrics.intervals(means).collect()}
    second = 1 / math.log2(3)
    want = {
        ("model", "test", "all", "recall"): (1 + 0 + 1) / 3,  # q is in no catalogue, and still a target
        ("model", "test", "all", "ndcg"): (1 + 0 + second) / 3,
        ("model", "test", "all", "mrr"): (1 + 0 + 0.5) / 3,
        ("pop", "test", "all", "recall"): (0.5 + 0 + 0) / 3,
        ("model", "validation", "all", "mrr"): 0.5,
        ("model", "test", "repeat", "recall"): 1.0,
        ("model", "test", "explore", "recall"): (1 + 0 + 1) / 3,
    }
    assert {k: got[k]["value"] for k in want} == pytest.approx(want, abs=1e-8)
    assert got["model", "test", "all", "ndcg"]["users"] == 3
    assert got["model", "test", "repeat", "ndcg"]["users"] == 1
    assert got["model", "test", "all", "ips_ndcg"]["value"] == 0  # no weights were set
    assert ("model", "test", "repeat", "ips_ndcg") not in got and ("model", "test", "all", "snips_ndcg") not in got
    missing = {r["recommender"]: r["missing"] for r in
               means.where("slice = 'all' and resample = 0 and role = 'test'").collect()}  # fmt: skip
    assert missing == {"model": 0, "pop": 1}
    for row in got.values():
        assert row["low"] <= row["value"] + 1e-9 and row["value"] <= row["high"] + 1e-9, row
    assert got["model", "test", "all", "ndcg"]["low"] < got["model", "test", "all", "ndcg"]["high"]


def test_partitioning_changes_no_bit(spark, done):
    first, second = (sorted(map(tuple, means.collect()), key=str) for means in (done[1], pipeline(spark, 5)[1]))
    assert first == second


def test_no_resamples_give_the_value_as_interval(spark):
    rows = metrics.intervals(pipeline(spark, 1, resamples=0)[1]).collect()
    assert rows and all(r["low"] == r["value"] == r["high"] for r in rows)


def test_names_keep_what_stands_before_the_k(spark):
    frame = spark.createDataFrame([("ips_ndcg_10",), ("hr_1",)], "name string")
    got = [tuple(r) for r in frame.select(*metrics.named("name")).collect()]
    assert got == [("ips_ndcg", 10), ("hr", 1)]


def test_frame_is_the_contracts(done):
    out = metrics.intervals(done[1])
    assert set(out.columns) | {"protocol"} == set(tables.METRICS.names)
    assert {r["metric"] for r in out.collect()} == {*expected.METRICS, "ips_recall", "ips_ndcg"}
