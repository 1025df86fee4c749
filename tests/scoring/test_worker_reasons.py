"""Lists with reasons: the lists are those without, the reasons the events whose absence costs most, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lstmrec.model import influence
from lstmrec.model.batch import batch_of
from lstmrec.scoring import worker
from tests.model import worlds
from tests.scoring import bundles


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("history", ["filter", "learn"])
def test_lists_stay_and_each_item_has_its_events(tmp_path: Path, history: str) -> None:
    net, rows = worlds.net(**{**worlds.RICH, "history": history}).eval(), bundles.encoded()
    bundles.seal_bundle(tmp_path, net)
    bundles.seal_vectors(tmp_path, rows)
    sequences = bundles.sequences()
    plain = bundles.listed(sequences, bundles.options(tmp_path))
    asked = bundles.options(tmp_path, because=(2, 4))
    found = bundles.listed(sequences, asked, 5)
    items = worker.the_items(str(tmp_path), bundles.VERSION, bundles.VERSION)
    told = 0
    for row in sequences:
        got = found[row["user_id"]]
        assert [x["item_id"] for x in got["items"]] == [x["item_id"] for x in plain[row["user_id"]]["items"]]
        assert len(got["reasons"]) == len(got["items"]) and got["list_s"] > 0 and got["because_s"] > 0
        made = batch_of({k: np.asarray([v]) for k, v in row.items() if k != "user_id"}).padded(4)
        listed = torch.tensor([[int(x["item_id"].split()[1]) for x in got["items"]]]).expand(4, -1)
        values = influence.influences(net, made, items.vectors, items.bias, listed, 4)[0]
        past = influence.events(made, 4)[0].tolist()
        for value, reasons in zip(values.tolist(), got["reasons"], strict=True):
            best: dict[int, float] = {}
            for item, v in zip(past, value, strict=True):
                if item >= 2 and v > 0:
                    best[item] = max(v, best.get(item, 0.0))
            order = sorted(best, key=lambda i: -best[i])[:2]
            assert [r["item_id"] for r in reasons] == [f"item {i}" for i in order]
            assert [r["influence"] for r in reasons] == pytest.approx([best[i] for i in order], abs=1e-5)
            told += len(reasons)
        named = {r["item_id"] for reasons in got["reasons"] for r in reasons}
        assert len(got["because"]) == min(2, len(named | set(got["because"]))) and set(got["because"]) <= {
            f"item {i}" for i in past
        }
    assert told > 40
    assert found["u1"]["because"] == [] and not any(found["u1"]["reasons"])  # no event
