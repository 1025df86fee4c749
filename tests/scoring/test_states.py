"""Carry mode day by day: what an update gives is what a run over whole histories gives."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.jobs import score
from lstmrec.store.read import read
from tests.scoring.days import Shop


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))


def lists(spark: Any, root: Path) -> dict[str, Any]:
    rows = read(spark, str(root), tables.RECOMMENDATIONS).collect()
    assert len({r["user_id"] for r in rows}) == len(rows)
    return {r["user_id"]: (r["items"], r["reason"], r["history"]) for r in rows}


def test_an_update_is_a_run_over_whole_histories(spark: Any, tmp_path: Path) -> None:
    shop, done = Shop(1), Counter[str]()
    for _ in range(2):
        shop.write(tmp_path)
        score.run(spark, shop.config(tmp_path, mode="update"))
        shop.tomorrow()
    shop.write(tmp_path)
    score.run(spark, shop.config(tmp_path, mode="update"))
    updated = lists(spark, tmp_path)
    done.update(versions.current(str(tmp_path), tables.USER_STATES).facts["users"])
    assert done["same"] > done["on"] > 0 and done["whole"] > 0 and done["kept"] + done["moved"] > 0
    score.run(spark, shop.config(tmp_path, mode="carry"))
    assert lists(spark, tmp_path) == updated and len(updated) == len(shop.events)


@pytest.mark.slow
def test_fifty_days(spark: Any, tmp_path: Path) -> None:
    shop, done = Shop(2), Counter[str]()
    carried, whole = tmp_path / "carried", tmp_path / "whole"
    for day in range(51):
        for root, mode in ((carried, "update"), (whole, "carry")):
            shop.write(root)
            score.run(spark, shop.config(root, mode=mode))
        assert lists(spark, carried) == lists(spark, whole), f"day {day}"
        done.update(versions.current(str(carried), tables.USER_STATES).facts["users"])
        shop.tomorrow()
    assert min(done[what] for what in ("same", "on", "whole", "kept", "moved", "spent")) > 0
