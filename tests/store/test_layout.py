"""Rows laid out by user: readers that know it move and sort nothing, readers that do not get the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.store import layout

MANY = 3


def events(spark: Any) -> DataFrame:
    rows = [(f"u{(7 * i) % 20}", (31 * i) % 100, i % 5 == 0) for i in range(100)]
    return spark.createDataFrame(rows, "user string, time bigint, bad boolean").repartition(4)


def back(spark: Any, place: Path, buckets: int, *folders: str) -> DataFrame:
    files = [str(p) for folder in folders or ("",) for p in sorted((place / folder).rglob("*.parquet"))]
    frame = spark.read.schema("user string, time bigint").option("basePath", str(place)).parquet(*files)
    return layout.known(frame, ["user"], ["time"], buckets).select("user", "time")


def plan(frame: DataFrame) -> str:
    return frame._jdf.queryExecution().executedPlan().toString()  # type: ignore[operator,no-any-return]


def test_readers_neither_shuffle_nor_sort(spark: Any, tmp_path: Path) -> None:
    made = events(spark)
    assert layout.write(made, str(tmp_path / "t"), ["user"], ["time"], MANY, partitions=["bad"]) == MANY
    for folder in ("bad=true", "bad=false"):
        files = list((tmp_path / "t" / folder).glob("*.parquet"))
        assert len(files) <= MANY, "one file a bucket"
    good = back(spark, tmp_path / "t", MANY, "bad=false")
    numbered = good.withColumn("n", F.row_number().over(Window.partitionBy("user").orderBy("time")))
    assert "Exchange" not in plan(numbered) and "Sort " not in plan(numbered)
    assert "Exchange" not in plan(numbered.groupBy("user").count())
    assert layout.lies_by(numbered, ["user"], MANY) and not layout.lies_by(numbered, ["user"], MANY + 1)
    assert not layout.lies_by(made, ["user"], MANY)
    expected = sorted((r.user, r.time) for r in made.where("NOT bad").collect())
    assert sorted((r.user, r.time) for r in numbered.collect()) == expected
    first = {r.user: r.time for r in numbered.where("n = 1").collect()}
    assert first == {u: min(t for v, t in expected if v == u) for u, _ in expected}


def test_more_than_one_file_a_bucket_is_no_order(spark: Any, tmp_path: Path) -> None:
    layout.write(events(spark), str(tmp_path / "t"), ["user"], ["time"], MANY, partitions=["bad"])
    both = back(spark, tmp_path / "t", MANY, "bad=true", "bad=false")
    numbered = both.withColumn("n", F.row_number().over(Window.partitionBy("user").orderBy("time")))
    assert "Exchange" not in plan(numbered) and "Sort " in plan(numbered)
    rows = sorted((r.user, r.n, r.time) for r in numbered.collect())
    times = [t for _, _, t in sorted((u, n, t) for u, n, t in rows)]
    assert times == [r.time for r in sorted(events(spark).collect(), key=lambda r: (r.user, r.time))]


def test_without_sparks_inner_doors_the_rows_are_the_same(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: Any) -> Any:
        raise AttributeError("no JVM here")

    monkeypatch.setattr(layout, "_class", closed)
    assert layout.write(events(spark), str(tmp_path / "t"), ["user"], ["time"], MANY) == 0
    plain = back(spark, tmp_path / "t", 0)
    assert sorted(plain.collect()) == sorted((r.user, r.time) for r in events(spark).collect())
    for file in (tmp_path / "t").glob("*.parquet"):
        rows = [(r.user, r.time) for r in spark.read.parquet(str(file)).collect()]
        assert rows == sorted(rows)


def test_buckets_hold_about_a_million_events(spark: Any) -> None:
    assert [layout.buckets(spark, n) for n in (0, 10, 2_000_000, 2_000_001)] == [2, 2, 2, 3]
