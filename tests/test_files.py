import os
import threading
from pathlib import Path

import pytest

from lstmrec import files
from lstmrec.contracts.errors import ConfigError, DataError, ResourceError


def test_create_is_only_where_nothing_is(tmp_path: Path) -> None:
    target = str(tmp_path / "a b" / "x.json")
    assert files.create(target, b"first") is True
    assert files.create(target, b"second") is False
    assert files.read_text(target) == "first"
    assert files.names(str(tmp_path / "a b")) == ["x.json"], "no temporary file stays"


def test_of_many_writers_one_wins(tmp_path: Path) -> None:
    target = str(tmp_path / "name.json")
    won: list[int] = []
    threads = [
        threading.Thread(target=lambda i=i: won.append(i) if files.create(target, str(i).encode()) else None)
        for i in range(16)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(won) == 1 and files.read_text(target) == str(won[0])


def test_a_crash_before_the_link_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(os, "link", crash)
    with pytest.raises(OSError, match="power cut"):
        files.create(str(tmp_path / "x"), b"half")
    assert files.names(str(tmp_path)) == []


def test_other_file_systems() -> None:
    assert files.create("memory://bucket/x", b"1") in (True, False)
    assert files.exists("memory://bucket/x")
    assert files.names("memory://bucket") == ["x"]
    assert files.create("memory://bucket/x", b"2") is False
    assert files.read_text("memory://bucket/x") == "1"
    assert not files.is_local("memory://bucket/x")
    with pytest.raises(ConfigError):
        files.local("memory://bucket/x")


def test_walk_and_names(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "f").write_bytes(b"123")
    assert files.walk(str(tmp_path)) == {"d/e/f": 3}
    assert files.names(str(tmp_path / "none")) == []


def test_text_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8"):
        files.read_text(str(tmp_path / "x"))


def test_join() -> None:
    assert files.join("s3://b/r/", "/t/", "v") == "s3://b/r/t/v"


def test_a_folder_others_can_write_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "mine"))
    assert files.own_folder() == tmp_path / "mine" and (tmp_path / "mine").stat().st_mode & 0o777 == 0o700
    (tmp_path / "mine").chmod(0o777)
    with pytest.raises(ResourceError, match="not this user's alone") as caught:
        files.own_folder()
    assert caught.value.code == "R701"
