"""Old versions that nothing points to, and their removal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lstmrec import files, versions
from lstmrec.contracts import manifest as manifests
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.contracts.tables import Table
from lstmrec.store.publish import publications

#: Publications that stay: the live one, and the one that a rollback goes to.
_PUBLISHED = 2
_DESK = re.compile(r"[0-9a-f]{12}-[0-9a-f]{8}")  # see `store.work.desk`


@dataclass(frozen=True)
class Old:
    """A version that may go: bytes of its files; whole: false where it has no manifest (of a run that was killed), or
    is the private folder of a job (then table is `_work/JOB`)."""

    table: str
    version: str
    bytes: int
    whole: bool


def old(root: str, keep: int) -> list[Old]:
    """Versions of every table that nothing points to, by table, then version.

    What stays: the `keep` newest of each table, what was published now and before, versions that a table of deltas is
    made of, what a bundle was fitted with, and whatever one of all these was made from (by fingerprint), so that it can
    still be explained.
    """
    there = {t.name: dict(whole(root, t)) for t in tables.ALL}
    stay: set[tuple[str, str]] = set()
    stand_ins = {t.name: versions.stand_ins(root, t) for t in tables.ALL}
    waiting = [*_pointed(root, keep)]
    known = [(name, v, m) for name, found in there.items() for v, m in found.items() if m and m.fingerprint]
    made = {(name, m.facts.get(versions.INSTEAD, m.__dict__)["fingerprint"]): v for name, v, m in known}
    while waiting:
        name, version = waiting.pop()
        version = stand_ins[name].get(version, version)
        found = there.get(name, {}).get(version)
        if (name, version) in stay:
            continue
        stay.add((name, version))
        if found is None:  # gone, or damaged: then it is not for us to remove what may still be mended
            continue
        waiting += [(name, v) for v in found.facts.get("chain", ())]
        if name == tables.BUNDLE.name:  # the tables that days apply
            waiting += found.facts.get("fitted", {}).items()
        if "item_vectors" in found.facts:
            waiting.append((tables.ITEM_VECTORS.name, str(found.facts["item_vectors"])))
        waiting += [
            (parent, made[parent, print_]) for parent, print_ in found.parents.items() if (parent, print_) in made
        ]
    return [
        Old(name, version, sum(files.walk(versions.folder(root, name, version)).values()), m is not None)
        for name, found in there.items() for version, m in sorted(found.items()) if (name, version) not in stay
    ] + [*_desks(root)]  # fmt: skip


def _desks(root: str) -> Iterator[Old]:
    """Private folders of jobs that were killed. Checkpoints and buckets beside them stay: a rerun goes on with them."""
    above = files.join(root, "_work")
    for job in files.names(above):
        for name in files.names(files.join(above, job)):
            if _DESK.fullmatch(name):
                size = sum(files.walk(files.join(above, job, name)).values())
                yield Old(f"_work/{job}", name, size, whole=False)


def remove(root: str, gone: Old) -> None:
    """Remove a version, its manifest first: from then on nobody reads it, also where the rest takes long."""
    folder = versions.folder(root, gone.table, gone.version)
    files.remove(files.join(folder, manifests.NAME))
    files.remove(folder)


def _pointed(root: str, keep: int) -> Iterator[tuple[str, str]]:
    for table in tables.ALL:
        newest = list(dict.fromkeys(reversed(versions.log(root, table.name))))
        yield from ((table.name, version) for version in newest[:keep])
    for entry in publications(root)[-_PUBLISHED:]:
        yield from entry.items()


def whole(root: str, table: Table) -> Iterator[tuple[str, Manifest | None]]:
    for name in files.names(files.join(root, table.name)):
        if not name.startswith(("_", ".")):
            path = files.join(versions.folder(root, table.name, name), manifests.NAME)
            yield name, Manifest.from_json(files.read_text(path), path) if files.whole_json(path) else None
