from __future__ import annotations

from pathlib import Path

import pyarrow.dataset as ds
import pytest

from lstmrec import rows
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from tests import made


@pytest.fixture
def lists(tmp_path: Path):
    each = [made.listed(name, role, user, ["a"]) for name in ("model", "knn") for role in ("test", "serve")
            for user in ("1", "2")]  # fmt: skip
    return str(tmp_path), made.put(tmp_path, tables.RECOMMENDATIONS, each)


def test_rows_come_with_their_partition_and_of_asked_for_files_alone(lists):
    root, manifest = lists
    got = rows.select(
        root, manifest, ["user_id", "role", "recommender"], ds.field("user_id") == "2", {"role": ["test"]}
    )
    assert sorted(r["recommender"] for r in got) == ["knn", "model"]
    assert {(r["user_id"], r["role"]) for r in got} == {("2", "test")}
    assert rows.select(root, manifest, ["user_id"], parts={"role": []}) == []


def test_batches_hold_the_same_without_partitions(lists):
    root, manifest = lists
    got = list(rows.batches(root, manifest, ["user_id", "role"], parts={"recommender": ["knn"]}))
    assert sum(b.num_rows for b in got) == 4 and got[0].schema.names == ["user_id"]


def test_a_missing_file_is_named_whoever_reads(lists, tmp_path):
    root, manifest = lists
    path = next(tmp_path.rglob("part-0.parquet"))
    path.unlink()
    for read in (rows.select, rows.batches):
        with pytest.raises(DataError, match=r"(?s)D825.*it is not there.*part-0\.parquet"):
            list(read(root, manifest, ["user_id"]))
