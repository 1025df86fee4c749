from __future__ import annotations

from pathlib import Path

import pytest

from lstmrec.scoring import local

NAME = "items-" + "0" * 32


def test_made_once_and_only_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))
    calls = []

    def breaks(to: Path) -> None:
        (to / "half").write_text("x")
        raise OSError("disk full")

    def make(to: Path) -> None:
        calls.append(to)
        (to / "a").write_text("a")

    with pytest.raises(OSError, match="disk full"):
        local.once(NAME, breaks)
    folder = local.once(NAME, make)
    assert local.once(NAME, make) == folder
    assert len(calls) == 1 and [p.name for p in folder.iterdir()] == ["a"]
    assert sorted(p.name for p in folder.parent.iterdir()) == [NAME, f"{NAME}.lock"]


def test_only_digests_name_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match="no digest"):
        local.once("items-../../etc", lambda to: None)


def test_what_a_killed_process_left_is_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path))
    (tmp_path / f".{NAME}.dead").mkdir()
    (tmp_path / f".{NAME}.dead" / "half").write_text("x")
    local.once(NAME, lambda to: None)
    assert sorted(p.name for p in tmp_path.iterdir()) == [NAME, f"{NAME}.lock"]
