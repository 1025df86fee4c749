"""What files say before Spark opens them: mixes of types, twins among names, broken ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from lstmrec.config.clean import Source
from lstmrec.contracts.errors import DataError, of_system
from lstmrec.store import footers, source


def shapes(folder: Path, name: str, **columns: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / name, write_page_checksum=True)


def opened(spark: Any, folder: Path, **more: Any) -> source.Opened:
    return source.opened(spark, Source(path=[str(folder)], **more), "clean.events")


def test_files_that_differ_give_every_column_as_wide_as_the_widest(spark: Any, tmp_path: Path) -> None:
    shapes(tmp_path / "in", "a.parquet", u=["a"], k=pa.array([1], pa.int32()), f=pa.array([0.5], pa.float32()))
    shapes(tmp_path / "in", "b.parquet", u=["b"], k=pa.array([2**40], pa.int64()), late=["x"])
    frame = opened(spark, tmp_path / "in").frame
    assert frame.schema.simpleString() == "struct<u:string,k:bigint,f:float,late:string>"
    assert sorted((r["u"], r["k"], r["f"], r["late"]) for r in frame.collect()) == [
        ("a", 1, 0.5, None), ("b", 2**40, None, "x")
    ]  # fmt: skip


@pytest.mark.parametrize("other", [pa.array(["x"]), pa.array([1.5])])
def test_types_that_do_not_go_together_name_file_column_and_both(spark: Any, tmp_path: Path, other: Any) -> None:
    shapes(tmp_path / "in", "a.parquet", k=pa.array([1], pa.int64()))
    shapes(tmp_path / "in", "b.parquet", k=other)
    with pytest.raises(DataError, match="D306") as caught:
        opened(spark, tmp_path / "in")
    kind = "string" if other.type == pa.string() else "double"
    assert all(word in caught.value.what for word in ("column k", "bigint", kind, "a.parquet", "b.parquet"))


def test_names_that_are_one_to_spark(spark: Any, tmp_path: Path) -> None:
    shapes(tmp_path / "a", "a.parquet", User=["a"], user=["b"])
    shapes(tmp_path / "a", "b.parquet", User=["a"], user=["b"])
    with pytest.raises(DataError, match="D309") as caught:
        opened(spark, tmp_path / "a")
    assert "User" in caught.value.what and "user" in caught.value.what
    shapes(tmp_path / "b", "a.parquet", User=["a"])
    shapes(tmp_path / "b", "b.parquet", user=["a"])
    with pytest.raises(DataError, match="D309"):
        opened(spark, tmp_path / "b")
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["u", "u"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(DataError, match="D309"):
        opened(spark, tmp_path / "twice.parquet")


def test_broken_files_stop_or_are_left_out_and_named(spark: Any, tmp_path: Path) -> None:
    shapes(tmp_path / "in", "a.parquet", k=[1, 2])
    whole = (tmp_path / "in/a.parquet").read_bytes()
    (tmp_path / "in/empty.parquet").touch()
    with pytest.raises(DataError, match=r"D307.*empty\.parquet") as caught:
        opened(spark, tmp_path / "in")
    assert "on_corrupt_file=quarantine" in caught.value.hint
    (tmp_path / "in/cut.parquet").write_bytes(whole[:-40])
    (tmp_path / "in/magic.parquet").write_bytes(b"text" + whole[4:])
    (tmp_path / "in/footer.parquet").write_bytes(whole[:-8] + b"\xff\xff\xff\x7f" + whole[-4:])
    left = opened(spark, tmp_path / "in", on_corrupt_file="quarantine")
    assert [f.rsplit("/", 1)[1] for f in left.corrupt_files] == [
        "cut.parquet", "empty.parquet", "footer.parquet", "magic.parquet"
    ]  # fmt: skip
    assert left.frame.count() == 2
    (tmp_path / "in/empty.parquet").unlink()
    where = Source(path=[str(tmp_path / "in")])
    with pytest.raises(DataError, match=r"D305.*(cut|footer|magic)\.parquet"), source.readable(where, "clean.events"):
        opened(spark, tmp_path / "in").frame.collect()
    (tmp_path / "in/a.parquet").unlink()
    with pytest.raises(DataError, match=r"D307.*3 broken"):
        opened(spark, tmp_path / "in", on_corrupt_file="quarantine")


def test_of_many_files_some_are_looked_at() -> None:
    names = [str(n) for n in range(1_000)]
    looked = footers._spread(names)
    assert len(set(looked)) == footers.LOOKED_AT and looked[0] == "0" and looked[-1] == "999"
    assert footers._spread(names[:5]) == names[:5]


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1" * 9)
    path.chmod(0)
    me = os.geteuid()
    os.seteuid(me or 65534)  # root reads everything
    try:
        with pytest.raises(PermissionError) as caught:
            footers.broken(LocalFileSystem(), {str(path): {"size": 36}}, "parquet")
    finally:
        os.seteuid(me)
    told = of_system(caught.value)
    assert told is not None and (told.code, told.where, told.exit_code) == ("R107", str(path), 4)
