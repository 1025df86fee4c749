"""Versions of tables: folders whose manifest comes last, and names (`head`, `live`) that are append-only logs.

ROOT/TABLE/VERSION/...data...            a version, invisible until
ROOT/TABLE/VERSION/_MANIFEST.json        its manifest is created
ROOT/TABLE/_names/head/000042.json       the highest number wins; publishing and rolling back append
ROOT/TABLE/_names/instead/000001.json    a version that stands in for one that held erased users (facts.instead)
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace

from lstmrec import files
from lstmrec.contracts import manifest as manifests
from lstmrec.contracts.errors import DataError, ResourceError
from lstmrec.contracts.manifest import DataFile, Manifest
from lstmrec.contracts.tables import Table

_TRIES = 1000
INSTEAD = "instead"


def folder(root: str, table: str, version: str) -> str:
    """Where a version lies."""
    return files.join(root, table, version)


def new_version(skip_key: str) -> str:
    """A fresh version id: the skip key says what it is made of, the random part keeps two writers apart."""
    return f"{skip_key[:12]}-{uuid.uuid4().hex[:8]}"


def load(root: str, contract: Table, version: str) -> Manifest:
    """The manifest of a version; DataError D104 where there is none (incomplete), D102 for another contract, D107 where
    it is another version's."""
    path = files.join(folder(root, contract.name, version), manifests.NAME)
    try:
        text = files.read_text(path)
    except FileNotFoundError as error:
        raise DataError("D104", f"table {contract.name} has no manifest: it is incomplete", path,
                        "run its job again: lstmrec run goes on from the last whole table") from error  # fmt: skip
    found = Manifest.from_json(text, path)
    found.check(contract, path)
    if found.version != version:
        raise DataError("D107", f"the manifest of version {found.version} lies in the folder of {version}", path,
                        "remove the folder and run again")  # fmt: skip
    return found


def log(root: str, table: str, name: str = "head") -> list[str]:
    """Versions a name has pointed to, oldest first; an entry whose writer died over it was never made. DataError D108
    for one that names no version."""
    place = files.join(root, table, "_names", name)
    entries = [n for n in files.names(place) if n.endswith(".json") and not n.startswith(".")]
    told = [files.whole_json(files.join(place, n)) for n in entries]
    for entry, t in zip(entries, told, strict=True):
        if t is not None and not (isinstance(t, dict) and manifests.is_name(t.get("version"))):
            raise DataError("D108", "an entry that names no version", files.join(place, entry), "remove it")
    return [t["version"] for t in told if t is not None]


def current(root: str, contract: Table, name: str = "head") -> Manifest:
    """The manifest a name points to, or of what stands in for it; DataError D105 where the name was never set."""
    versions = log(root, contract.name, name)
    if not versions:
        raise DataError("D105", f"table {contract.name} has no {name} version", files.join(root, contract.name),
                        "run the job that writes it first: lstmrec run")  # fmt: skip
    try:
        return load(root, contract, versions[-1])
    except DataError as error:
        if error.code == "D104" and versions[-1] in stand_ins(root, contract):
            return fitted(root, contract, versions[-1])
        raise


def readable(root: str, contract: Table) -> Manifest | None:
    """What `current` gives; None where there is none, or it is of another major contract: a table that this lstmrec has
    not made yet."""
    try:
        return current(root, contract)
    except DataError as error:
        if error.code in ("D102", "D104", "D105"):
            return None
        raise


def stand_ins(root: str, contract: Table) -> dict[str, str]:
    """Version -> the newest that stands in for it: users were erased, and what is known of it stays."""
    found = {}
    for made in log(root, contract.name, INSTEAD):
        if stands(root, contract.name, made):
            found[str(load(root, contract, made).facts[INSTEAD]["version"])] = made
    return found


def instead_of(root: str, contract: Table, version: str) -> str:
    """The version itself, or what stands in for it."""
    return stand_ins(root, contract).get(version, version)


def fitted(root: str, contract: Table, version: str) -> Manifest:
    """The manifest of `instead_of`, with the fingerprint of what was fitted: nothing that was made by it is stale."""
    found = load(root, contract, instead_of(root, contract, version))
    return replace(found, fingerprint=found.facts.get(INSTEAD, {}).get("fingerprint", found.fingerprint))


