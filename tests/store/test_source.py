"""Sources: found, refused with the path and the config key, fingerprinted by their files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lstmrec.config.clean import Source
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.store import source


def written(path: Path, rows: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"u": ["a"] * rows, "k": list(range(rows))}), path)
    return path


def config(root: Path | str, *paths: Any, **more: Any) -> Config:
    events = {"path": [str(p) for p in paths], **more}
    return validate({"root": str(root), "as_of": "2020-01-01T00:00:00Z", "clean": {"events": events}})


def test_files_folders_globs_and_hidden_names(spark: Any, tmp_path: Path) -> None:
    written(tmp_path / "in/a.parquet")
    written(tmp_path / "in/b.parquet", 3)
    (tmp_path / "in/_SUCCESS").touch()
    (tmp_path / "in/.part.crc").touch()
    for pattern, rows, files in (
        ("in/a.parquet", 2, 1),
        ("in", 5, 2),
        ("in/*.parquet", 5, 2),
        ("in/{a,b}.parquet", 5, 2),
    ):
        path = str(tmp_path / pattern)
        assert len(source.found(path, path, "clean.events")) == files, pattern
        assert source.read_source(spark, Source(path=[path]), "clean.events").count() == rows, pattern


def test_options_and_tables(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("u;i\n1;2\n")
    read = source.read_source(
        spark, Source(format="csv", path=[str(tmp_path)], options={"header": "true", "sep": ";"}), "clean.events"
    )
    assert read.columns == ["u", "i"]
    read.createOrReplaceTempView("some_view")
    assert source.read_source(spark, Source(format="table", path=["some_view"]), "clean.events").count() == 1


def test_nothing_there_names_path_and_key(tmp_path: Path) -> None:
    for pattern in ("gone.parquet", "*.parquet"):
        path = str(tmp_path / pattern)
        with pytest.raises(DataError, match="D301") as caught:
            source.found(path, path, "clean.items")
        assert pattern in caught.value.what and "clean.items.path" in caught.value.where
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/_SUCCESS").touch()
    with pytest.raises(DataError, match="no data files in"):
        source.found("empty", str(tmp_path / "empty"), "clean.items")


def test_what_spark_cannot_read(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("not parquet at all")
    with pytest.raises(DataError, match="D303"):
        source.read_source(spark, Source(path=[str(tmp_path / "a.parquet")]), "clean.events")
    with pytest.raises(DataError, match="D303"):
        source.read_source(spark, Source(format="table", path=["no_such_table"]), "clean.events")


def test_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prints = []
    for place in ("here", "there"):
        package = tmp_path / place / "rows_in_a_package"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise RuntimeError('finding it must not run it')")
        written(package / "data/a.parquet")
        monkeypatch.setattr(sys, "path", [str(tmp_path / place), *sys.path])
        sys.path_importer_cache.clear()
        given = "package://rows_in_a_package/data/a.parquet"
        assert source.resolve(given, "clean.events") == str(package / "data/a.parquet")
        prints.append(source.fingerprints(config(tmp_path / "root", given)))
        os.utime(package / "data/a.parquet", (1, 1))
    assert prints[0] == prints[1]
    with pytest.raises(DataError, match="pip install no_such_package"):
        source.resolve("package://no_such_package/a", "clean.events")
    for bad in ("package://os.path/a", "package://rows_in_a_package", "package://rows_in_a_package/../a"):
        with pytest.raises(ConfigError, match="C301"):
            source.resolve(bad, "clean.events")


def test_fingerprints_follow_the_files(tmp_path: Path) -> None:
    path = written(tmp_path / "in/a.parquet")
    conf = config(tmp_path / "root", tmp_path / "in")
    first = source.fingerprints(conf)
    assert source.fingerprints(conf) == first and set(first) == {"source:events"}
    os.utime(path, (1, 1))
    assert source.fingerprints(conf) != first
    second = source.fingerprints(conf)
    written(tmp_path / "in/b.parquet")
    assert source.fingerprints(conf) != second


def test_a_table_counts_as_new_each_time(tmp_path: Path) -> None:
    conf = config(tmp_path / "root", "db.t", format="table")
    assert source.fingerprints(conf) != source.fingerprints(conf)


@pytest.mark.parametrize("root,path", [
    ("in", "in"), ("in/run", "in"), ("in/run", "in/*"), ("in/run", "i[mn]"),
    ("out", "out/a.parquet"), ("link/run", "in"),
])  # fmt: skip
def test_root_and_source_apart(tmp_path: Path, root: str, path: str) -> None:
    written(tmp_path / "in/a.parquet")
    written(tmp_path / "in/run/a.parquet")
    written(tmp_path / "out/a.parquet")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    conf = config(tmp_path / root, tmp_path / path)
    with pytest.raises(ConfigError, match="C302"):
        source.fingerprints(conf)
    source.fingerprints(config(tmp_path / "in-run", tmp_path / path))


def test_remote_root_and_source_apart() -> None:
    with pytest.raises(ConfigError, match="C302"):
        source._apart("s3://lake/in/run", "s3://lake/in", "s3://lake/in", "clean.events")
    source._apart("s3://lake/runs", "s3://lake/in", "s3://lake/in", "clean.events")
    source._apart("/lake/in/run", "s3://lake/in", "s3://lake/in", "clean.events")
