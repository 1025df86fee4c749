from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.kinds import arrow_schema
from lstmrec.contracts.manifest import Manifest
from lstmrec.model import cell
from lstmrec.scoring import items
from lstmrec.scoring.options import CHUNK
from tests.model import worlds
from tests.scoring import bundles


def made(net: Any, rows: list[dict[str, Any]], sizes: list[int], total: int | None = None) -> pa.Table:
    schema, batches, low = arrow_schema(tables.ENCODED_ITEMS), [], 0
    for size in sizes:
        batches.append(pa.RecordBatch.from_pylist(rows[low : low + size], schema=schema))
        low += size
    assert low == len(rows)
    count = sum(r["count"] for r in rows) if total is None else total
    return pa.Table.from_batches(items.vectors(iter(batches), net, count), items.SCHEMA)


def test_vectors_are_those_of_the_whole_catalogue() -> None:
    net, rows = worlds.net(**worlds.RICH).eval(), bundles.encoded(30)
    with torch.no_grad():
        vectors, bias = net.item_vectors(worlds.catalogue(30))
    got = made(net, rows, [len(rows)])
    assert got["item_id"].to_pylist() == [r["item_id"] for r in rows]
    assert np.allclose(np.stack(got["vector"].to_pylist()), vectors[2:].numpy(), atol=1e-5)
    assert np.allclose(got["bias"].to_numpy(), bias[2:].numpy(), atol=1e-5)
    reserved = bundles.matrix(net, rows)
    assert np.allclose(reserved[0][:2], vectors[:2].numpy(), atol=1e-5)
    assert np.allclose(reserved[1][:2], bias[:2].numpy(), atol=1e-5)


def test_chunks_do_not_depend_on_batches() -> None:
    net, few = worlds.net(**worlds.RICH).eval(), bundles.encoded(30)
    rows = [{**few[i % len(few)], "item": i + 2, "item_id": f"x{i}"} for i in range(2 * CHUNK + 5)]
    whole = made(net, rows, [len(rows)])
    cut = made(net, rows, [1, CHUNK - 3, 0, 1, CHUNK, 6])
    assert whole.equals(cut) and whole.num_rows == len(rows)
    first = made(net, rows[: CHUNK - 2], [CHUNK - 2], total=sum(r["count"] for r in rows))
    assert first.equals(whole.slice(0, CHUNK - 2))


def test_an_item_the_bundle_does_not_know_is_refused() -> None:
    rows = [{**bundles.encoded(3)[0], "item": 500, "id": 500}]
    with pytest.raises(DataError) as caught:
        made(worlds.net(**worlds.RICH).eval(), rows, [1])
    assert caught.value.code == "D705"


def test_a_vector_that_is_not_finite_is_refused() -> None:
    net = worlds.net(**worlds.RICH).eval()
    with torch.no_grad():
        net.item.norm.weight[0] = float("inf")
    with pytest.raises(DataError) as caught:
        made(net, bundles.encoded(5), [3])
    assert caught.value.code == "D702"


def test_written_files_hold_the_table_by_index(tmp_path: Path) -> None:
    net, rows = worlds.net(**worlds.RICH).eval(), bundles.encoded(30)
    bundles.seal_bundle(tmp_path, net)
    manifest = bundles.seal_vectors(tmp_path, rows, files=3)
    folder = tmp_path / "out"
    folder.mkdir()
    items.write(folder, net, str(tmp_path), manifest)
    found = items.opened(folder)
    vectors, bias = bundles.matrix(net, rows)
    assert np.array_equal(found.vectors.numpy(), vectors) and np.array_equal(found.bias.numpy(), bias)
    assert found.ids.to_pylist() == ["", "", *(r["item_id"] for r in rows)]