def made_of(root: str, contract: Table, child: Manifest) -> Manifest:
    """The version of a table that another one was made of; DataError D841 where it is gone."""
    if (found := parent(root, contract, child)) is not None:
        return found
    raise DataError("D841", f"no version of {contract.name} is what {child.table} {child.version} was made of",
                    files.join(root, contract.name), "restore it, or run again")  # fmt: skip


def parent(root: str, contract: Table, child: Manifest) -> Manifest | None:
    """The version of a table that another one was made of; None where it is gone, or there was none."""
    if (wanted := child.parents.get(contract.name)) is None:
        return None
    for version in reversed(log(root, contract.name)):
        if stands(root, contract.name, instead_of(root, contract, version)):
            found = fitted(root, contract, version)
            if found.fingerprint == wanted:
                return found
    return None


def find(root: str, contract: Table, skip_key: str) -> Manifest | None:
    """The newest version made under this skip key that is there with all its files; damaged ones are made again."""
    for version in reversed(log(root, contract.name)):
        path = files.join(folder(root, contract.name, version), manifests.NAME)
        if version.startswith(skip_key[:12]) and files.whole_json(path):
            found = load(root, contract, version)
            if found.skip_key == skip_key and lies_there(root, contract, found):
                return found
    return None


def lies_there(root: str, contract: Table, manifest: Manifest) -> bool:
    """Whether every file of a version, and of those that it goes on from, is as long as it was, which a listing each
    tells."""
    chain = manifest.facts.get("chain", ())
    if not all(stands(root, contract.name, version) for version in chain):
        return False
    for link in (manifest, *(load(root, contract, version) for version in chain)):
        place = folder(root, contract.name, link.version)
        sizes = files.walk(files.join(place, "data") if contract.columns else place)
        if not all(f.path in sizes and f.bytes in (0, sizes[f.path]) for f in link.files):
            return False
    return True


def stands(root: str, table: str, version: str) -> bool:
    """Whether a version has its manifest."""
    return files.exists(files.join(folder(root, table, version), manifests.NAME))


def newest(root: str, contract: Table) -> Iterator[Manifest]:
    """Manifests of the versions that stand, the one named last first, each once; read one by one."""
    for version in dict.fromkeys(reversed(log(root, contract.name))):
        if stands(root, contract.name, version):
            yield load(root, contract, version)


def append(root: str, table: str, version: str, name: str = "head") -> None:
    """Point a name at a version, unless it does already."""
    entries = log(root, table, name)
    if entries and entries[-1] == version:
        return
    place = files.join(root, table, "_names", name)
    data = json.dumps({"version": version}).encode()
    for number in range(len(entries), len(entries) + _TRIES):
        if files.create(files.join(place, f"{number:06d}.json"), data):
            return
    raise ResourceError("R101", f"cannot append to name {name} of {table}: {_TRIES} writers were faster", place)


def data_files(root: str, table: str, version: str) -> list[DataFile]:
    """Every data file of a version's folder with bytes and sha256, for tables that are plain files (bundle, report)."""
    place = folder(root, table, version)
    return [
        DataFile(path, 0, size, files.sha256(files.join(place, path)))
        for path, size in files.walk(place).items()
        if not path.rsplit("/", 1)[-1].startswith(("_", "."))
    ]


def seal(root: str, manifest: Manifest, name: str = "head") -> Manifest:
    """Create the manifest (the version is readable from now on), then point `name` there."""
    path = files.join(folder(root, manifest.table, manifest.version), manifests.NAME)
    if not files.create(path, manifest.to_json().encode()):
        raise ResourceError(
            "R102", f"version {manifest.version} of {manifest.table} was committed by another run", path
        )
    append(root, manifest.table, manifest.version, name)
    return manifest


def seal_files(root: str, manifest: Manifest) -> Manifest:
    """Commit a version of plain files: list and digest them, then `seal`."""
    listed = data_files(root, manifest.table, manifest.version)
    fingerprint = manifests.digest([(f.path, f.sha256) for f in listed])
    return seal(root, replace(manifest, files=tuple(listed), fingerprint=fingerprint))


def verify_files(root: str, manifest: Manifest, place: str | None = None) -> str:
    """The folder of a version of plain files (or of a copy of it), each checked against its sha256 (DataError D106)."""
    place = place or folder(root, manifest.table, manifest.version)
    for f in manifest.files:
        path = files.join(place, f.path)
        if not files.exists(path) or files.sha256(path) != f.sha256:
            raise DataError("D106", f"{f.path} is not the file that was committed", path,
                            "restore it, or train again; a copy in a cache: remove its folder")  # fmt: skip
    return place
