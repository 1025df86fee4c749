"""Sources: found, refused with the path and the config key, fingerprinted by their files."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.orc as orc
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
    assert read.columns == ["u", "i", "_corrupt_record"]
    read.createOrReplaceTempView("some_view")
    assert source.read_source(spark, Source(format="table", path=["some_view"]), "clean.events").count() == 1


def test_a_secret_among_options_comes_from_the_environment(spark: Any, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """Spark gets the variable's value, which a separator stands for here."""
    (tmp_path / "a.csv").write_text("u;i\n1;2\n")
    monkeypatch.setenv("THEIR_SEP", ";")
    named = {"header": "true", "sep": "env:THEIR_SEP"}
    assert source.read_source(spark, Source(format="csv", path=[str(tmp_path)], options=named), "k").columns[:2] == [
        "u",
        "i",
    ]
    spark.createDataFrame([(1,)], "u int").write.parquet(str(tmp_path / "p"))
    monkeypatch.setenv("THEIR_GLOB", "nothing*")
    named = {"pathGlobFilter": "env:THEIR_GLOB"}
    parquet = Source(path=[str(tmp_path / "p")], options=named, columns="u int")
    assert source.read_source(spark, parquet, "k").count() == 0
    monkeypatch.delenv("THEIR_SEP")
    with pytest.raises(ConfigError, match="THEIR_SEP"):
        source.read_source(spark, Source(format="csv", path=[str(tmp_path)], options={"sep": "env:THEIR_SEP"}), "k")


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
    with pytest.raises(DataError, match=r"D305.*a\.parquet"):
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


def test_folders_that_are_not_finished_where_that_is_asked(spark: Any, tmp_path: Path) -> None:
    for day in ("d=1", "d=2"):
        written(tmp_path / "in" / day / "a.parquet")
    (tmp_path / "in/d=1/_SUCCESS").touch()

    def read(*paths: str, **more: Any) -> int:
        events = config(tmp_path / "root", *(tmp_path / "in" / p for p in paths), **more).clean.events
        return source.read_source(spark, events, "clean.events").count()

    one = read("d=1", success_file=True)
    assert one > 0 and read("d=?") == 2 * one
    assert read("d=1", "d=2/a.parquet", success_file=True) == 2 * one  # a file is no folder
    for paths, named in ((("d=?",), "d=2"), (("d=1", "d=2"), "d=2"), (("",), "in")):
        with pytest.raises(DataError, match=f"D313.*{named} has no _SUCCESS"):
            read(*paths, success_file=True)


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


def shapes(folder: Path, name: str, **columns: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / name, write_page_checksum=True)


def opened(spark: Any, folder: Path, **more: Any) -> source.Opened:
    return source.opened(spark, Source(path=[str(folder)], **more), "clean.events")


