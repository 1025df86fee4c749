"""The views in a Hive metastore (Spark's embedded Derby): they outlive the session that made them, and a reader beside
a move sees one version or the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import made
from tests.conftest import ROOT

CODE = """
import json, os, sys, threading
from pathlib import Path
from pyspark.sql import SparkSession
place = Path(sys.argv[2])
home = f"-Dderby.system.home={place} -Dderby.stream.error.file={place}/derby.log"
builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.log.level", "OFF")
builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
builder = builder.config("spark.driver.memory", "1g").config("spark.driver.extraJavaOptions", home)
builder = builder.config("spark.sql.warehouse.dir", str(place / "warehouse")).config("spark.sql.shuffle.partitions", 1)
builder = builder.config("spark.hadoop.javax.jdo.option.ConnectionURL", f"jdbc:derby:{place}/metastore;create=true")
spark = builder.enableHiveSupport().getOrCreate()
from lstmrec.store import catalog, publish
from tests import made
from tests.store.test_catalog import firsts
"""
MAKES = """
catalog.lasting(spark)
spark.sql("CREATE DATABASE IF NOT EXISTS shop")
conf = made.config(Path(sys.argv[1]), publish={"catalog": {"database": "shop"}})
publish.publish(conf)
seen, over = [], threading.Event()
def read():
    while not over.is_set():
        seen.append(sorted(firsts(spark)))
reader = threading.Thread(target=read)
reader.start()
said = []
for n in range(2, 6):
    made.again(Path(sys.argv[1]), f"v{n}", first="ab"[n % 2])
    publish.publish(conf)
    said.append(sorted(firsts(spark)))
    publish.rollback(conf.root, catalog=conf.publish.catalog)
    said.append(sorted(firsts(spark)))
    publish.publish(conf)
over.set()
reader.join()
print(json.dumps({"said": said, "seen": seen}))
"""
READS = CODE + "print(json.dumps([sorted(firsts(spark)), spark.table('shop.recommendations').count()]))"


def walked(code: str, root: Path, place: Path) -> Any:
    """What such a process says last, in a folder of its own: a view must not depend on where its reader stands."""
    env = os.environ | {"PYTHONPATH": f"{ROOT}"}
    done = subprocess.run([sys.executable, "-c", code, str(root), str(place)], cwd=place, env=env, text=True,
                          capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_metastore_keeps_the_views(tmp_path: Path) -> None:
    root, place = tmp_path / "root", tmp_path / "hive"
    place.mkdir()
    made.root(root)
    told = walked(CODE + MAKES, root, place)
    assert told["said"] == [["a"], ["d"], ["b"], ["a"], ["a"], ["b"], ["b"], ["a"]]
    assert {tuple(s) for s in told["seen"]} <= {("a",), ("b",), ("d",)} and len(told["seen"]) > 3
    assert walked(READS, root, place) == [["b"], 24]
