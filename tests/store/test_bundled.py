from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lstmrec import versions
from lstmrec.cli import label as verb
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.jobs import evaluate, label, score
from lstmrec.store import bundled
from tests import made

WORDS = [("event_type", "buy", 2), ("tag", "kind=a", 2), ("tag", "kind=b", 3)]


def words(root: Path, version: str, rows: list[tuple[str, str, int]], count: int = 1) -> None:
    columns = ("feature", "value", "id", "count")
    made.put(root, tables.VOCABULARY, [dict(zip(columns, (*r, count), strict=True)) for r in rows], version=version)


def catalogue(root: Path, version: str, items: str = "ab", **facts: Any) -> None:
    rows = [{"item": n, "item_id": i, "title": None, "id": n, "count": 1, "tags": [], "text": [], "numeric": []}
            for n, i in enumerate(items, 2)]  # fmt: skip
    made.put(root, tables.ENCODED_ITEMS, rows, version=version, facts=facts)


def sealed(root: Path, version: str = "b1", parents: Any = None, **facts: Any) -> None:
    versions.seal(str(root), made.manifest(tables.BUNDLE, version, facts=facts, parents=parents or {}))


def trained(root: Path) -> None:
    """A bundle over the words and the catalogue v1."""
    words(root, "v1", WORDS)
    catalogue(root, "v1")
    fitted = {"encoded_items": "v1", "vocabulary": "v1"}
    sealed(root, items="print-encoded_items-v1", fitted=fitted)


def refused(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        bundled.bundle(str(root))
    return str(caught.value)


def test_the_catalogue_it_was_trained_on(tmp_path: Path) -> None:
    trained(tmp_path)
    assert bundled.bundle(str(tmp_path)).version == "b1"
    catalogue(tmp_path, "v2", "xy")  # as many items, others
    said = refused(tmp_path)
    assert "D714" in said and "v1, now v2" in said and "bundle b1" in said and "--from train" in said
    versions.append(str(tmp_path), "encoded_items", "v1")
    assert bundled.bundle(str(tmp_path)).version == "b1"


def test_a_day_goes_on_from_it(tmp_path: Path) -> None:
    trained(tmp_path)
    catalogue(tmp_path, "v2", "abc", bundle="print-bundle-b1")
    assert bundled.bundle(str(tmp_path)).version == "b1"
    catalogue(tmp_path, "v3", "abc", bundle="print-bundle-b0")  # a day of another bundle, whose places are others
    assert "D714" in refused(tmp_path)


def test_bundles_that_say_less(tmp_path: Path) -> None:
    catalogue(tmp_path, "v1")
    sealed(tmp_path, "b1")
    assert bundled.bundle(str(tmp_path)).version == "b1"
    sealed(tmp_path, "b2", parents={"encoded_items": "print-encoded_items-v1"}, fitted={"vocabulary": "pruned"})
    assert bundled.bundle(str(tmp_path)).version == "b2"
    sealed(tmp_path, "b3", parents={"encoded_items": "print-encoded_items-v0"})
    assert "fingerprint print-encoded_items-v0, now v1" in refused(tmp_path)


def test_another_vocabulary(tmp_path: Path) -> None:
    trained(tmp_path)
    words(tmp_path, "v2", WORDS, count=7)
    assert bundled.bundle(str(tmp_path)).version == "b1"  # the same ids
    words(tmp_path, "v3", [*WORDS[:1], ("tag", "kind=a", 3), ("tag", "kind=b", 2)])
    said = refused(tmp_path)
    assert "D715" in said and "v1, now v3" in said and "tag 'kind=a'" in said


def test_one_that_stands_in_is_the_one_it_stands_for(tmp_path: Path) -> None:
    """After an erasure a fitted table has another version and its old fingerprint."""
    trained(tmp_path)
    old = versions.current(str(tmp_path), tables.ENCODED_ITEMS)
    facts = {versions.INSTEAD: {"version": "v1", "fingerprint": old.fingerprint}}
    mine = replace(old, version="s1", fingerprint="print-of-what-is-left", facts=facts, files=())
    versions.seal(str(tmp_path), mine, versions.INSTEAD)
    (tmp_path / "encoded_items" / "v1" / "_MANIFEST.json").unlink()
    assert bundled.bundle(str(tmp_path)).version == "b1"


def test_vectors_are_its_own(tmp_path: Path) -> None:
    trained(tmp_path)
    bundle = bundled.bundle(str(tmp_path))
    made.put(tmp_path, tables.ITEM_VECTORS, [], parents={"bundle": bundle.fingerprint})
    assert bundled.vectors(str(tmp_path), bundle).version == "v1"
    made.put(tmp_path, tables.ITEM_VECTORS, [], parents={"bundle": "print-bundle-b0"}, version="v2")
    with pytest.raises(DataError, match="D716"):
        bundled.vectors(str(tmp_path), bundle)


def test_what_is_exported(tmp_path: Path) -> None:
    trained(tmp_path)
    bundle = bundled.bundle(str(tmp_path))
    catalogue(tmp_path, "v2", "xy")
    for items in ("v1", "v0"):  # v0: nobody can tell any more
        of = {"encoded_items": f"print-encoded_items-{items}"}
        vectors = made.manifest(tables.ITEM_VECTORS, "v1", parents=of)
        bundled.exported(str(tmp_path), bundle, vectors)
    vectors = made.manifest(tables.ITEM_VECTORS, "v1", parents={"encoded_items": "print-encoded_items-v2"})
    with pytest.raises(DataError, match="D714"):
        bundled.exported(str(tmp_path), bundle, vectors)


@pytest.mark.parametrize("job", [score, evaluate, label])
def test_jobs_that_serve_it_refuse(spark: Any, tmp_path: Path, job: Any) -> None:
    conf = made.root(tmp_path)
    made.put(tmp_path, tables.WINDOWS, [])
    sealed(tmp_path, "b2", items="print-encoded_items-v0")
    with pytest.raises(DataError, match="D714"):
        job.run(spark, conf)
    versions.append(str(tmp_path), "bundle", "v1")
    made.put(tmp_path, tables.ITEM_VECTORS, [], parents={"bundle": "another"}, version="v2")
    if job is not score:  # which makes them
        with pytest.raises(DataError, match="D716"):
            job.run(spark, conf)


def test_one_users_labels_refuse(tmp_path: Path) -> None:
    conf = made.root(tmp_path)
    window = {c.name: [] if c.kind.startswith("array") else 0 for c in tables.SEQUENCES.columns}
    made.put(tmp_path, tables.SEQUENCES, [window | {"user_id": "718", "role": "serve"}], version="v2")
    sealed(tmp_path, "b2", items="print-encoded_items-v0")
    with pytest.raises(DataError, match="D714"):
        verb.of_user(conf, "718")
