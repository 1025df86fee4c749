"""One user with more events than a task should hold, one item with half of all: capped, counted, others untouched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lstmrec.contracts import tables
from lstmrec.store.read import read
from tests.properties import hot

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_hot_user_is_capped_and_the_others_stay_as_they_are(spark: Any, tmp_path: Path) -> None:
    source = str(tmp_path / "source")
    hot.write(spark, source, hot=60_000, others=30_000, users=500, items=400)
    conf = hot.config(str(tmp_path / "run"), source, cap=2_000, max_length=64)
    found = hot.walk(spark, conf)
    rejected = found["rejected"]
    assert found["in"] == 90_000 == found["out"] + sum(rejected.values())
    refused = rejected.get("over_cap", 0) + rejected.get("bot", 0) + rejected.get("duplicate", 0)
    assert found["in"] - found["out"] == refused and refused >= 50_000
    assert found["rows"]["serve"] == 501, "everybody is served, the bot too"

    events = read(spark, conf.root, tables.EVENTS).where("user_id <> 'hot'")
    given = spark.read.parquet(source).where("who <> 'hot'")
    assert events.count() == given.select("who", "what", "at").distinct().count(), "others lost what was theirs"
    share = events.where("item_id = 'everywhere'").count() / events.count()
    assert 0.4 < share < 0.6
    left = read(spark, conf.root, tables.EVENTS).where("user_id = 'hot'")
    assert left.count() <= 2_000


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_million_events_of_one_user_pass_in_two_gigabytes(tmp_path: Path) -> None:
    env = os.environ | {"PYSPARK_SUBMIT_ARGS": "--master local[2] --conf spark.driver.memory=2g --conf "
                        "spark.ui.enabled=false --conf spark.driver.host=127.0.0.1 --conf "
                        "spark.sql.shuffle.partitions=8 pyspark-shell"}  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "tests.properties.hot", str(tmp_path), "10000000", "10000000"],
                          capture_output=True, text=True, env=env, cwd=ROOT, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["in"] == 20_000_000 == found["out"] + sum(found["rejected"].values())
    assert found["out"] <= 10_100_000 and found["rows"]["serve"] == 20_001
