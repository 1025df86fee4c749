"""Thirty epochs of each reader in a process of its own, whose resident memory must not grow (petastorm#652)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.tables import write_all

ROOT = Path(__file__).resolve().parents[2]

CHILD = """
import resource, sys
import torch
from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.batches import portions
from lstmrec.training.petastorm_feed import PetastormFeed
from lstmrec.training.plan import make_plan

root, kind, leaks = sys.argv[1:]
manifest = versions.current(root, tables.SEQUENCES)
place = versions.folder(root, "sequences", manifest.version) + "/data"
feed = ArrowFeed() if kind == "arrow" else PetastormFeed()
page, kept, seen = resource.getpagesize(), [], []
for epoch in range(30):
    plan = make_plan(manifest.files, seed=1, epoch=epoch, shards=2, batch=64)
    for portion in portions(plan, feed, place, (0, 1), rank=0, seed=1, epoch=epoch):
        if leaks == "yes" and portion.step % 2 == 0:
            kept.append(portion.batch)
    with open("/proc/self/statm") as f:
        seen.append(int(f.read().split()[1]) * page)
print(*seen)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    write_all(folder, rows=4000, validation=0, phases=1, files=8)  # 5 MB of tensors an epoch
    return folder


def growth(root: Path, kind: str, leaks: str) -> float:
    """MB between the tenth epoch and the highest of the last five."""
    done = subprocess.run([sys.executable, "-c", CHILD, str(root), kind, leaks], cwd=ROOT, capture_output=True,
                          text=True, timeout=300, check=True)  # fmt: skip
    seen = [int(n) / 2**20 for n in done.stdout.split()]
    assert len(seen) == 30
    return max(seen[-5:]) - max(seen[8:12])


@pytest.mark.parametrize("kind", ["arrow", "petastorm"])
def test_thirty_epochs_do_not_grow(root: Path, kind: str) -> None:
    assert growth(root, kind, "no") < 12


def test_a_leak_of_half_the_batches_would_be_seen(root: Path) -> None:
    assert growth(root, "arrow", "yes") > 24
