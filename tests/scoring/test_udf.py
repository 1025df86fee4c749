from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lstmrec.contracts import tables
from lstmrec.contracts.kinds import arrow_schema
from lstmrec.scoring import udf, worker
from lstmrec.scoring.options import COLUMNS, ENCODED, Options
from tests.model import worlds
from tests.scoring import bundles


def ddl() -> str:
    return ", ".join(tables.SEQUENCES.column(name).ddl for name in COLUMNS)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("udf")
    bundles.seal_bundle(folder, worlds.net(**{**worlds.RICH, "history": "learn"}))
    bundles.seal_vectors(folder, bundles.encoded())
    return folder


def test_rows_do_not_depend_on_partitions(spark: Any, root: Path) -> None:
    rows, options = bundles.sequences(), bundles.options(root)
    frame = spark.createDataFrame([tuple(r[c] for c in COLUMNS) for r in rows], ddl())
    worker.the_net.cache_clear()
    wanted = bundles.listed(rows, options)
    for n in (1, 2, 7):
        got = {r["user_id"]: r for r in udf.recommend(frame.repartition(n, "user_id"), options).collect()}
        assert sorted(got) == sorted(wanted)
        for user, row in got.items():
            assert [x["item_id"] for x in row["items"]] == [x["item_id"] for x in wanted[user]["items"]]
            assert [x["score"] for x in row["items"]] == pytest.approx(
                [x["score"] for x in wanted[user]["items"]], abs=1e-5
            )
            assert row["known"] == wanted[user]["known"]


def test_item_vectors_are_the_workers(spark: Any, root: Path) -> None:
    rows = bundles.encoded()
    columns = ", ".join(tables.ENCODED_ITEMS.column(name).ddl for name in ENCODED)
    frame = spark.createDataFrame([tuple(r[c] for c in ENCODED) for r in rows], columns).repartition(5)
    options, total = Options(str(root), bundles.VERSION), sum(r["count"] for r in rows)
    got = udf.item_vectors(frame, total, options).orderBy("item").collect()
    import pyarrow as pa

    source = pa.RecordBatch.from_pylist(rows, schema=arrow_schema(tables.ENCODED_ITEMS))
    wanted = [r for b in worker.item_vectors(iter([source]), options, total) for r in b.to_pylist()]
    assert [r.asDict() for r in got] == wanted


def test_driver_side_imports_no_torch() -> None:
    code = (
        "import lstmrec.scoring.udf, lstmrec.scoring.roles, lstmrec.jobs.score, sys; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
