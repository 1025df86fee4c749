"""The same rows give the same tables, however they lie in files, in whatever order, on however many partitions."""

from __future__ import annotations

import importlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.contracts import tables
from lstmrec.store import door
from tests.road import small

JOBS = ("clean", "split", "normalise", "profile", "sequence")
#: Most of s5's time on a small shop goes into its files: two a class at the most.
FEW_FILES = {"classes": [16], "rows_per_file": 1024, "files_multiple": 1}


def sources(folder: Path, files: int) -> Path:
    """The small shop with its events dealt out over so many files, rows in another order each time."""
    small.write(folder)
    events = pq.read_table(folder / "events.parquet")
    order = list(range(events.num_rows))
    if files > 1:
        random.Random(files).shuffle(order)
    (folder / "events.parquet").unlink()
    (folder / "events.parquet").mkdir()
    for n in range(files):
        pq.write_table(events.take(order[n::files]), folder / "events.parquet" / f"part-{n}.parquet")
    return folder


def fingerprints(spark: Any, folder: Path, files: int, partitions: int) -> dict[str, str]:
    """Every table of s1 to s5, walked over such a source."""
    conf = validate(small.config(folder / "run", sources(folder / "source", files), sequence=FEW_FILES))
    before = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
    try:
        for name in JOBS:
            door.walk(importlib.import_module(f"lstmrec.jobs.{name}"), conf, spark=spark)
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", before)
    given = [t for name in JOBS for t in importlib.import_module(f"lstmrec.jobs.{name}").GIVES]
    return {t.name: versions.current(conf.root, t).fingerprint for t in given}


@pytest.fixture(scope="module")
def expected(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    found = fingerprints(spark, tmp_path_factory.mktemp("one"), files=1, partitions=2)
    assert len(found) >= 14 and tables.SEQUENCES.name in found
    return found


# Pairs: what would come of the files alone or of the partitions alone shows in either of the two.
@pytest.mark.parametrize(
    ("files", "partitions"),
    [(7, 3), pytest.param(2, 1, marks=pytest.mark.slow), pytest.param(2, 200, marks=pytest.mark.slow)],
)
def test_files_order_and_partitions_change_nothing(
    spark: Any, expected: dict[str, str], tmp_path: Path, files: int, partitions: int
) -> None:
    assert fingerprints(spark, tmp_path, files, partitions) == expected


@pytest.mark.slow
def test_speculation_changes_nothing(expected: dict[str, str], tmp_path: Path) -> None:
    """Executors of its own (a plain local master never speculates): what is slower than the rest is started twice."""
    env = os.environ | {"PYSPARK_SUBMIT_ARGS": "--master local-cluster[2,1,1024] --conf spark.speculation=true --conf "
                        "spark.speculation.interval=10ms --conf spark.speculation.multiplier=1.1 --conf "
                        "spark.speculation.quantile=0.1 --conf spark.speculation.minTaskRuntime=1ms --conf "
                        "spark.driver.memory=1g --conf spark.ui.enabled=false --conf spark.driver.host=127.0.0.1 "
                        "pyspark-shell", "SPARK_WORKER_DIR": str(tmp_path / "work")}  # fmt: skip
    done = subprocess.run([sys.executable, __file__, str(tmp_path)], capture_output=True, text=True, env=env,
                          cwd=Path(__file__).parents[2], check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]  # the process itself sees that speculation is on
    assert json.loads(done.stdout.splitlines()[-1]) == expected


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from lstmrec.store.session import session

    with session("determinism") as own:
        assert own.sparkContext.getConf().get("spark.speculation") == "true"
        print(json.dumps(fingerprints(own, Path(sys.argv[1]), files=7, partitions=4)))
