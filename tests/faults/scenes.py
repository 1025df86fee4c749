"""What is done to a run's root, each with its reader: done over an old state, in one go or after being broken off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.jobs import train as train_job
from lstmrec.model.build import build
from lstmrec.model.spec import NetSpec
from lstmrec.store import buckets, door, prune, publish
from lstmrec.training.checkpoint import Checkpoints
from lstmrec.training.export import TrainResult, export, read_result
from tests import made
from tests.faults import frames


@dataclass(frozen=True)
class Scene:
    """prepare: the old state. act: what is done to it, also over what a broken act left. seen: what a reader finds,
    without ids of versions. fair(seen, old, new): whether a reader may find that in between; ends(seen, new): after
    the act was done again. keeps: no file of the old state may go or change. remote: of fsspec's memory too.
    """

    name: str
    prepare: Callable[[str], Any]
    act: Callable[[str], Any]
    seen: Callable[[str], Any]
    fair: Callable[[Any, Any, Any], bool] = lambda seen, old, new: seen in (old, new)
    ends: Callable[[Any, Any], bool] = lambda seen, new: seen == new
    keeps: bool = True
    remote: bool = False


def each(seen: dict[str, Any], old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Every table is the old one or the new one."""
    return seen.keys() == new.keys() and all(seen[k] in (old[k], new[k]) for k in new)


# A job of two tables: staged, verified, sealed, with a desk and rows apart.


def pair(root: str, seed: int) -> None:
    with frames.without_spark():
        door.walk(frames.PAIR, frames.config(root, seed), spark=mock.MagicMock())


def pair_seen(root: str) -> Any:
    return {t.name: frames.contents(root, versions.current(root, t)) for t in frames.PAIR.GIVES}


# The bundle: what a training exports, its job commits, and then clears its work.


def bundle(root: str, seed: int) -> None:
    spec = NetSpec(dim=2, units=2, trained=4)

    def start(conf: Any, work: str) -> TrainResult:
        weights = build(spec, seed).state_dict()
        kept = Checkpoints(files.join(work, "checkpoints"), 1)
        kept.save_best(1, weights, {})
        kept.save(1, weights, {"best": "best-00000001"})
        export(work, spec, weights, [{"epoch": 1, "step": 1}], TrainResult(1, 1, 1, 0.5, 0.5, 1, 1.0, 0.0))
        return read_result(work)

    with mock.patch("lstmrec.launch.start.start", start):
        door.walk(train_job, frames.config(root, seed))


def bundle_old(root: str) -> None:
    for table in (tables.ENCODED_ITEMS, tables.SEQUENCES):
        versions.seal(root, made.manifest(table, "v1"))
    bundle(root, 1)


def bundle_seen(root: str) -> Any:
    found = versions.current(root, tables.BUNDLE)
    place = versions.verify_files(root, found)
    # A temporary file that could not be removed is hidden, and nobody's.
    return found.fingerprint, sorted(p for p in files.walk(place) if not p.startswith("."))


# Publishing and rolling back: `live` of every published table.


THREE = (tables.SPLIT, tables.BUNDLE, tables.RECOMMENDATIONS)  # of those that are published


def seals(root: str, version: str) -> None:
    for table in THREE:
        versions.seal(root, made.manifest(table, version))


def publishes(root: str) -> None:
    with mock.patch.multiple(publish, gates=lambda conf: [], PUBLISHED=THREE):
        publish.publish(frames.config(root, 1))


def published(root: str, count: int = 1) -> None:
    """`count` publications, and newer versions that are not published."""
    for n in range(1, count + 1):
        seals(root, f"v{n}")
        publishes(root)
    seals(root, f"v{count + 1}")


def back(root: str) -> None:
    """Who wants v2 back asks until it is there."""
    if set(live(root).values()) != {"v2"}:
        with mock.patch.object(publish, "PUBLISHED", THREE):
            publish.rollback(root)


def live(root: str) -> Any:
    publish.publications(root)
    return {t.name: versions.current(root, t, "live").version for t in THREE}


def lists_last(seen: Any, old: Any, new: Any) -> bool:
    """Whoever sees the new list finds all that explains it."""
    return each(seen, old, new) and (seen == new or seen["recommendations"] == old["recommendations"])


# Removing old versions.


def five(root: str) -> None:
    for n in range(1, 5):
        for table in (tables.SPLIT, tables.RECOMMENDATIONS):
            files.create(files.join(versions.folder(root, table.name, f"v{n}"), "data", "part-0"), b"rows")
            versions.seal(root, made.manifest(table, f"v{n}"))
    files.create(files.join(root, "split", "half", "data", "part-0"), b"rows")


def pruned(root: str) -> None:
    for one in prune.old(root, keep=2):
        prune.remove(root, one)


def pruned_seen(root: str) -> Any:
    """The versions of each table that can be read, and what prune would remove."""
    there = {}
    for table in (tables.SPLIT, tables.RECOMMENDATIONS):
        there[table.name] = []
        for version in dict.fromkeys(versions.log(root, table.name)):
            try:
                versions.load(root, table, version)
            except DataError:
                continue
            place = files.join(versions.folder(root, table.name, version), "data", "part-0")
            there[table.name].append((version, files.read_text(place)))  # who has a manifest has its files
    return there, [o.version for o in prune.old(root, keep=2)]


def fewer(seen: Any, old: Any, new: Any) -> bool:
    return all(set(new[0][t]) <= set(seen[0][t]) <= set(old[0][t]) for t in new[0])


# Buckets of a job that is broken off.


def bucketed(root: str) -> Any:
    with frames.without_spark():
        return frames.kept(root)


def parts(root: str) -> Any:
    place = files.join(root, "model-serve-of-3")
    found = [buckets.marked(place, n) for n in range(3)]
    return {n: None if m is None else [files.read_text(files.join(place, p)) for p in m] for n, m in enumerate(found)}


SCENES = (
    Scene("commit", lambda r: pair(r, 1), lambda r: pair(r, 2), pair_seen, each),
    Scene("bundle", bundle_old, lambda r: bundle(r, 2), bundle_seen, remote=True),
    Scene("publish", published, publishes, live, lists_last, remote=True),
    Scene("rollback", lambda r: published(r, 3), back, live, lists_last, remote=True),
    Scene("prune", five, pruned, pruned_seen, fewer, keeps=False, remote=True),
    Scene("bucket", lambda r: None, bucketed, parts, each, remote=True),
)
