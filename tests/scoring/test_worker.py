from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lstmrec.contracts.errors import DataError
from lstmrec.model import rank
from lstmrec.model.batch import batch_of
from lstmrec.scoring import items, worker
from lstmrec.scoring.options import ENCODED, looked_at
from tests.model import worlds
from tests.scoring import bundles


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))
    worker.the_net.cache_clear()
    worker.the_items.cache_clear()
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def root_of(tmp_path: Path, n_items: int = 30, **change: Any) -> tuple[Path, Any, list[dict[str, Any]]]:
    net, rows = worlds.net(**{**worlds.RICH, **change}).eval(), bundles.encoded(n_items)
    root = tmp_path / "root"
    bundles.seal_bundle(root, net)
    bundles.seal_vectors(root, rows)
    return root, net, rows


@pytest.mark.parametrize("history", ["filter", "learn", "ignore"])
@pytest.mark.parametrize("units", [8, 12])  # with a table of the items' part of the gates, and without
def test_lists_equal_a_float64_argsort(tmp_path: Path, history: str, units: int) -> None:
    root, net, encoded = root_of(tmp_path, history=history, units=units)
    rows = bundles.sequences()
    got = bundles.listed(rows, bundles.options(root, k=7, block=11))
    vectors, bias = (torch.from_numpy(a.copy()) for a in bundles.matrix(net, encoded))
    for row in rows:
        one = batch_of({k: np.asarray([v]) for k, v in row.items() if k != "user_id"}).padded(4)
        scores = rank.scores_all(net, one, vectors, bias, exact=True)[0].numpy()
        order = [i for i in np.lexsort((np.arange(len(scores)), -scores)) if np.isfinite(scores[i])][:7]
        items = got[row["user_id"]]["items"]
        assert [x["item_id"] for x in items] == [f"item {i}" for i in order]
        assert [x["rank"] for x in items] == list(range(1, len(order) + 1))
        assert np.allclose([x["score"] for x in items], scores[order], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("history", ["filter", "learn"])
@pytest.mark.parametrize("units", [8, 12])
def test_batches_and_padding_do_not_change_a_list(tmp_path: Path, history: str, units: int) -> None:
    root, _, _ = root_of(tmp_path, history=history, units=units)
    rows = bundles.sequences()
    whole = bundles.listed(rows, bundles.options(root))
    for size, padded, block in ((1, 4, 16384), (3, 4, 7), (100, 2, 16384), (7, 64, 16384)):
        other = bundles.listed(rows, bundles.options(root, rows=padded, block=block), size)
        for user, row in whole.items():
            assert [x["item_id"] for x in other[user]["items"]] == [x["item_id"] for x in row["items"]]
            assert np.allclose(
                [x["score"] for x in other[user]["items"]], [x["score"] for x in row["items"]], atol=1e-5
            )
            assert other[user]["known"] == row["known"]
    backwards = bundles.listed(rows[::-1], bundles.options(root), 5)
    assert {u: [x["item_id"] for x in r["items"]] for u, r in backwards.items()} == {
        u: [x["item_id"] for x in r["items"]] for u, r in whole.items()
    }


@pytest.mark.parametrize("change", [{"units": 8}, {"units": 12}, {"attention": True}])
def test_user_vectors_are_those_of_the_net(tmp_path: Path, change: dict[str, Any]) -> None:
    root, net, _ = root_of(tmp_path, **change)
    items = worker.the_items(str(root), bundles.VERSION, bundles.VERSION)
    assert (items.table is not None) == (change == {"units": 8})
    batch = worlds.batch(rows=9, length=14)
    got = worker.user_vectors(net, batch, items)
    torch.testing.assert_close(got, net.user_vectors(batch, items.vectors), atol=1e-5, rtol=1e-5)
    # What states are fed may be what an item was: windows are of the items as they are, and the table is not of them.
    other = dataclasses.replace(items, inputs=items.inputs + 1, table=None if items.table is None else items.table + 1)
    assert torch.allclose(worker.user_vectors(net, batch, other), got, atol=1e-5)


def test_known_needs_a_demographic_that_the_net_looks_at(tmp_path: Path) -> None:
    root, _, _ = root_of(tmp_path)
    rows = bundles.sequences()
    got = bundles.listed(rows, bundles.options(root))
    assert {u: r["known"] for u, r in got.items()} == {r["user_id"]: max(r["static"]) > 1 for r in rows}
    assert not got["u4"]["known"] and len(got["u4"]["items"]) == 5


def test_known_is_never_so_for_a_net_without_demographics(tmp_path: Path) -> None:
    root, _, _ = root_of(tmp_path, use_static=False)
    assert not any(r["known"] for r in bundles.listed(bundles.sequences(), bundles.options(root)).values())


def test_a_catalogue_of_one_item(tmp_path: Path) -> None:
    root, _, _ = root_of(tmp_path, n_items=3, history="ignore")
    rows = bundles.sequences()
    for row in rows:
        row["items"] = [min(i, 2) for i in row["items"]]
        row["before_items"] = [0 for _ in row["before_items"]]
    for r in bundles.listed(rows, bundles.options(root)).values():
        assert [x["item_id"] for x in r["items"]] == ["item 2"]


def test_no_rows_no_lists(tmp_path: Path) -> None:
    root, _, _ = root_of(tmp_path)
    empty = bundles.batches(bundles.sequences(), 100)[0].slice(0, 0)
    assert list(worker.recommend(iter([empty]), bundles.options(root))) == []


def test_the_net_is_loaded_once_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, _, _ = root_of(tmp_path)
    made, build = [], worker.build
    monkeypatch.setattr(worker, "build", lambda spec, seed: made.append(spec) or build(spec, seed))
    monkeypatch.setattr(worker, "load", lambda folder: pytest.fail(f"all of {folder}"))
    worker.the_user_side.cache_clear()
    for _ in range(3):
        bundles.listed(bundles.sequences(), bundles.options(root), 5)
    assert len(made) == 2  # the user's side, and once a host what the matrix's first rows are of
    assert torch.get_num_threads() == 1


def test_lists_need_no_item_embedding(tmp_path: Path) -> None:
    root, net, _ = root_of(tmp_path, history="learn")
    mine = worker.the_user_side(str(root), bundles.VERSION)
    theirs = {name: w for name, w in net.state_dict().items() if not name.startswith("item.")}
    found = {name: w for name, w in mine.state_dict().items() if not name.startswith("item.")}
    assert found.keys() == theirs.keys() and all(torch.equal(found[name], w) for name, w in theirs.items())
    assert sum(p.numel() for p in mine.item.parameters()) <= 4 * net.spec.dim + 8
    bundles.listed(bundles.sequences(), bundles.options(root))
    assert worker.the_net.cache_info().currsize == 1  # of the item vectors above, not of the lists


@pytest.mark.parametrize("cold_bias", ["content", "rare"])
def test_neither_do_padding_and_the_unknown_item(tmp_path: Path, cold_bias: str) -> None:
    root, net, _ = root_of(tmp_path, cold_bias=cold_bias)
    few = worker._first_rows(root / "bundle" / bundles.VERSION)
    assert few.item.id.weight.shape[0] == few.item.delta.shape[0] == 2 < net.spec.trained
    nothing: dict[str, list[Any]] = {name: [] for name in ENCODED}
    for found, wanted in zip(items.tower(few, nothing, 99), items.tower(net, nothing, 99), strict=True):
        assert np.array_equal(found, wanted) and np.isfinite(found).all()


def test_a_bundle_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    root, _, _ = root_of(tmp_path)
    file = root / "bundle" / bundles.VERSION / "weights.safetensors"
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    worker.the_net.cache_clear()
    with pytest.raises(DataError) as caught:
        bundles.listed(bundles.sequences(), bundles.options(root))
    assert caught.value.code == "D106"


def test_ragged_lists_of_one_class_are_refused(tmp_path: Path) -> None:
    root, _, _ = root_of(tmp_path)
    rows = bundles.sequences()
    rows[0]["items"] = rows[0]["items"][:-1]
    with pytest.raises(DataError) as caught:
        bundles.listed(rows, bundles.options(root))
    assert caught.value.code == "D704"


def test_a_remote_bundle_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, _, _ = root_of(tmp_path)
    here = bundles.listed(bundles.sequences(), bundles.options(root))
    worker.the_net.cache_clear()
    monkeypatch.setattr(worker.files, "is_local", lambda path: False)
    worker.the_net(str(root), bundles.VERSION)
    fetched = [p for p in (tmp_path / "cache").iterdir() if p.name.startswith("bundle-") and p.is_dir()]
    assert len(fetched) == 1 and (fetched[0] / "weights.safetensors").exists()
    assert bundles.listed(bundles.sequences(), bundles.options(root)) == here
    (fetched[0] / "model.json").write_text("{}")
    worker.the_net.cache_clear()
    with pytest.raises(DataError, match="not the file"):
        worker.the_net(str(root), bundles.VERSION)


def test_executor_side_has_no_pyspark() -> None:
    code = "import lstmrec.scoring.worker, sys; assert 'pyspark' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("history", ["filter", "learn", "ignore"])
@pytest.mark.parametrize("rich", [False, True])
def test_columns_that_the_net_does_not_look_at_are_not_needed(tmp_path: Path, history: str, rich: bool) -> None:
    switches = {name: rich for name in ("use_static", "use_profile", "use_time", "use_types")}
    root, net, _ = root_of(tmp_path, history=history, **switches)
    wanted = looked_at(net.spec.to_dict())
    assert ("before_counts" in wanted) == (history == "learn") and ("types" in wanted) == rich
    whole, options = bundles.batches(bundles.sequences(), 100), bundles.options(root)
    some = [batch.select(wanted) for batch in whole]
    assert list(worker.recommend(iter(some), options)) == list(worker.recommend(iter(whole), options))
