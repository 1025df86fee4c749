from __future__ import annotations

from pathlib import Path

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.store import instead
from lstmrec.store.prune import old
from tests import made


def test_the_newest_that_is_there_stands_in(tmp_path: Path) -> None:
    root = str(tmp_path)
    first = made.put(tmp_path, tables.CORE, [], version="v1")
    assert instead.of(root, tables.CORE, "v1") == "v1" and instead.load(root, tables.CORE, "v1") == first
    for number in (2, 3):
        told = {"instead": {"version": "v1", "fingerprint": first.fingerprint}}
        m = made.manifest(tables.CORE, f"v{number}", facts=told)
        versions.seal(root, m, instead.NAME)
        assert instead.of(root, tables.CORE, "v1") == f"v{number}"
    assert instead.of(root, tables.CORE, "v3") == "v3" and versions.current(root, tables.CORE) == first
    stands = instead.load(root, tables.CORE, "v1")
    assert stands.version == "v3" and stands.fingerprint == first.fingerprint != m.fingerprint
    versions.seal_files(root, made.manifest(tables.BUNDLE, "b1", facts={"fitted": {"core": "v1"}}))
    assert ("core", "v3") not in {(o.table, o.version) for o in old(root, 1)}  # what a bundle's days read stays
    files.remove(files.join(versions.folder(root, "core", "v3"), "_MANIFEST.json"))
    assert instead.of(root, tables.CORE, "v1") == "v2"
