from __future__ import annotations

import json
from dataclasses import replace

from lstmrec import versions
from lstmrec.cli import main
from lstmrec.contracts import tables
from tests import made


def test_figures_lists_and_config_side_by_side(tmp_path, capsys):
    a, b = tmp_path / "a", tmp_path / "b"
    made.root(a)
    made.root(b, figures={**made.FIGURES, "model": 0.43}, recommenders=["model", "popularity"])
    one = versions.current(str(b), tables.RECOMMENDATIONS)
    changed = made.listed("model", "test", "718", ["d", "x", "a"])
    kept = [made.listed(r, role, u, ["d", "c", "a"] if r == "model" else ["a", "b"]) for r in ("model", "popularity")
            for role in ("validation", "test", "serve") for u in ("718", "007")
            if (r, role, u) != ("model", "test", "718")]  # fmt: skip
    made.put(
        b, tables.RECOMMENDATIONS, [*kept, changed], version="v2", config={"score.k": 5, "sequence": {"phases": 2}}
    )
    made.put(a, tables.SEQUENCES, [], version="v2", config={"sequence": {"phases": 4}, "score.k": 5})
    made.put(a, replace(tables.USER_STATES, major=1), [])  # of an earlier lstmrec
    assert main.call(["compare", str(a), str(b), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    ndcg = next(r for r in told["metrics"] if (r["recommender"], r["metric"]) == ("model", "ndcg_10"))
    assert (ndcg["a"], ndcg["b"], round(ndcg["gap"], 6)) == (0.41, 0.43, 0.02)
    assert {r["recommender"] for r in told["lists"]} == {"model", "popularity"}
    test = next(r for r in told["lists"] if (r["recommender"], r["role"]) == ("model", "test"))
    assert test["users"] == 2 and test["same"] == 0.5 and abs(test["overlap"] - (1 + 2 / 3) / 2) < 1e-12
    assert told["config"] == [{"key": "sequence.phases", "a": 4, "b": 2}]
    assert main.call(["compare", str(a), f"{b}@{one.version}"]) == 0
    out = capsys.readouterr().out
    assert "+0.0200" in out and "100.0%" in out and "sequence.phases" in out and "\x1b" not in out


def test_runs_of_different_recommenders_are_no_comparison(tmp_path, capsys):
    a, b = tmp_path / "a", tmp_path / "b"
    for root, name in ((a, "x"), (b, "y")):
        made.put(root, tables.RECOMMENDATIONS, [made.listed(name, "serve", "718", ["a"])])
    assert main.call(["compare", str(a), str(b)]) == 3
    assert "D823" in capsys.readouterr().err
