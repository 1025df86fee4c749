"""Lists that take in new items: which of them change, without Spark (whole days: test_states.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lstmrec.scoring import worker, worker_merged
from lstmrec.scoring.options import MOVED, SPENT
from tests.model import worlds
from tests.scoring import bundles


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("merged")
    bundles.seal_bundle(folder, worlds.net(**{**worlds.RICH, "history": "filter"}))
    bundles.seal_vectors(folder, bundles.encoded())
    return folder


@pytest.fixture(autouse=True)
def cache(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTMREC_CACHE", str(root / "cache"))


#: What `udf.movable` makes of a row.
SHORT = pa.schema([("user_id", pa.string()), ("query", pa.binary()), ("complete", pa.bool_()),
                   ("many", pa.int32()), ("last", pa.float64()), ("ids", pa.list_(pa.string()))])  # fmt: skip


def told(row: dict[str, Any], lost: bool) -> dict[str, Any]:
    items = row["items"]
    return {**row, "many": len(items), "last": items[-1]["score"] if items else None,
            "ids": [i["item_id"] for i in items] if lost else None}  # fmt: skip


def merged(root: Path, lists: dict[str, list[tuple[str, float]]], gone: list[int], new: list[int],
           complete: bool = False, size: int = 3, left: tuple[str, ...] = ()) -> dict[str, Any]:  # fmt: skip
    """user -> (what became, item ids, complete) of lists of 4 that need 2; every user vector is all ones."""
    ones = np.ones(worlds.net(**worlds.RICH).spec.dim, "<f4").tobytes()
    rows = [{"user_id": u, "query": ones, "items": [{"item_id": i, "score": s} for i, s in items],
             "complete": complete} for u, items in lists.items()]  # fmt: skip
    schema = pa.schema([("user_id", pa.string()), ("query", pa.binary()), ("items", worker_merged.DEEP),
                        ("complete", pa.bool_())])  # fmt: skip
    batches = [pa.RecordBatch.from_pylist(rows[i : i + size], schema=schema) for i in range(0, len(rows), size)]
    options = bundles.options(root, k=4, least=2)
    short = [pa.RecordBatch.from_pylist([told(r, bool(gone or left)) for r in b.to_pylist()], schema=SHORT)
             for b in batches]  # fmt: skip
    may = {r["user_id"] for b in worker_merged.movable(iter(short), options, gone, new, left) for r in b.to_pylist()}
    some = [b.filter(pa.array([u in may for u in b["user_id"].to_pylist()])) for b in batches]
    out = [r for b in worker_merged.merged(iter(some), options, gone, new) for r in b.to_pylist()]
    return {r["user_id"]: (r["became"], [i["item_id"] for i in r["items"]], r["complete"]) for r in out}


def test_only_lists_that_change_are_given(root: Path) -> None:
    worst, best = [(f"item {i}", 1e6 - i) for i in (5, 6, 7, 8)], [(f"item {i}", -1e6 - i) for i in (5, 6, 7, 8)]
    assert merged(root, {"u": worst, "v": worst[:3]}, [], [20]) == {}
    assert merged(root, {"u": worst, "v": best}, [], [20]) == {
        "v": (MOVED, ["item 20", "item 5", "item 6", "item 7"], False)
    }  # fmt: skip
    lists = {"u": worst, "v": worst[1:] + [("item 9", 0.0)], "w": [("item 6", 2.0), ("nowhere", 1.0)]}
    for size in (1, 2, 5):
        assert merged(root, lists, [6], [], size=size) == {
            "u": (MOVED, ["item 5", "item 7", "item 8"], False), "v": (MOVED, ["item 7", "item 8", "item 9"], False),
            "w": (SPENT, [], False),
        }  # fmt: skip
    lost = {"u": worst, "v": [*worst[:2], ("nowhere", 1.0), worst[3]]}
    assert merged(root, lost, [], [], left=("nowhere", "never listed")) == {
        "v": (MOVED, ["item 5", "item 6", "item 8"], False)
    }  # fmt: skip
    assert merged(root, {"w": lists["w"]}, [6], [], complete=True) == {"w": (MOVED, [], True)}


def test_an_item_that_changed_stands_where_it_belongs_now(root: Path) -> None:
    items = worker.the_items(str(root), bundles.VERSION, bundles.VERSION)
    score = float(items.vectors[20].double().sum() + items.bias[20].double())
    given = {"u": [("item 20", 1e6), ("item 5", score + 1), ("item 6", score - 1)],
             "v": [("item 5", score + 1), ("item 20", score), ("item 6", score - 1)]}  # fmt: skip
    found = merged(root, given, [20], [20])
    # Who was fourth is not known, so of three places two are sure.
    assert found["u"][:2] == (MOVED, ["item 5", "item 20"])
    assert found["v"][:2] == (MOVED, ["item 5", "item 20"])


def test_lists_are_looked_at_where_they_may_change(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A last place just above, at and below a new item's score, and what is said of them is what a look at all says."""
    items = worker.the_items(str(root), bundles.VERSION, bundles.VERSION)
    score = float(items.vectors[20].double().sum() + items.bias[20].double())
    lasts = {"far": score + 1, "above": np.nextafter(score, np.inf), "at": score, "below": np.nextafter(score, -np.inf)}
    lists = {u: [(f"item {i}", last + 9 - i) for i in (5, 6, 7)] + [("item 21", last)] for u, last in lasts.items()}
    looked, merge = list[str](), worker_merged._merged

    def noted(batch: pa.RecordBatch, *rest: Any) -> pa.RecordBatch:
        looked.extend(batch.column(0).to_pylist())
        return merge(batch, *rest)

    monkeypatch.setattr(worker_merged, "_merged", noted)
    found = merged(root, lists, [], [20], size=4)
    assert set(found) == {"at", "below"}  # of equals the lower index stands first
    assert looked == ["above", "at", "below"]
    assert merged(root, {"none": [], "full": lists["far"][:3]}, [], [20], complete=True).keys() == {"none", "full"}
    monkeypatch.setattr(worker_merged, "_may_move", lambda batch, *_: np.ones(batch.num_rows, bool))
    assert merged(root, lists, [], [20], size=4) == found
