from __future__ import annotations

import re

from lstmrec.cli import local_spark
from lstmrec.cli.doctor import GIB


def test_settings_follow_the_machine_and_the_shipped_file():
    folder = local_spark.conf_folder()
    assert folder is not None
    got = local_spark.settings(folder, 3, 8 * GIB, {})
    assert got["spark.master"] == "local[3,4]"
    assert got["spark.driver.memory"] == "2048m"
    assert got["spark.sql.shuffle.partitions"] == "6"
    assert got["spark.driver.host"] == "127.0.0.1"
    assert "log4j2.properties" in got["spark.driver.extraJavaOptions"]
    assert local_spark.settings(folder, 3, 8 * GIB, {"LSTMREC_DRIVER_MEMORY": "6g"})["spark.driver.memory"] == "6g"
    assert local_spark.settings(folder, 3, GIB, {"LSTMREC_SPARK_MASTER": "local[2]"})["spark.master"] == "local[2]"
    assert local_spark.settings(None, 1, GIB, {})["spark.driver.memory"] == "1024m"


def test_memory_is_a_quarter_within_bounds():
    assert [local_spark.driver_memory(n * GIB) for n in (2, 12, 64)] == [1024, 3072, 4096]


def test_a_master_somebody_chose_is_left_alone():
    assert not local_spark.chosen({})
    assert local_spark.chosen({"PYSPARK_GATEWAY_PORT": "1"})
    assert local_spark.chosen({"PYSPARK_SUBMIT_ARGS": "--master yarn pyspark-shell"})
    assert not local_spark.chosen({"PYSPARK_SUBMIT_ARGS": "pyspark-shell"})


def test_every_line_of_the_files_is_a_spark_property_with_a_reason():
    folder = local_spark.conf_folder()
    for name in ("local.conf", "cluster.conf"):
        text = (folder / "spark" / name).read_text()
        for block in text.strip().split("\n\n"):
            assert block.startswith("#"), block
        assert all(re.fullmatch(r"spark(\.\w+)+", key) for key in local_spark.properties(text))