def test_errors_of_the_scan_name_the_file(spark: Any, tmp_path: Path) -> None:
    shapes(tmp_path / "flip", "a b.parquet", k=list(range(10_000)))
    path = tmp_path / "flip/a b.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 1
    path.write_bytes(bytes(data))
    (tmp_path / "cut").mkdir()
    whole = gzip.compress(b"u,i\n" + b"".join(b"%d,%d\n" % (k, k * 7919 % 1000) for k in range(50_000)))
    (tmp_path / "cut/a.csv.gz").write_bytes(whole[: len(whole) // 2])
    for folder, file, more in (("flip", "a b.parquet", {}), ("cut", "a.csv.gz", {"format": "csv"})):
        where = Source(path=[str(tmp_path / folder)], options={"header": "true"}, **more)
        with pytest.raises(DataError, match="D305") as caught, source.readable(where, "clean.events"):
            frame = source.opened(spark, where, "clean.events").frame
            frame.selectExpr(f"max({'k' if folder == 'flip' else 'u'})").collect()
        assert file in caught.value.what


CSV = '\ufeffuser id,user.item,sélect\r\na,b,2020-01-01\r\nshort,b\r\nlong,b,c,d,e\r\n"open,b,2020-01-01\r\nz,,3\r\n'


def test_csv_rows_that_do_not_parse_come_with_their_line(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CSV.encode())
    for columns in (None, "`user id` string, `user.item` string, `sélect` string"):
        where = Source(format="csv", path=[str(tmp_path / "a.csv")], options={"header": "true"}, columns=columns)
        frame = source.read_source(spark, where, "clean.events")
        assert frame.columns == ["user id", "user.item", "sélect", "_corrupt_record"]
        rows = frame.collect()
        bad = {r[3] for r in rows if r[3] is not None}
        assert bad == {"short,b", "long,b,c,d,e", '"open,b,2020-01-01'}
        assert [tuple(r)[:3] for r in rows if r[3] is None] == [("a", "b", "2020-01-01"), ("z", None, "3")]
        assert frame.count() == 5
    (tmp_path / "b.csv").write_text("user.item,user id,sélect\n1,2,3\n")
    with pytest.raises(DataError, match="user id"), source.readable(where, "clean.events", opening=True):
        source.read_source(spark, where.model_copy(update={"path": [str(tmp_path)]}), "clean.events").collect()


def test_json_rows_that_do_not_parse_come_with_their_line(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"u": 1, "i": "x"}\n{"u": 2,\nnonsense\n{"u": 9007199254740993}\n')
    for columns in (None, "u bigint, i string"):
        where = Source(format="json", path=[str(tmp_path / "a.json")], columns=columns)
        rows = source.read_source(spark, where, "clean.events").select("u", "i", "_corrupt_record").collect()
        assert [tuple(r) for r in rows] == [
            (1, "x", None), (None, None, '{"u": 2,'), (None, None, "nonsense"), (2**53 + 1, None, None)
        ]  # fmt: skip


def test_orc_several_paths_and_columns_as_said(spark: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        orc.write_table(pa.table({"u": [name], "k": [1]}), tmp_path / f"{name}.orc")
    both = Source(format="orc", path=[str(tmp_path / "a.orc"), str(tmp_path / "b.orc")])
    assert source.read_source(spark, both, "clean.events").count() == 2
    one = Source(format="orc", path=[str(tmp_path / "*.orc")], columns="u string")
    assert source.read_source(spark, one, "clean.events").columns == ["u"]


def test_types_of_other_writers(spark: Any, tmp_path: Path) -> None:
    shapes(tmp_path / "ns", "a.parquet", t=pa.array([1_500], pa.timestamp("ns")), q=pa.array([2**64 - 1], pa.uint64()))
    frame = opened(spark, tmp_path / "ns").frame
    assert frame.schema.simpleString() == "struct<t:bigint,q:decimal(20,0)>"
    assert [tuple(map(int, r)) for r in frame.collect()] == [(1_500, 2**64 - 1)]
    pq.write_table(pa.table({"t": pa.array([5], pa.timestamp("us"))}), tmp_path / "old.parquet",
                   use_deprecated_int96_timestamps=True)  # fmt: skip
    assert opened(spark, tmp_path / "old.parquet").frame.selectExpr("unix_micros(t)").collect()[0][0] == 5


@pytest.mark.parametrize("options", [{"mode": "DropMalformed"}, {"ignoreCorruptFiles": "true"}])
def test_options_that_lose_rows_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="uncounted"):
        Source(path=["x"], options=options)


def test_any_name_of_a_path_and_what_writers_leave_behind(spark: Any, tmp_path: Path) -> None:
    folder = tmp_path / "a b #c %41 é"
    written(folder / "x #%20.parquet")
    written(folder / "_temporary/0/y.parquet")
    written(folder / "_delta_log/z.parquet")
    assert len(source.found(str(folder), str(folder), "clean.events")) == 1
    frame = opened(spark, folder).frame
    assert frame.count() == 2
    (folder / "x #%20.parquet").unlink()
    where = Source(path=[str(folder)])
    with pytest.raises(DataError, match=r"D305.*x #%20\.parquet"), source.readable(where, "clean.events"):
        frame.collect()
