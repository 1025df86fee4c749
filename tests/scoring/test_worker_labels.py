"""Rows of labels: one an event, whatever the batches; null where an item could not be shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lstmrec.model.batch import batch_of
from lstmrec.model.surprise import surprises
from lstmrec.scoring import worker, worker_labels
from tests.model import worlds
from tests.scoring import bundles


def test_a_row_an_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    bundles.seal_bundle(tmp_path, worlds.net(**worlds.RICH).eval())
    bundles.seal_vectors(tmp_path, bundles.encoded())
    sequences, options = bundles.sequences(), bundles.options(tmp_path)

    def told(size: int) -> dict[tuple[str, int], dict[str, Any]]:
        made = worker_labels.labelled(iter(bundles.batches(sequences, size)), options)
        rows = [r for b in made for r in b.to_pylist()]
        out = {(r["user_id"], r["offset"]): r for r in rows}
        assert len(out) == len(rows)
        return out

    whole = told(100)
    assert sorted(whole) == sorted((r["user_id"], t) for r in sequences for t in range(r["n"]))
    for key, r in told(3).items():  # whoever stands in the batch
        assert r["rank"] == whole[key]["rank"] and r["surprise"] == pytest.approx(whole[key]["surprise"], abs=1e-5)
    net = worker.the_user_side(str(tmp_path), bundles.VERSION)
    items = worker.the_items(str(tmp_path), bundles.VERSION, bundles.VERSION)
    hidden = 0
    for row in sequences[:6]:
        made = batch_of({k: np.asarray([v]) for k, v in row.items() if k != "user_id"}).padded(4)
        ranks, nats = surprises(net, made, items.vectors, items.bias)
        for t in range(row["n"]):
            got, had = whole[row["user_id"], t], row["items"][:t] + row["before_items"]
            out = row["items"][t] < 2 or row["items"][t] in had
            hidden += out
            assert (got["rank"] is None) == (got["surprise"] is None) == out
            if not out:
                assert got["rank"] == int(ranks[0, t]) and got["surprise"] == pytest.approx(float(nats[0, t]), abs=1e-5)
    assert hidden
    torch.set_num_threads(threads)
