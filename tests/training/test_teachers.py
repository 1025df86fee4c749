"""Who teaches: which bundle a name means, and what tells two of them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import digest
from lstmrec.training import teachers
from lstmrec.training.teachers import PARTS, found, pinned, sources
from tests import made


def bundle(root: Path, version: str, **facts: Any) -> str:
    place = versions.folder(str(root), "bundle", version)
    for name in PARTS:
        files.create(files.join(place, name), f"{version} {name}".encode())
    files.create(files.join(place, "log.jsonl"), b"seconds")
    versions.seal_files(str(root), made.manifest(tables.BUNDLE, version, facts={"items": "prints", **facts}))
    return place


def conf(*teachers: object, **more: Any) -> Any:
    return made.config(Path("student"), train={"teacher": {"bundles": [str(t) for t in teachers]}}, **more)


def test_a_root_is_its_newest_bundle_of_the_same_flow(tmp_path: Path) -> None:
    bundle(tmp_path, "v1")
    place = bundle(tmp_path, "v2")
    last = bundle(tmp_path, "v3", flow="refit")
    [one] = found(conf(tmp_path))
    assert (one.said, one.folder, one.items) == (f"{tmp_path}#v2", place, "prints")
    assert [b.folder for b in found(conf(tmp_path, flow="refit"))] == [last]
    assert [b.said for b in found(conf(f"{tmp_path}#v1", tmp_path))] == [f"{tmp_path}#v1", f"{tmp_path}#v2"]
    assert pinned(conf(tmp_path)).train.teacher.bundles == [f"{tmp_path}#v2"]
    assert pinned(conf()) == conf()


def test_the_same_net_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    place = bundle(tmp_path, "v1")
    by_name, by_folder = found(conf(tmp_path, place))
    assert by_folder.said == place and by_folder.items == by_name.items == "prints"
    assert by_name.fingerprint == by_folder.fingerprint == digest([by_name.digests[p] for p in PARTS])
    assert sources(conf(tmp_path)) == sources(conf(place)) != sources(conf(place, place))


def test_the_key_holds_who_teaches_and_how(tmp_path: Path) -> None:
    bundle(tmp_path, "v1")
    first = sources(conf(tmp_path))
    assert first == sources(conf(tmp_path)) and sources(conf()) == {}
    assert first["teacher.1"] == found(conf(tmp_path))[0].fingerprint
    other = {"bundles": [str(tmp_path)], "temperature": 3.0}
    assert sources(made.config(Path("student"), train={"teacher": other})) != first
    bundle(tmp_path, "v2")
    assert sources(conf(tmp_path)) != first == sources(conf(f"{tmp_path}#v1"))


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"D671.*no bundle of flow evaluate"):
        found(conf(tmp_path))
    with pytest.raises(DataError, match="D104"):
        found(conf(f"{tmp_path}#v9"))
    place = bundle(tmp_path, "v1", flow="refit")
    with pytest.raises(DataError, match=r"D671.*no bundle of flow evaluate"):
        found(conf(tmp_path))
    Path(place, teachers.PARTS[0]).unlink()
    with pytest.raises(DataError, match=r"D671.*no whole model"):
        found(conf(place))
    versions.seal_files(str(tmp_path), made.manifest(tables.BUNDLE, "v2"))
    with pytest.raises(DataError, match=r"D671.*no whole model"):
        found(conf(tmp_path))


def test_lineage_names_where_they_lay() -> None:
    told = {"bundles": [{"bundle": "s3://lake/other#v1"}, {"bundle": "nets/mine"}]}
    assert teachers.places(made.manifest(tables.BUNDLE, "v2", facts={"teacher": told})) == [
        "s3://lake/other/bundle", "nets/mine"]  # fmt: skip
    assert teachers.places(made.manifest(tables.BUNDLE, "v2")) == []
    assert teachers.places(made.manifest(tables.METRICS, "v2", facts={"teacher": told})) == []
