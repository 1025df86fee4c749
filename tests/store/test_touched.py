from __future__ import annotations

import json

import pytest

from lstmrec import files
from lstmrec.contracts.errors import ResourceError
from lstmrec.store import touched


def test_lines_are_appended_and_stay(tmp_path):
    root = str(tmp_path)
    assert touched.touches(root, "test") == []
    assert touched.touch(root, "test", {"run": "a", "bundle": "x"}) == 1
    assert touched.touch(root, "test", {"run": "a", "bundle": "x"}) == 2  # the same again is a look all the same
    assert touched.touch(root, "validation", {"run": "b"}) == 1
    assert [t["run"] for t in touched.touches(root, "test")] == ["a", "a"]
    lines = [p.read_text() for p in sorted((tmp_path / "_touched/test").iterdir())]
    assert len(lines) == 2 and all(json.loads(x) and x.endswith("\n") and x.count("\n") == 1 for x in lines)


def test_another_writer_is_not_overwritten(tmp_path, monkeypatch):
    root = str(tmp_path)
    touched.touch(root, "test", {"run": "theirs"})
    monkeypatch.setattr(touched, "touches", lambda *_: [])  # ours looked before theirs was written
    assert touched.touch(root, "test", {"run": "ours"}) == 2
    monkeypatch.undo()
    assert [t["run"] for t in touched.touches(root, "test")] == ["theirs", "ours"]
    monkeypatch.setattr(files, "create", lambda *_: False)
    with pytest.raises(ResourceError, match="R111"):
        touched.touch(root, "test", {"run": "late"})
