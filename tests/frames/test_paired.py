"""Made resamples against plain Python; Holm's own example."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lstmrec.frames import paired

DDL = "recommender string, role string, slice string, resample int, users bigint, ndcg_10 double"


def means(spark: Any, resamples: int = 39) -> tuple[Any, dict[tuple[str, str], np.ndarray]]:
    """Value 0.5, 0.4, 0.48 of three recommenders, resamples about it that share what the draw does to all."""
    rng = np.random.default_rng(4)
    shared, drawn, rows = rng.normal(0, 0.1, resamples), {}, []
    for name, value in (("model", 0.5), ("pop", 0.4), ("knn", 0.48)):
        for part, shift in (("all", 0.0), ("history:short", -0.1), ("history:long", 0.2), ("repeat", 0.1),
                            ("weights:fitted", 0.9), ("weights:judged", -0.4)):  # fmt: skip
            own = np.concatenate([[value + shift], value + shift + shared + rng.normal(0, 0.02, resamples)])
            drawn[name, part] = own
            rows += [(name, "test", part, i, 10, float(v)) for i, v in enumerate(own)]
    return spark.createDataFrame(rows, DDL), drawn


def test_differences_are_paired_and_tested(spark):
    frame, drawn = means(spark)
    got = {r["recommender"]: r for r in paired.differences(frame, "ndcg_10", "model").collect()}
    assert set(got) == {"pop", "knn"} and {r["base"] for r in got.values()} == {"model"}
    for name, row in got.items():
        gap = drawn["model", "all"] - drawn[name, "all"]
        assert row["value"] == pytest.approx(gap[0])
        assert [row["low"], row["high"]] == pytest.approx(np.percentile(gap[1:], [2.5, 97.5]).tolist())
        assert row["p"] == pytest.approx((np.sum(np.abs(gap[1:] - gap[0]) >= abs(gap[0])) + 1) / 40)
    assert got["pop"]["p"] == 1 / 40 < got["knn"]["p"]
    other = {r["recommender"]: r["value"] for r in paired.differences(frame, "ndcg_10", "pop").collect()}
    assert other == {"model": pytest.approx(-0.1), "knn": pytest.approx(-0.08)}
    part = {r["recommender"]: r["value"] for r in paired.differences(frame, "ndcg_10", "model", "repeat").collect()}
    assert part == {n: pytest.approx(drawn["model", "repeat"][0] - drawn[n, "repeat"][0]) for n in ("pop", "knn")}


def test_no_resamples_give_no_p(spark):
    rows = paired.differences(means(spark, 0)[0], "ndcg_10", "model").collect()
    assert rows and all(r["p"] is None and r["low"] == r["value"] == r["high"] for r in rows)
    assert all(r["p_holm"] is None for r in paired.holm(r.asDict() for r in rows))


def test_gaps_are_between_the_best_and_the_worst_group(spark):
    frame, drawn = means(spark)
    got = {r["recommender"]: r for r in paired.gaps(frame, "ndcg_10").collect()}
    assert set(got) == {"model", "pop", "knn"}  # repeat stands alone, and halves by hash are no groups
    row = got["knn"]
    assert (row["family"], row["best"], row["worst"]) == ("history", "history:long", "history:short")
    gap = drawn["knn", "history:long"] - drawn["knn", "history:short"]
    assert row["value"] == pytest.approx(0.3)
    assert [row["low"], row["high"]] == pytest.approx(np.percentile(gap[1:], [2.5, 97.5]).tolist())


def test_holm_steps_down_and_never_falls():
    ps = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}
    rows = [{"role": "test", "recommender": n, "p": p} for n, p in ps.items()]
    rows += [{"role": "validation", "recommender": "a", "p": 0.5}]
    got = {(r["role"], r["recommender"]): r["p_holm"] for r in paired.holm(rows)}
    assert got == {("test", "a"): pytest.approx(0.03), ("test", "b"): pytest.approx(0.06),
                   ("test", "c"): pytest.approx(0.06), ("test", "d"): pytest.approx(0.02),
                   ("validation", "a"): 0.5}  # fmt: skip
    assert paired.holm([{"role": "test", "recommender": "a", "p": 0.9}, {"role": "test", "recommender": "b", "p": 0.8}]
                       )[0]["p_holm"] == 1.0  # fmt: skip
