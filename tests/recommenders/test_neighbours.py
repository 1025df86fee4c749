from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa

from lstmrec.recommenders.neighbours import _count, _first, nearest


def test_counts_are_the_same_either_way() -> None:
    items = np.random.default_rng(0).integers(0, 40, 60)
    for a, b in zip(_count(items, 40), _count(items, 4000), strict=True):
        assert a.tolist() == b.tolist()


def test_first_keeps_order_and_ties() -> None:
    assert _first(np.array([5, 0, 7, 5, 7, 5]), 3).tolist() == [2, 4, 0]
    assert _first(np.array([0, 0]), 3).tolist() == []


def test_parts_that_share_a_task_and_batches_that_cut_them() -> None:
    rows = [
        {"part": 0, "mine": None, "basket": [2, 2, 1]},
        {"part": 0, "mine": [0], "basket": [0, 1]},
        {"part": 0, "mine": [0, 2], "basket": [0, 1, 2]},
        {"part": 7, "mine": None, "basket": [2, 2, 1]},
        {"part": 7, "mine": [1], "basket": [0, 1]},
        {"part": 7, "mine": [1], "basket": [0, 1, 2]},
    ]
    schema = pa.schema([("part", pa.int32()), ("mine", pa.list_(pa.int32())), ("basket", pa.list_(pa.int32()))])
    for size in (1, 2, 6):
        batches = [pa.RecordBatch.from_pylist(rows[i : i + size], schema=schema) for i in range(0, 6, size)]
        out = [r for b in nearest(1, 0.0, 1 << 20)(iter(batches)) for r in b.to_pylist()]
        assert [(r["item"], r["other"], r["weight"]) for r in out] == [(0, 1, 1 << 20), (2, 0, 741455), (1, 0, 1 << 20)]


def test_executor_side_has_no_pyspark() -> None:
    code = "import lstmrec.recommenders.neighbours, sys; assert 'pyspark' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
