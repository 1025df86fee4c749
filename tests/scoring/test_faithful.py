"""Figures of curves and reasons, from rows as the worker makes them and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from lstmrec.model import faithful as measures
from lstmrec.scoring import faithful, worker_faithful
from tests.model import worlds
from tests.scoring import bundles


def row(key: int, items: int, curves: list[float], **more: Any) -> dict[str, Any]:
    base = {"key": key, "items": items, "curves": curves, "reasoned": items, "newest": 0, "chance": 0.5 * items,
            "same": 0, "pairs": items, "agreement": 0.0}  # fmt: skip
    return {**base, **more}


def test_figures_are_means_over_users_of_means_over_items() -> None:
    # curves (2, 4 orders, 1 step, 2 measures), flat: deletion then insertion, by influence first
    one = [4.0, 1.0, 2.0, 2.0, 0.0, 2.0, 2.0, 2.0] + [1.0, 1.0] * 4
    two = [1.0, 0.0, 0.5, 1.0, 0.0, 1.0, 0.5, 1.0] + [2.0, 1.0] * 4
    got = faithful.figures([row(5, 2, one, newest=1, agreement=1.0), row(3, 1, two, same=1)], (1,), 20)
    of = {(r["curve"], r["order"], r["step"]): r for r in got["curves"]}
    assert of["deletion", "influence", "1"]["score"][0] == pytest.approx((4 / 2 + 1) / 2)
    assert of["deletion", "influence", "area"]["listed"][0] == pytest.approx((1 / 2 + 0) / 2)
    assert of["deletion", "random", "area"]["gap"][0] == pytest.approx((1 + 0.5) / 2)
    assert of["deletion", "influence", "area"]["gap"] is None and "gap" not in of["deletion", "random", "1"]
    assert of["insertion", "similar", "1"]["score"][0] == pytest.approx((0.5 + 2) / 2)
    assert (got["users"], got["items"], got["steps"]) == (2, 3, [1])
    assert got["newest"][0] == pytest.approx(1 / 3) and got["chance"] == pytest.approx(0.5)
    assert got["same_reason"][0] == pytest.approx(1 / 3) and got["agreement"][0] == pytest.approx(1 / 3)
    low, high = of["deletion", "influence", "1"]["score"][1:]
    assert low <= 1.5 <= high


def test_the_worker_measures_who_has_two_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    bundles.seal_bundle(tmp_path, worlds.net(**{**worlds.RICH, "history": "learn"}).eval())
    bundles.seal_vectors(tmp_path, bundles.encoded())
    sequences = bundles.sequences()
    options = bundles.options(tmp_path, because=(1, 4))

    def rows(size: int) -> list[dict[str, Any]]:
        made = worker_faithful.measured(iter(bundles.batches(sequences, size)), options, 2, (1, 2), 7)
        return pa.Table.from_batches(made, worker_faithful.SCHEMA).to_pylist()

    whole = {r["key"]: r for r in rows(100)}
    assert sorted(whole) == sorted(r["user"] for r in sequences if r["n"] >= 2)
    assert {r["key"]: r for r in rows(3)} == whole  # whoever stands in the batch
    got = faithful.figures(list(whole.values()), (1, 2), 10)
    area = {r["order"]: r["score"][0] for r in got["curves"] if (r["curve"], r["step"]) == ("deletion", "1")}
    assert area["influence"] == max(area.values()) and area["influence"] > 0
    assert faithful.ORDERS == measures.ORDERS and faithful.CURVES == measures.CURVES
    assert -1 <= got["agreement"][0] <= 1 and 0 <= got["newest"][0] <= 1
    torch.set_num_threads(threads)
