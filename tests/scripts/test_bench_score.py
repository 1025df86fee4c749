"""scripts/bench/score.py: the worker reads the tables it makes, the bare limit finds the same items, its figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from lstmrec.scoring import worker
from lstmrec.scoring.options import Options
from tests import by_path


@pytest.fixture
def script() -> Iterator[Callable[[str], ModuleType]]:
    with by_path.beside("scripts/bench", "scripts/bench/score_peers") as load:
        yield load


def test_ours_and_the_bare_limit_rank_alike(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bare one filters nothing: its list without what the user had is ours."""
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    prepare, root = script("prepare"), tmp_path / "root"
    prepare.make(root, items=60, length=5, users=12, dim=8, units=8)
    made = list(script("with_profile").batches(root, 12))
    rows = [r for b in worker.recommend(iter(made), Options(str(root), prepare.VERSION, prepare.VERSION, rows=4))
            for r in b.to_pylist()]  # fmt: skip
    items = torch.tensor([r["items"] for b in made for r in b.to_pylist()])
    with torch.no_grad():
        at, _ = script("with_torch").Bare(root, 20, 16)(items)
    for row, had, best in zip(rows, items.tolist(), at.tolist(), strict=True):
        assert [x["item_id"] for x in row["items"]] == [f"item-{i}" for i in best if i >= 2 and i not in had][:10]
    stamp = (root / "bundle" / prepare.VERSION / "model.json").stat().st_mtime_ns
    prepare.make(root, items=60, length=5, users=12, dim=8, units=8)
    assert (root / "bundle" / prepare.VERSION / "model.json").stat().st_mtime_ns == stamp
    files = list((root / "sequences").glob("*/data/**/*.parquet"))
    assert sum(pq.ParquetFile(f).metadata.num_rows for f in files) == 12
    torch.set_num_threads(threads)


def test_headline_figures(script: Any) -> None:
    score = script("score")
    small, large = score.Case(score.SMALL, 50, 10), score.Case(score.LARGE, 50, 10)
    assert small.flops == 50 * 262144 + 3400 * 256 and small.goal and not score.Case(score.SMALL, 200, 10).goal

    def one(ratio: float, ours: float) -> dict[str, Any]:
        return {"ours": {"users_s": ours, "users_cpu_s": 2 * ours}, "ratio": ratio, "ratio_cpu": ratio + 0.05}

    cases = {small: one(0.9, 4000.0), large: one(0.8, 900.0), score.Case(7, 50, 10): one(0.1, 1.0)}
    others = {"als": {"users_s": 300.0, "users_cpu_s": 300.0}, "replay": {"users_s": 1000.0, "users_cpu_s": 1000.0},
              "lstmrec": score.mean([{"users_s": 3000.0, "users_cpu_s": 7000.0, "items": 3400},
                                     {"users_s": 5000.0, "users_cpu_s": 9000.0, "items": 3400}])}  # fmt: skip
    facts = score.facts(cases, others)
    assert facts["ratio_bare"] == 0.8 and facts["ratio_bare_cpu"] == 0.85
    assert facts["ratio_als"] == 3.0 and facts["ratio_replay"] == 4.0 and facts["ratio_replay_cpu"] == 8.0
    assert facts["ratio_rectools"] is None and facts["update_cost_share"] is None
    assert json.loads(json.dumps(facts)) == facts
    assert score.facts({small: one(0.9, 1.0)}, others)["ratio_als"] is None


def test_quick_is_small(script: Any, tmp_path: Path) -> None:
    args = script("score").arguments(["--quick", "--dir", str(tmp_path)])
    assert args.users == 2048 and args.items == [3400, 100_000] and (args.history, args.k) == ([50], [10])
