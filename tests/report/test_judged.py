from __future__ import annotations

from pathlib import Path

import pytest

from lstmrec.config.recommenders import Blend
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import DataFile
from lstmrec.report import judged
from tests import made

CONF = made.config(Path("/tmp/none"))
HELD = [{"role": "test", "base": "model", "recommender": n, "value": v, "p_holm": p}
        for n, v, p in (("personal", 0.015, 0.041), ("item_knn", -0.01, None), ("pop", 0.23, 0.002))]  # fmt: skip


def lists(*pairs: tuple[str, str]) -> object:
    files = tuple(DataFile(f"recommender={n}/role={r}/part-0.parquet", 1, 1) for n, r in pairs)
    return made.manifest(tables.RECOMMENDATIONS, "v1", files=files)


def test_what_was_scored_and_which_lists_are_popularity():
    pairs = [("model", "test"), ("model", "serve"), ("popularity", "test"), ("model", "validation")]
    names = [("model", "test"), ("model", "validation"), ("popularity", "test")]
    assert judged.scored(CONF, lists(*pairs)) == (names, "popularity")
    assert judged.scored(CONF, lists(("model", "test"), ("popularity", "serve"))) == ([("model", "test")], None)


def test_the_line_holds_the_baseline_against_the_best_other():
    test = {n: {"ndcg_10": v} for n, v in made.FIGURES.items()}
    assert judged.against(HELD, test, 10) == {"model - item_knn": "-0.0100"}
    assert judged.against(HELD[:1], test, 10) == {"model - personal": "+0.0150 (p 0.041)"}
    assert judged.against([], test, 10) == {} == judged.against([HELD[0] | {"role": "validation"}], test, 10)


def test_facts_are_what_others_read():
    missing = [{"recommender": "model", "role": "test", "missing": 2},
               {"recommender": "pop", "role": "test", "missing": 0}]  # fmt: skip
    got = judged.facts(CONF, 10, made.metric_rows(), HELD, missing)
    assert got["without_list"] == {"model test": 2} and got["k"] == 10
    assert got["test"]["model"]["ndcg_10"] == got["validation"]["model"]["ndcg_10"] == 0.41
    assert got["beats_popularity"] is True and got["beats_item_knn"] is False
    assert list(got["told"]) == ["ndcg@10 item_knn", "ndcg@10 model", "ndcg@10 personal", "model - item_knn"]


def test_a_blend_is_held_against_the_part_that_was_best_where_it_was_fitted():
    """b is better on the half that judges, but that is not known when it is chosen."""
    of = {"blend": (0.5, 0.4), "a": (0.45, 0.3), "b": (0.4, 0.35), "c": (0.9, 0.9)}
    rows = [{"role": "validation", "metric": "ndcg", "k": 10, "recommender": n, "slice": f"weights:{half}", "value": v}
            for n, values in of.items() for half, v in zip(("fitted", "judged"), values, strict=True)]  # fmt: skip
    rows += [{**r, "role": "test", "value": 9.0} for r in rows] + [{**r, "k": 5, "value": 9.0} for r in rows]
    gain = {"low": 0.01, "high": 0.2, "p": 0.1}
    gaps = [{"base": "blend", "recommender": n, "role": "validation", "value": 0.4 - of[n][1], **gain} for n in "abc"]
    blend = Blend(kind="blend", of=["a", "b"], weights="fit")
    (got,) = judged.blended([blend], 10, rows, gaps)
    assert got == {"name": "blend", "best": "a", "fitted": {"blend": 0.5, "a": 0.45},
                   "judged": {"blend": 0.4, "a": 0.3}, "gain": {"value": pytest.approx(0.1), **gain}}  # fmt: skip
    assert judged.blended([blend], 10, [], gaps) == [] == judged.blended([blend], 10, rows, [])
