"""Every operation of a scene is a crash point: break it there, look, do it again, look."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

from lstmrec.contracts.errors import LstmrecError
from tests.faults import disk as local
from tests.faults import remote
from tests.faults.scenes import Scene
from tests.faults.tally import Tally


class Local:
    """A scene's root in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.old, self.path = folder.resolve() / "old", folder.resolve() / "root"
        self.root = str(self.path)
        self.path.mkdir()

    def save(self) -> None:
        shutil.copytree(self.path, self.old)

    def fresh(self) -> None:
        shutil.rmtree(self.path)
        shutil.copytree(self.old, self.path)

    def disk(self, at: int | None = None, kind: str = "") -> Any:
        return local.watched(local.Disk(self.path, at, kind))

    def gone(self) -> list[str]:
        """Files of the old state that are not there as they were."""
        olds = [p for p in self.old.rglob("*") if p.is_file() and p.name != "_lock"]
        pairs = [(p, self.path / p.relative_to(self.old)) for p in olds]
        return [str(new) for old, new in pairs if not new.is_file() or new.read_bytes() != old.read_bytes()]

    def half(self) -> list[str]:
        return [p.name for p in self.path.rglob("*.tmp")]


class Remote:
    """The same in fsspec's memory; whole: files show whole or not at all."""

    root = remote.ROOT

    def __init__(self, whole: bool) -> None:
        self.whole = whole
        self.old: dict[str, bytes] = {}
        remote.restored({})

    def save(self) -> None:
        self.old = remote.saved()

    def fresh(self) -> None:
        remote.restored(self.old)

    def disk(self, at: int | None = None, kind: str = "") -> Any:
        return remote.watched(remote.disk(at, kind), self.whole)

    def gone(self) -> list[str]:
        now = remote.saved()
        return [path for path, data in self.old.items() if now.get(path) != data]

    def half(self) -> list[str]:
        return []


def explore(scene: Scene, place: Local | Remote, tally: Tally, *, at_most: int | None = None, seed: int = 0) -> None:
    """Inject every fault that the scene's operations allow, or `at_most` of them, chosen by the seed."""
    scene.prepare(place.root)
    place.save()
    old = scene.seen(place.root)
    with place.disk() as whole:
        scene.act(place.root)
    new, points = scene.seen(place.root), local.points(whole.done)
    assert points and not place.half()
    if at_most is not None and len(points) > at_most:
        points = sorted(random.Random(seed).sample(points, at_most))
    for at, kind in points:
        place.fresh()
        what, path, _ = whole.done[at]
        wrong = _one(scene, place, at, kind, old, new)
        tally.count(kind, wrong and f"{scene.name}, operation {at}, {what} of {path}: {wrong}")


def _one(scene: Scene, place: Local | Remote, at: int, kind: str, old: Any, new: Any) -> str:
    """What is wrong after one fault; empty where nothing is."""
    lives = kind in ("disk full", "permission")
    told = False
    with place.disk(at, kind) as disk:
        try:
            scene.act(place.root)
        except (OSError, LstmrecError) as error:
            told = True
            if not lives:
                return f"a handler took the end of the process for an error: {error}"
    if not disk.dead and not lives:
        return "the run went another way and never got there"
    if scene.keeps and (gone := place.gone()):
        return f"gone or changed: {gone[:3]}"
    try:
        seen = scene.seen(place.root)
        if not scene.fair(seen, old, new):
            return f"a reader finds {seen}"
        if lives and not told and not scene.ends(seen, new):
            return f"no error, and yet a reader finds {seen}"
        if kind == "disk full" and (half := place.half()):
            return f"left behind: {half}"
        scene.act(place.root)
        seen = scene.seen(place.root)
    except (Exception, local.Crash) as error:
        return f"{type(error).__name__}: {error}"
    return "" if scene.ends(seen, new) else f"done again, a reader finds {seen}, not {new}"
