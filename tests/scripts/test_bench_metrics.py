"""scripts/bench/metrics.py: both forms of its data say the same, and its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests import by_path


@pytest.fixture
def script() -> Iterator[Callable[[str], ModuleType]]:
    with by_path.beside("scripts/bench", "scripts/bench/metrics_peers", "scripts/bench/score_peers") as load:
        yield load


def test_both_forms_hold_the_same(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = script("prepare")
    prepare.make(tmp_path / "data", 50, 400, 10)
    ours = {r["user_id"]: r["items"] for r in pq.read_table(tmp_path / "data/recommendations").to_pylist()}
    pairs: dict[str, list[Any]] = {}
    for row in pq.read_table(tmp_path / "data/pairs").to_pylist():
        pairs.setdefault(f"user-{row['user_id']}", []).append((f"item-{row['item_id']}", row["rating"]))
    assert {u: [(i["item_id"], i["score"]) for i in items] for u, items in ours.items()} == pairs
    assert all(len({i for i, _ in row}) == prepare.LENGTH for row in pairs.values()) and len(pairs) == 50
    truth = [
        (f"user-{r['user_id']}", f"item-{r['item_id']}") for r in pq.read_table(tmp_path / "data/truth").to_pylist()
    ]
    assert truth == [(r["user_id"], r["item_id"]) for r in pq.read_table(tmp_path / "data/split").to_pylist()]
    assert len(set(truth)) == len(truth)
    sizes = np.unique([u for u, _ in truth], return_counts=True)[1]
    assert len(sizes) == 50 and sizes.max() <= 10
    hits = {u for u, i in truth if i in dict(pairs[u])}
    assert 5 < len(hits) < 50


def test_headline_figures(script: Any) -> None:
    metrics = script("metrics")
    figures = {"ndcg_10": 0.2, "recall_1": 0.3, "recall_10": 0.4}
    ours = {"seconds": 10.0, "cpu_seconds": {"java": 8.0, "python": 4.0}, "figures": figures}
    theirs = {"seconds": 75.0, "cpu_seconds": {"java": 60.0, "python": 24.0},
              "figures": figures | {"recall_1": 0.1, "recall_10": 0.4 + 1e-9}}  # fmt: skip
    found = metrics.facts(ours, ours | {"seconds": 11.0}, theirs)
    assert (found["ratio_replay"], found["ratio_replay_cpu"], found["seconds_bootstrap"]) == (7.5, 7.0, 11.0)
    assert found["largest_difference"] == pytest.approx(1e-9)  # recall at 1 is another one there
    assert metrics.facts(ours, ours, None)["ratio_replay"] is None
    assert metrics.apart(figures, {"recall_10": 0.4}) == float("inf")


def test_quick_is_small(script: Any, tmp_path: Path) -> None:
    more = ["--dir", str(tmp_path / "a"), "--venvs", str(tmp_path / "b")]
    args = script("metrics").arguments(["--quick", *more])
    assert args.users == 2000 and script("metrics").arguments(more).users == 140_000
