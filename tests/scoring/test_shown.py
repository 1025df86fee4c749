from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from lstmrec.model import rank
from lstmrec.model.batch import batch_of
from lstmrec.scoring import shown, worker
from lstmrec.scoring.options import COLUMNS
from tests.model.test_caps import walked
from tests.scoring import bundles
from tests.scoring.test_worker import root_of

FIELDS = {"item": pa.int32(), "item_id": pa.string(), "everybody": pa.bool_(), "segments": pa.list_(pa.string()),
          "pin": pa.int32(), "caps": pa.list_(pa.int32())}  # fmt: skip
SCHEMA = pa.schema(list(FIELDS.items()))


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))


def rules(folder: Path, n: int = 30) -> list[dict[str, Any]]:
    """Item 3 is banned, 4 pinned for all, 5 pinned for north; every third item is for one segment; two capped tags."""
    rows = []
    for i in range(2, n):
        only = [] if i % 3 else ["north"] if i % 2 else ["south", "west"]
        only = ["north"] if i == 5 else only
        rows.append({"item": i, "item_id": f"item {i}", "everybody": i != 3 and not only,
                     "segments": only if i != 3 else [], "pin": {4: 1, 5: 2}.get(i),
                     "caps": [t for t in (1, 2) if i % (t + 1) == 0]})  # fmt: skip
    folder.mkdir()
    for j in range(2):  # two files, in no order
        pq.write_table(pa.Table.from_pylist(rows[::-1][j::2], schema=SCHEMA), folder / f"part-{j}.parquet")
    return rows


def allowed(row: dict[str, Any], segment: str) -> bool:
    return bool(row["everybody"] or segment in row["segments"])


def test_masks_and_what_pins_have_taken(tmp_path: Path) -> None:
    rows = rules(tmp_path / "rules")
    made = shown.the_rules(str(tmp_path / "rules"), (2, 3), 31)
    for segment in ("north", "south", "west", "", "nowhere"):
        may, caps = made.of(segment)
        want = [row["item"] for row in rows if allowed(row, segment) and row["pin"] is None]
        assert may.nonzero()[:, 0].tolist() == want
        assert caps is not None and caps.most.tolist() == [0, 2, 3]
        assert caps.used.tolist() == [0, 1, 0]  # item 4 has tag 1; item 5 none
        assert {i: sorted(t for t in caps.tags[i].tolist() if t) for i in range(2, 30)} == {
            row["item"]: row["caps"] for row in rows
        }
    assert set(made._masks) == {"north", "south", "west", ""}


@pytest.mark.parametrize("history", ["filter", "learn"])
def test_lists_obey_segments_hidden_items_pins_and_caps(tmp_path: Path, history: str) -> None:
    root, net, encoded = root_of(tmp_path, history=history)
    facts, rows = rules(tmp_path / "rules"), bundles.sequences()
    for i, row in enumerate(rows):
        row |= {"segment": ["north", None, "south", "nowhere"][i % 4], "hidden": [2 + (i + j) % 28 for j in range(i)]}
    schema = pa.schema([*bundles.schema(), ("segment", pa.string()), ("hidden", pa.list_(pa.int32()))])
    most, got = (1, 2), {}
    for size in (3, 100):
        batches = [pa.RecordBatch.from_pylist(rows[i : i + size], schema=schema) for i in range(0, len(rows), size)]
        options = bundles.options(root, k=6, rules=str(tmp_path / "rules"), most=most)
        out = [r for b in worker.recommend(iter(batches), options) for r in b.to_pylist()]
        assert [r["user_id"] for r in out] == [r["user_id"] for r in rows]
        names = {r["user_id"]: [x["item_id"] for x in r["items"]] for r in out}
        assert not got or got == names
        got = names
    vectors, bias = (torch.from_numpy(a.copy()) for a in bundles.matrix(net, encoded))
    tags = [[], [], *[r["caps"] for r in facts]]
    for row in rows:
        may = torch.tensor([False, False, *[allowed(f, row["segment"] or "") and f["pin"] is None for f in facts]])
        one = batch_of({k: np.asarray([v]) for k, v in row.items() if k in COLUMNS and k != "user_id"}).padded(4)
        hidden = (torch.zeros(len(row["hidden"]), dtype=torch.int64), torch.tensor(row["hidden"], dtype=torch.int64))
        scores = rank.scores_all(net, one, vectors, bias, may, True, hidden)[0].tolist()
        want = [i for i in walked(scores, tags, [0, *most], [0, 1, 0], 6) if i]
        assert got[row["user_id"]] == [f"item {i}" for i in want]
    assert len({len(v) for v in got.values()}) > 1  # some lists run out


def test_nulls_in_hidden_are_nothing() -> None:
    row, item = shown.pairs(pa.array([[3, 4], None, [], [9]], pa.list_(pa.int32())))
    assert row.tolist() == [0, 0, 3] and item.tolist() == [3, 4, 9]


def test_an_untouched_net_gives_the_same_lists_without_rules(tmp_path: Path) -> None:
    root, _, _ = root_of(tmp_path, history="learn")
    (tmp_path / "rules").mkdir()
    rows = [{"item": i, "everybody": True, "segments": [], "pin": None, "caps": []} for i in range(2, 30)]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / "rules" / "part.parquet")
    plain = bundles.listed(bundles.sequences(), bundles.options(root))
    assert bundles.listed(bundles.sequences(), bundles.options(root, rules=str(tmp_path / "rules"))) == plain
