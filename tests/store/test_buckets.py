from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lstmrec import files
from lstmrec.store import buckets


class Frame:
    """Writes as Spark does, without Spark: a file, and one that means nothing."""

    def __init__(self, number: int, log: list[int], fails: int | None = None) -> None:
        self.number, self.log, self.fails = number, log, fails
        self.write = self

    def mode(self, mode: str) -> Frame:
        assert mode == "errorifexists"
        return self

    def parquet(self, place: str) -> None:
        self.log.append(self.number)
        folder = Path(place)
        folder.mkdir(parents=True)
        (folder / "part-0.parquet").write_text(str(self.number))
        if self.number == self.fails:
            raise RuntimeError("killed")
        (folder / "_SUCCESS").write_text("")


class Spark:
    """A reader that says which files it would read."""

    def __init__(self) -> None:
        self.read = self

    def schema(self, ddl: str) -> Spark:
        assert ddl == "x int"
        return self

    def parquet(self, *paths: str) -> list[str]:
        return sorted(Path(p).read_text() for p in paths)

    def createDataFrame(self, rows: list[Any], ddl: str) -> list[str]:
        return rows


def kept(folder: Path, log: list[int], asked: int | None = 4, fails: int | None = None, rows: int = 9) -> Any:
    made: Any = lambda number, many: Frame(number, log, fails)  # noqa: E731
    spark: Any = Spark()
    return buckets.kept(spark, str(folder), asked, made, "x int", "model-serve", rows)


def test_what_is_finished_is_never_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "AT_ONCE", 1)
    log: list[int] = []
    with pytest.raises(RuntimeError, match="killed"):
        kept(tmp_path, log, fails=2)
    assert log == [0, 1, 2] and sorted(p.name for p in tmp_path.rglob("*.json")) == ["00000.json", "00001.json"]
    log.clear()
    assert kept(tmp_path, log) == ["0", "1", "2", "3"] and log == [2, 3]
    log.clear()
    assert kept(tmp_path, log) == ["0", "1", "2", "3"] and log == []
    assert kept(tmp_path, log, asked=2) == ["0", "1"] and log == [0, 1]  # another number of buckets is other buckets


def test_of_two_runs_the_first_marker_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create = files.create

    def raced(path: str, data: bytes) -> bool:
        other = Path(path).parent / "00000" / "other"
        other.mkdir(parents=True)
        (other / "part-9.parquet").write_text("9")
        assert create(path, json.dumps(["00000/other/part-9.parquet"]).encode())
        return create(path, data)

    monkeypatch.setattr(files, "create", raced)
    log: list[int] = []
    assert kept(tmp_path, log, asked=1) == ["9"] and log == [0]
    assert [p.name for p in (tmp_path / "model-serve-of-1" / "00000").iterdir()] == ["other"]


def test_few_rows_are_one_bucket(tmp_path: Path) -> None:
    log: list[int] = []
    kept(tmp_path, log, asked=None, rows=0)
    assert log == [0]
    log.clear()
    kept(tmp_path, log, asked=None, rows=2 * buckets.ROWS + 1)
    assert sorted(log) == [0, 1, 2]


def test_a_folder_is_of_the_skip_key() -> None:
    from lstmrec.store.commit import Ticket

    one, other = (buckets.folder(Ticket("root", "score", 1, key * 64, "now")) for key in "ab")
    assert one != other and one == "root/_work/score/buckets-" + "a" * 32