def test_of_a_chain_the_newest_rows_count(tmp_path: Path) -> None:
    net, rows = worlds.net(**worlds.RICH).eval(), bundles.encoded(30)
    bundles.seal_bundle(tmp_path, net)
    base = bundles.seal_vectors(tmp_path, rows, files=3)
    vectors, bias = bundles.matrix(net, rows)
    ids = ["", "", *(r["item_id"] for r in rows)]

    def day(version: str, chain: list[str], moved: list[tuple[int, str, float, float | None]]) -> Manifest:
        told = [{"item": item, "item_id": name, "vector": [value] * net.spec.dim, "bias": value,
                 "input": None if first is None else [first] * net.spec.dim}
                for item, name, value, first in moved]  # fmt: skip
        facts = base.facts | {"frozen": 1, "chain": chain}
        return bundles.seal(tmp_path, tables.ITEM_VECTORS, told, version, facts=facts, rows_out=29)

    def written(made: Manifest) -> items.Items:
        folder = tmp_path / made.version
        folder.mkdir()
        items.write(folder, net, str(tmp_path), made)
        return items.opened(folder)

    # Two items change places, one is another, fed as it was, and one is new; then nothing; then another still.
    day(
        "d1",
        [base.version],
        [(5, ids[7], 1.0, None), (7, ids[5], 2.0, None), (9, ids[9], 3.0, 0.5), (30, "x", 4.0, None)],
    )
    found = written(day("d2", [base.version, "d1"], []))
    want, fed = np.vstack([vectors, np.full((1, net.spec.dim), 4.0)]).astype(np.float32), None
    for item, value in ((5, 1.0), (7, 2.0), (9, 3.0)):
        want[item] = value
    fed = want.copy()
    fed[9] = 0.5
    assert np.array_equal(found.vectors.numpy(), want) and np.array_equal(found.inputs.numpy(), fed)
    assert found.bias.tolist() == [*bias[:5], 1.0, bias[6], 2.0, bias[8], 3.0, *bias[10:], 4.0]
    named = [*ids, "x"]
    named[5], named[7] = ids[7], ids[5]
    assert found.ids.to_pylist() == named
    found = written(day("d3", [base.version, "d1", "d2"], [(9, ids[9], 0.5, None)]))
    want[9] = 0.5
    assert np.array_equal(found.vectors.numpy(), want) and np.array_equal(found.inputs.numpy(), want)
    with pytest.raises(DataError, match=r"D701.*\[31\]"):
        written(
            dataclasses.replace(day("d4", ["d3"], []), rows_out=30, facts=base.facts | {"chain": [base.version, "d1"]})
        )


@pytest.mark.parametrize("frozen", [False, True])
def test_the_table_is_of_what_states_are_fed(tmp_path: Path, frozen: bool) -> None:
    net, rows = worlds.net(**{**worlds.RICH, "units": 8}).eval(), bundles.encoded(30)
    bundles.seal_bundle(tmp_path, net)
    made = bundles.seal_vectors(tmp_path, rows, files=3)
    if frozen:
        told = [{"item": 9, "item_id": rows[7]["item_id"], "vector": [3.0] * 8, "bias": 1.0, "input": [0.5] * 8}]
        facts = made.facts | {"frozen": 1, "chain": [made.version]}
        made = bundles.seal(tmp_path, tables.ITEM_VECTORS, told, "d1", facts=facts, rows_out=28)
    folder = tmp_path / "out"
    folder.mkdir()
    items.write(folder, net, str(tmp_path), made)
    assert items.opened(folder).table is None
    items.write_table(folder, net)
    found = items.opened(folder)
    assert (found.inputs[9].tolist() == [0.5] * 8) == frozen
    want = torch.empty((30, 32))
    cell.table(net.user, found.inputs, want)
    assert found.table is not None and torch.equal(found.table, want)


def test_an_item_twice_is_refused(tmp_path: Path) -> None:
    net, rows = worlds.net(**worlds.RICH).eval(), bundles.encoded(6)
    bundles.seal_bundle(tmp_path, net)
    rows[1]["item"] = 2
    manifest = bundles.seal_vectors(tmp_path, rows, files=1)
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(DataError) as caught:
        items.write(folder, net, str(tmp_path), manifest)
    assert caught.value.code == "D701"
    assert versions.current(str(tmp_path), tables.ITEM_VECTORS).version == bundles.VERSION
