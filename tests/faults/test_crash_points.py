"""Whatever operation on files is the last one, readers find what was there before or what was to come, and doing it
again ends as if nothing had happened."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.crash import Local, Remote, explore
from tests.faults.scenes import SCENES, Scene
from tests.faults.small_scenes import SMALL
from tests.faults.tally import Tally

ALL = (*SCENES, *SMALL)
REMOTE = tuple(s for s in ALL if s.remote)
Record = Callable[[str, Any], None]
passed_over = pytest.mark.filterwarnings("ignore:checkpoint passed over")  # that is what it is for


def named(scene: Scene) -> str:
    return scene.name.replace(" ", "-")


@passed_over
@pytest.mark.parametrize("scene", ALL, ids=named)
def test_some_operations(scene: Scene, tmp_path: Path, record_property: Record) -> None:
    tally = Tally()
    explore(scene, Local(tmp_path), tally, at_most=5, seed=1)
    if scene.remote:
        explore(scene, Remote(whole=False), tally, at_most=5, seed=1)
    tally.told(record_property)


@pytest.mark.slow
@passed_over
@pytest.mark.parametrize("scene", ALL, ids=named)
def test_every_operation(scene: Scene, tmp_path: Path, record_property: Record) -> None:
    tally = Tally()
    explore(scene, Local(tmp_path), tally)
    tally.told(record_property)


@pytest.mark.slow
@passed_over
@pytest.mark.parametrize("whole", [True, False], ids=["object-store", "file-server"])
@pytest.mark.parametrize("scene", REMOTE, ids=named)
def test_every_operation_of_a_remote_root(scene: Scene, whole: bool, record_property: Record) -> None:
    tally = Tally()
    explore(scene, Remote(whole), tally)
    tally.told(record_property)


def test_a_handler_that_takes_the_end_for_an_error_is_found(tmp_path: Path) -> None:
    """The harness can fail: a name written in place, and an error that nobody hears of."""

    def act(root: str) -> None:
        Path(root, "name").write_text("new" * 9)

    def deaf(root: str) -> None:
        with contextlib.suppress(OSError):
            act(root)

    def old(root: str) -> None:
        Path(root, "name").write_text("old")

    def seen(root: str) -> str:
        return Path(root, "name").read_text()

    tally = Tally()
    explore(Scene("in place", old, act, seen, keeps=False), Local(tmp_path), tally)
    assert {"after", "torn write", "disk full"} <= {line.split(":")[0] for line in tally.lost}
    other = Tally()
    (tmp_path / "deaf").mkdir()
    explore(Scene("deaf", old, deaf, seen, keeps=False), Local(tmp_path / "deaf"), other)
    assert any("no error, and yet" in line for line in other.lost)
