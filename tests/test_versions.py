from pathlib import Path

import pytest

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError, ResourceError
from lstmrec.contracts.manifest import DataFile, Manifest
from lstmrec.store.prune import old


def made(root: str, skip_key: str = "a" * 64, table: str = "events") -> Manifest:
    m = Manifest(table, versions.new_version(skip_key), 1, 0, "clean", 1, skip_key, "f", "2018-01-01T00:00:00Z")
    return versions.seal(root, m)


def test_a_version_is_seen_only_with_its_manifest(tmp_path: Path) -> None:
    root = str(tmp_path)
    with pytest.raises(DataError, match="D105"):
        versions.current(root, tables.EVENTS)
    first = made(root)
    files.create(files.join(root, "events", "half", "data", "part-0"), b"x")
    assert versions.current(root, tables.EVENTS) == first
    with pytest.raises(DataError, match="D104"):
        versions.load(root, tables.EVENTS, "half")


def test_names_are_logs_and_the_highest_wins(tmp_path: Path) -> None:
    root = str(tmp_path)
    one, two = made(root), made(root)
    versions.append(root, "events", one.version, "live")
    versions.append(root, "events", two.version, "live")
    versions.append(root, "events", two.version, "live")
    assert versions.log(root, "events", "live") == [one.version, two.version]
    versions.append(root, "events", one.version, "live")  # a rollback appends
    assert versions.current(root, tables.EVENTS, "live") == one
    assert versions.current(root, tables.EVENTS) == two


def test_what_was_made_under_a_key_is_found(tmp_path: Path) -> None:
    root = str(tmp_path)
    a, b = made(root, "a" * 64), made(root, "b" * 64)
    assert versions.find(root, tables.EVENTS, "a" * 64) == a
    assert versions.find(root, tables.EVENTS, "b" * 64) == b
    assert versions.find(root, tables.EVENTS, "a" * 12 + "c" * 52) is None


def test_a_version_is_sealed_once(tmp_path: Path) -> None:
    m = made(str(tmp_path))
    with pytest.raises(ResourceError, match="R102"):
        versions.seal(str(tmp_path), m)


def test_another_contract_is_refused(tmp_path: Path) -> None:
    m = Manifest("events", "v1", 9, 0, "clean", 1, "k", "f", "x")
    versions.seal(str(tmp_path), m)
    with pytest.raises(DataError, match="D102"):
        versions.current(str(tmp_path), tables.EVENTS)
    assert versions.readable(str(tmp_path), tables.EVENTS) is None


def test_what_can_be_read(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert versions.readable(root, tables.EVENTS) is None
    m = made(root)
    assert versions.readable(root, tables.EVENTS) == m
    place = Path(versions.folder(root, "events", m.version), "_MANIFEST.json")
    place.write_text("no manifest")
    with pytest.raises(DataError, match="D101"):  # damage is told
        versions.readable(root, tables.EVENTS)
    place.unlink()
    assert versions.readable(root, tables.EVENTS) is None


def test_plain_files_are_digested_and_verified(tmp_path: Path) -> None:
    root = str(tmp_path)
    place = versions.folder(root, "bundle", "v1")
    files.create(files.join(place, "weights.safetensors"), b"weights")
    files.create(files.join(place, "model.json"), b"{}")
    m = versions.seal_files(root, Manifest("bundle", "v1", 1, 0, "train", 1, "k", "", "x"))
    assert [f.path for f in m.files] == ["model.json", "weights.safetensors"] and m.fingerprint
    assert versions.verify_files(root, m) == place
    Path(place, "weights.safetensors").write_bytes(b"weighty")
    with pytest.raises(DataError, match="D106"):
        versions.verify_files(root, m)


@pytest.mark.parametrize("harm", ["cut", "gone", "empty"])
@pytest.mark.parametrize("what", ["manifest", "data"])
def test_what_is_damaged_is_not_found(tmp_path: Path, harm: str, what: str) -> None:
    root = str(tmp_path)
    version = versions.new_version("a" * 64)
    place = Path(versions.folder(root, "events", version))
    files.create(str(place / "data" / "part-0"), b"rows of events")
    m = Manifest("events", version, 1, 0, "clean", 1, "a" * 64, "f", "x", files=(DataFile("part-0", 3, 14),))
    assert versions.find(root, tables.EVENTS, "a" * 64) is None
    assert versions.seal(root, m) == versions.find(root, tables.EVENTS, "a" * 64)
    path = place / {"manifest": "_MANIFEST.json", "data": "data/part-0"}[what]
    data = path.read_bytes()
    path.unlink()
    if harm != "gone":
        path.write_bytes(data[: len(data) // 2 if harm == "cut" else 0])
    assert versions.find(root, tables.EVENTS, "a" * 64) is None


def test_an_entry_whose_writer_died_over_it_was_never_made(tmp_path: Path) -> None:
    root = str(tmp_path)
    one = made(root)
    (tmp_path / "events" / "_names" / "head" / "000001.json").write_text('{"versi')
    assert versions.log(root, "events") == [one.version]
    two = made(root)
    assert versions.log(root, "events") == [one.version, two.version]


def test_the_newest_that_is_there_stands_in(tmp_path: Path) -> None:
    root, core = str(tmp_path), tables.CORE
    first = made(root, table="core")
    assert versions.instead_of(root, core, first.version) == first.version
    told = {"instead": {"version": first.version, "fingerprint": "f"}}
    newer = []
    for key in ("b", "c"):
        m = Manifest("core", versions.new_version(key * 64), 1, 0, "clean", 1, key * 64, "g", "x", facts=told)
        newer.append(versions.seal(root, m, "instead").version)
        assert versions.instead_of(root, core, first.version) == newer[-1]
    assert versions.current(root, core) == first  # for as long as it is there
    bundle = Manifest("bundle", "b1", 1, 0, "train", 1, "k", "", "x", facts={"fitted": {"core": first.version}})
    versions.seal_files(root, bundle)
    assert [o.version for o in old(root, 1)] == [first.version, newer[0]]  # what days read of a bundle stays
    files.remove(files.join(versions.folder(root, "core", first.version), "_MANIFEST.json"))
    stands = versions.current(root, core)
    assert (stands.version, stands.fingerprint, stands.facts) == (newer[1], "f", told)
    assert versions.load(root, core, newer[1]).fingerprint == "g"
    files.remove(files.join(versions.folder(root, "core", newer[1]), "_MANIFEST.json"))
    assert versions.instead_of(root, core, first.version) == newer[0]
