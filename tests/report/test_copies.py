from __future__ import annotations

import pytest

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.report import copies
from tests import made


def commit(root, version, text):
    place = versions.folder(str(root), "report", version)
    for name in copies.COPIED:
        files.create(files.join(place, name), text.encode())
    return versions.seal_files(str(root), made.manifest(tables.REPORT, version))


def test_copies_are_replaced_whole(tmp_path):
    copies.place(str(tmp_path), commit(tmp_path, "v1", "old"))
    copies.place(str(tmp_path), commit(tmp_path, "v2", "new"))
    assert [(tmp_path / n).read_text() for n in copies.COPIED] == ["new", "new"]
    assert not list(tmp_path.glob(".*"))


def test_a_changed_report_is_not_copied(tmp_path):
    manifest = commit(tmp_path, "v1", "old")
    (tmp_path / "report" / "v1" / "report.html").write_text("other")
    with pytest.raises(DataError, match="D106"):
        copies.place(str(tmp_path), manifest)
    assert not (tmp_path / "report.html").exists()


def test_copies_are_owed_until_they_are_there(tmp_path):
    old, new = commit(tmp_path, "v1", "old"), commit(tmp_path, "v2", "new")
    assert copies.owed(str(tmp_path), old) == list(copies.COPIED)
    copies.place(str(tmp_path), old)
    assert copies.owed(str(tmp_path), old) == [] and copies.owed(str(tmp_path), new) == list(copies.COPIED)
    (tmp_path / "metrics.json").write_text("")
    assert copies.owed(str(tmp_path), old) == ["metrics.json"]
