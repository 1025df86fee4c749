"""What both readers promise, tried on each of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.feed import VERIFIES_PAGES, Feed, FileRead
from lstmrec.training.petastorm_feed import PetastormFeed
from tests.training.parts import COLUMNS, arrays, as_table, same, write, write_parts

FEEDS = {
    "arrow": lambda: ArrowFeed(rank=3),
    "petastorm-1": lambda: PetastormFeed(workers=1, rank=3),
    "petastorm-3": lambda: PetastormFeed(workers=3, rank=3),
}


@pytest.fixture(params=FEEDS)
def feed(request: pytest.FixtureRequest) -> Feed:
    return FEEDS[request.param]()


def refused(feed: Feed, files: list[FileRead], columns: list[str], code: str, *words: str) -> None:
    """The call fails with `code`, names rank 3 and every word, prints nothing and leaves no thread."""
    before = threading.active_count()
    with pytest.raises((ConfigError, DataError)) as caught:
        list(feed.read(files, columns))
    assert caught.value.code == code
    for word in ("rank 3", *words):
        assert word in str(caught.value)
    assert threading.active_count() == before


def test_one_item_per_file_in_the_order_asked(feed: Feed, tmp_path: Path) -> None:
    files, wanted = write_parts(tmp_path, 9)
    order = [7, 0, 3, 3, 8, 1]
    got = list(feed.read([files[i] for i in order], COLUMNS))
    assert len(got) == len(order)
    assert all(same(g, wanted[i]) for g, i in zip(got, order, strict=True))


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6), st.integers(1, 50)), min_size=1, max_size=6),
    chosen=st.permutations(COLUMNS).flatmap(lambda p: st.integers(1, 4).map(lambda n: p[:n])),
)
def test_both_feeds_give_what_was_written(sizes: list[tuple[int, int, int]], chosen: list[str]) -> None:
    """Any rows, lengths (0 too), numbers of row groups and choice of columns."""
    with tempfile.TemporaryDirectory() as folder:
        files, wanted = [], []
        for i, (rows, length, group) in enumerate(sizes):
            columns = arrays(rows, length, i)
            files.append(write(Path(folder) / f"{i}.parquet", as_table(columns), row_group_size=group))
            empty = {n: a[:, :0] if a.ndim == 2 else a for n, a in columns.items()}
            wanted.append({n: (columns if rows else empty)[n] for n in chosen})
        for make in FEEDS.values():
            got = list(make().read(files, chosen))
            assert len(got) == len(wanted)
            assert all(same(g, w) for g, w in zip(got, wanted, strict=True))


def test_no_files_no_items(feed: Feed) -> None:
    assert list(feed.read([], COLUMNS)) == []


def test_names_are_names_and_not_patterns(feed: Feed, tmp_path: Path) -> None:
    names = ["a", "a.b", "ab", "a+", "_x", "class"]
    table = pa.table({n: pa.array([i], pa.int32()) for i, n in enumerate(names)})
    file = write(tmp_path / "names.parquet", table)
    for i, name in enumerate(names):
        (got,) = feed.read([file], [name])
        assert {n: a.tolist() for n, a in got.items()} == {name: [i]}


def test_columns_of_other_types_do_not_matter_unless_asked_for(feed: Feed, tmp_path: Path) -> None:
    file = write(tmp_path / "x.parquet", pa.table({"name": ["a", "b"], "user": pa.array([1, 2], pa.int32())}))
    (got,) = feed.read([file], ["user"])
    assert got["user"].tolist() == [1, 2]


@pytest.mark.parametrize("name", ["100%.parquet", "a%23b.parquet", "a b;c=d&e.parquet", "ü.parquet"])
def test_odd_paths_are_read(feed: Feed, tmp_path: Path, name: str) -> None:
    columns = arrays(4, 2, 0)
    (got,) = feed.read([write(tmp_path / name, as_table(columns))], COLUMNS)
    assert same(got, columns)


@pytest.mark.parametrize("name", ["a#b.parquet", "a?b.parquet", "a\nb.parquet"])
def test_paths_that_a_url_would_cut_are_refused(feed: Feed, tmp_path: Path, name: str) -> None:
    write(tmp_path / "a", as_table(arrays(4, 2, 1)))  # what a cut path would find
    refused(feed, [write(tmp_path / name, as_table(arrays(4, 2, 0)))], COLUMNS, "C612")


def test_relative_paths(feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, wanted = write_parts(tmp_path, 1)
    monkeypatch.chdir(tmp_path)
    (got,) = feed.read([FileRead("part-000.parquet", files[0].rows)], COLUMNS)
    assert same(got, wanted[0])


@pytest.mark.parametrize("columns", [[], ["user", "user"]])
def test_columns_must_be_named_once(feed: Feed, tmp_path: Path, columns: list[str]) -> None:
    refused(feed, write_parts(tmp_path, 1)[0], columns, "C611")


@pytest.mark.parametrize("wrong", [-1, 1])
def test_another_number_of_rows_than_the_manifest_says(feed: Feed, tmp_path: Path, wrong: int) -> None:
    files, _ = write_parts(tmp_path, 4)
    files[2] = FileRead(files[2].path, files[2].rows + wrong)
    refused(feed, files, COLUMNS, "D617", "part-002.parquet", "5 rows", f"says {5 + wrong}")
    refused(feed, [FileRead(files[2].path, 0)], COLUMNS, "D617", "part-002.parquet")


UNSUPPORTED = {
    "fixed": pa.array([[1, 2], [3, 4]], pa.list_(pa.int32(), 2)),
    "large": pa.array([[1, 2], [3, 4]], pa.large_list(pa.int32())),
    "dictionary": pa.array(["a", "b"]).dictionary_encode(),
    "struct": pa.array([{"a": 1}, {"a": 2}]),
    "string": pa.array(["a", "b"]),
    "strings": pa.array([["a"], ["b"]]),
    "nested": pa.array([[[1]], [[2]]], pa.list_(pa.list_(pa.int32()))),
    "bool": pa.array([True, False]),
    "int16": pa.array([1, 2], pa.int16()),
    "timestamp": pa.array([1, 2], pa.timestamp("us")),
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_unsupported_types_are_named(feed: Feed, tmp_path: Path, kind: str) -> None:
    table = as_table(arrays(2, 3, 9)).append_column("odd", UNSUPPORTED[kind])
    odd = write(tmp_path / "odd.parquet", table)
    found = str(pq.read_schema(odd.path).field("odd").type)
    refused(feed, [odd], ["user", "odd"], "D616", "odd.parquet", "column odd", found)


@pytest.mark.parametrize(
    ("values", "kind", "code"),
    [
        ([[1, None], [3, 4]], pa.list_(pa.int32()), "D619"),
        ([[1, 2], None], pa.list_(pa.int32()), "D619"),
        ([1, None], pa.int64(), "D619"),
        ([[1, 2], [3]], pa.list_(pa.float32()), "D620"),
        ([[1, 2], [3, 4, 5], [6]], pa.list_(pa.int32()), "D620"),  # mean length 2: a bare reshape would fit
    ],
)
def test_nulls_and_ragged_lists_are_named(feed: Feed, tmp_path: Path, values: Any, kind: Any, code: str) -> None:
    odd = write(tmp_path / "odd.parquet", pa.table({"odd": pa.array(values, kind)}))
    refused(feed, [odd], ["odd"], code, "odd.parquet", "column odd")


def test_row_groups_of_several_lengths_are_refused(feed: Feed, tmp_path: Path) -> None:
    table = pa.table({"odd": pa.array([[1, 2]] * 3 + [[1, 2, 3]] * 3, pa.list_(pa.int32()))})
    refused(feed, [write(tmp_path / "odd.parquet", table, row_group_size=3)], ["odd"], "D620", "odd.parquet")


def test_a_column_that_a_later_file_lacks_or_has_in_another_type(feed: Feed, tmp_path: Path) -> None:
    files, _ = write_parts(tmp_path, 3)
    full = as_table(arrays(5, 3, 9))
    lacks = write(tmp_path / "lacks.parquet", full.drop_columns(["gap"]))
    refused(feed, [*files, lacks], COLUMNS, "D615", "lacks.parquet", "column gap", "user, items, weight")
    wide = write(tmp_path / "wide.parquet", full.set_column(1, "items", full["items"].cast(pa.list_(pa.int64()))))
    refused(feed, [*files, wide], COLUMNS, "D618", "wide.parquet", "column items", "int64", "int32")


def test_missing_truncated_and_other_files_are_named(feed: Feed, tmp_path: Path) -> None:
    files, _ = write_parts(tmp_path, 3, rows=50)
    refused(feed, [*files, FileRead(str(tmp_path / "gone.parquet"), 5)], COLUMNS, "D611", "gone.parquet")
    path = Path(files[1].path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"not parquet at all"):
        path.write_bytes(content)
        refused(feed, files, COLUMNS, "D612", "part-001.parquet")
    refused(feed, [FileRead(str(tmp_path), 5)], COLUMNS, "D613", str(tmp_path))


def test_a_file_that_lost_its_middle_is_named(feed: Feed, tmp_path: Path) -> None:
    """The footer is whole: only reading the pages finds it."""
    files, _ = write_parts(tmp_path, 3, rows=500)
    path = Path(files[1].path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 2000 + whole[2004:])
    refused(feed, files, COLUMNS, "D612", "part-001.parquet")


@pytest.mark.skipif(not VERIFIES_PAGES, reason="this pyarrow does not verify page checksums")
def test_a_flipped_bit_is_found_and_its_file_named(feed: Feed, tmp_path: Path) -> None:
    table = pa.table({"user": pa.array(np.arange(1000, dtype=np.int64))})
    files = [
        write(tmp_path / f"{i}.parquet", table, compression="NONE", use_dictionary=False, column_encoding="PLAIN")
        for i in range(3)
    ]
    path = Path(files[1].path)
    content = bytearray(path.read_bytes())
    content[content.index(np.int64(777).tobytes())] ^= 1
    path.write_bytes(bytes(content))
    assert pq.read_table(path)["user"].to_pylist().count(776) == 2  # passes where nobody verifies
    refused(feed, files, ["user"], "D612", "1.parquet")


@pytest.mark.parametrize("name", ["_common_metadata", "_metadata"])
def test_a_folder_with_what_petastorm_would_unpickle_is_refused(feed: Feed, tmp_path: Path, name: str) -> None:
    files, _ = write_parts(tmp_path, 2)
    (tmp_path / name).write_bytes(b"")
    refused(feed, files, COLUMNS, "D614", name)


def test_stopping_early_leaves_no_thread(feed: Feed, tmp_path: Path) -> None:
    files, wanted = write_parts(tmp_path, 40)
    before = set(threading.enumerate())
    for taken in (0, 1, 5):
        items = feed.read(files, COLUMNS)
        for i in range(taken):
            assert same(next(items), wanted[i])
        items.close()
        assert set(threading.enumerate()) == before
    items = feed.read(files, COLUMNS)
    next(items)
    del items  # dropped, not closed
    assert set(threading.enumerate()) == before
    assert len(list(feed.read(files, COLUMNS))) == 40


def test_an_error_of_the_consumer_stops_the_reader(feed: Feed, tmp_path: Path) -> None:
    files, _ = write_parts(tmp_path, 40)
    before = threading.active_count()
    items = feed.read(files, COLUMNS)
    with pytest.raises(KeyError):
        for item in items:
            item["no such column"]
    items.close()
    assert threading.active_count() == before


def test_thirty_epochs_leave_threads_as_they_were(feed: Feed, tmp_path: Path, capfd: Any) -> None:
    files, wanted = write_parts(tmp_path, 6)
    before, during = set(threading.enumerate()), set()
    for _ in range(30):
        items = feed.read(files, COLUMNS)
        assert same(next(items), wanted[0])
        during.add(threading.active_count() - len(before))
        assert len(list(items)) == 5
        assert set(threading.enumerate()) == before
    assert max(during) <= 4  # 3 workers and who hands out the work
    assert capfd.readouterr() == ("", "")


def test_the_plain_reader_loads_no_petastorm() -> None:
    code = "import lstmrec.training.arrow_feed, sys; assert not {'petastorm', 'pyspark', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
