"""Which bundle a training begins with, what tells two of them apart, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.jobs import train
from lstmrec.training import initial, teachers
from lstmrec.training.teachers import PARTS
from tests import made


def bundle(root: Path, version: str, *, items: str = "old items", as_of: str = "2018-01-01T00:00:00Z",
           **facts: Any) -> str:  # fmt: skip
    place = versions.folder(str(root), "bundle", version)
    for name in PARTS:
        files.create(files.join(place, name), f"{version} {name}".encode())
    told = made.manifest(tables.BUNDLE, version, facts={"items": items, **facts})
    versions.seal_files(str(root), type(told)(**{**told.__dict__, "as_of": as_of}))
    return place


def conf(root: Path, init_from: object, train_end: int | None = made.START, **more: Any) -> Any:
    """A run whose items were grown from those of fingerprint `old items`."""
    told = {"grown_from": {"grown:encoded_items": "old items", "grown:vocabulary": "x"}}
    if not files.exists(versions.folder(str(root), "encoded_items", "v1")):
        made.put(root, tables.ENCODED_ITEMS, [], facts=told)
        cut = {"role": "train", "time": train_end, "rule": "r", "users": 1, "events": 1, "start": None}
        made.put(root, tables.CUTS, [cut])
    return made.config(root, train={"init_from": str(init_from)}, **more)


def test_a_root_is_its_newest_bundle_over_what_was_grown(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    place = bundle(old, "v1")
    bundle(old, "v2", items="others")
    one = initial.found(conf(new, old))
    assert one is not None and (one.said, one.folder) == (f"{old}#v1", place)
    assert initial.pinned(conf(new, old)).train.init_from == f"{old}#v1"
    assert initial.sources(conf(new, place)) == initial.sources(conf(new, old)) == {"init_from": one.fingerprint}
    none = made.config(new)
    assert (initial.found(none), initial.sources(none), initial.pinned(none)) == (None, {}, none)
    last = bundle(old, "v3", items="print-encoded_items-v1")  # of the very same items
    assert initial.found(conf(new, old)).folder == last  # type: ignore[union-attr]
    assert "train.init_from" not in train.SECTIONS


def test_another_catalogue_is_refused(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    place = bundle(old, "v1", items="others")
    with pytest.raises(ConfigError, match="C661"):
        initial.found(conf(new, old))
    for named in (f"{old}#v1", place):
        with pytest.raises(ConfigError, match="C662"):
            initial.found(conf(new, named))
    with pytest.raises(DataError, match="D104"):
        initial.found(conf(new, f"{old}#v9"))
    with pytest.raises(ConfigError, match=r"ROOT#VERSION"):
        conf(new, new)


def test_a_bundle_that_has_seen_what_is_held_out_is_refused(tmp_path: Path) -> None:
    """made.START is 2017-07-14."""
    old, later = tmp_path / "old", "2018-01-02T00:00:00Z"
    refit = bundle(old, "v1", flow="refit", as_of="2017-07-15T00:00:00Z")
    with pytest.raises(ConfigError, match=r"C663.*the end of train"):
        initial.found(conf(tmp_path / "a", refit))
    with pytest.raises(ConfigError, match="C663"):  # by position: nobody can tell
        initial.found(conf(tmp_path / "b", refit, train_end=None))
    assert initial.found(conf(tmp_path / "c", refit, train_end=made.START + 9 * made.DAY)) is not None
    assert initial.found(conf(tmp_path / "a", refit, flow="refit")) is not None
    evaluated = bundle(old, "v2", as_of=later)
    with pytest.raises(ConfigError, match=r"C663.*later than as_of"):
        initial.found(conf(tmp_path / "a", evaluated))
    assert initial.found(conf(tmp_path / "a", evaluated, as_of=later)) is not None


def test_lineage_names_where_it_lay() -> None:
    told = {"init_from": {"bundle": "s3://lake/other#v1"}}
    assert teachers.places(made.manifest(tables.BUNDLE, "v2", facts=told)) == ["s3://lake/other/bundle"]
