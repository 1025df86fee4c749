"""scripts/bench/daily.py: its figures from days made by hand, and what it calls quick."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lstmrec.cli import flows
from lstmrec.contracts import tables
from tests import by_path, made


@pytest.fixture
def bench() -> Iterator[Any]:
    with by_path.beside("scripts/bench", "scripts/bench/score_peers", "scripts") as load:
        yield load("daily")


def day(daily: float, whole: float, moved: int, *differing: str, kept: int = 10) -> dict[str, Any]:
    return {"daily": {"cpu_seconds": daily, "seconds": 3 * daily}, "whole": {"cpu_seconds": whole, "seconds": 1.0},
            "moved": moved, "users": 100, "differing": list(differing), "kept": kept, "full": 20,
            "anew": ["split"] * (moved == 6)}  # fmt: skip


def test_figures(bench: Any) -> None:
    found = bench.facts(
        [day(4, 10, 4), day(2, 10, 6, kept=50), day(1, 10, 5, "split"), day(1, 10, 5, "recommendations")], 10, 30
    )
    assert (found["days_asked"], found["compacted"]) == (30, 1)
    assert found["daily_cost_share"] == 0.2 and found["daily_cost_share_late"] == 0.1
    assert found["daily_cost_share_trained"] == 0.1
    assert (found["days_equal"], found["days_equal_in_all"], found["days"]) == (3, 2, 4)
    assert found["storage_factor"] == 2.5 and found["freshness_s"] == 4.5 and found["active_share"] == 0.05
    assert json.loads(json.dumps(found)) == found


def test_quick_is_small(bench: Any, tmp_path: Path) -> None:
    args = bench.arguments(["--quick", "--dir", str(tmp_path)])
    assert args.days <= 3 and args.events <= 30_000
    full = bench.arguments([])
    assert (full.days, full.events, full.active) == (30, 1_000_000, 0.05)


def test_stopped_it_tells_of_the_days_that_are_done(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                                    ) -> None:  # fmt: skip
    def both(spark: Any, args: Any, number: int, tally: Any) -> dict[str, Any]:
        if number == 3:
            raise KeyboardInterrupt
        return day(number, 10, 5)

    first = {"jobs": {"sequence": 4.0, "train": 6.0}}
    for name, what in (("make", None), ("by_time", None), ("walked", first)):
        monkeypatch.setattr(bench, name, lambda *_, what=what, **__: what)
    monkeypatch.setattr(bench, "both", both)
    found = bench.measured(None, bench.arguments(["--dir", str(tmp_path)]))
    assert (found["days"], found["days_asked"], found["daily_cost_share"]) == (2, 30, 0.15)


def test_its_config_goes_from_day_to_day(bench: Any, tmp_path: Path) -> None:
    first, then = (bench.config(tmp_path, tmp_path, n, **more) for n, more in ((0, {}), (2, {"flow": "daily"})))
    assert (first.as_of, then.as_of) == ("2020-04-30T00:00:00Z", "2020-05-02T00:00:00Z")
    assert first.score.mode == "carry" and then.score.mode == "update" and "sequence" not in flows.jobs(then)


def test_a_copy_has_no_states_and_is_what_stands_in_the_whole(bench: Any, tmp_path: Path) -> None:
    root, whole = tmp_path / "root", tmp_path / "whole"
    for n in (1, 2):
        made.put(root, tables.USER_STATES, [], version=f"v{n}", facts={"chain": []})
        made.put(root, tables.USERS, [{"user_id": f"u{n}", "attributes": []}], version=f"v{n}")
    bench.copied(root, whole)
    assert sorted(p.name for p in whole.iterdir()) == ["users"]
    assert (whole / "users/v1/_MANIFEST.json").samefile(root / "users/v1/_MANIFEST.json")
    newest = sum(f.stat().st_size for f in (whole / "users/v2").rglob("*") if f.is_file())
    assert bench.newest(whole) == newest and bench.pruned(whole) < 2 * newest
    assert not (whole / "users/v1").exists() and (root / "users/v1").exists()
