"""What a scoring worker holds of its own, in a process of its own: the same for more users and for more items, whose
matrix is mapped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "scripts/bench/score_peers"
MIB = 2**20

CHILD = """
import ctypes, os, sys, threading, time
from pathlib import Path
import numpy as np
from clock import anonymous
from prepare import VERSION, make
from with_profile import batches
from lstmrec.scoring import worker
from lstmrec.scoring.options import Options

root, items, users, copied = Path(sys.argv[1]), *map(int, sys.argv[2:])
if users == 0:
    make(root, items, length=20, users=4096, units=16)
    worker.the_items(str(root), VERSION, VERSION)  # makes the files, for this host
if copied:
    load = np.load
    np.load = lambda path, mmap_mode=None: load(path)
seen = [0]

def watch():
    while True:
        seen.append(anonymous([os.getpid()]))
        time.sleep(0.01)

threading.Thread(target=watch, daemon=True).start()
rows = most = 0
for made in worker.recommend(batches(root, users, rows=512), Options(str(root), VERSION, VERSION)) if users else ():
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what is free already, and not given back yet, comes and goes
    rows, most = rows + made.num_rows, max(most, anonymous([os.getpid()]))
assert rows == users
print(most, max(seen))
"""


def held(root: Path, items: int, users: int, copied: int = 0) -> tuple[float, float]:
    """MiB of the process's own: between two batches, and at the highest anybody saw."""
    env = os.environ | {"PYTHONPATH": f"{ROOT}:{BENCH}", "LSTMREC_CACHE": str(root.parent / "cache"),
                        "OMP_NUM_THREADS": "1"}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", CHILD, str(root), str(items), str(users), str(copied)], cwd=ROOT,
                          env=env, capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    between, most = map(int, done.stdout.split())
    return between / MIB, most / MIB


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("memory")
    (folder / "cache").mkdir(mode=0o700)
    made = {items: folder / f"root-{items}" for items in (4_000, 120_000)}
    for items, root in made.items():
        held(root, items, 0)
    return made


@pytest.mark.slow
def test_users_and_items_cost_no_memory(roots: dict[int, Path]) -> None:
    base, most = held(roots[4_000], 4_000, 1024)
    after, highest = held(roots[4_000], 4_000, 16 * 1024)
    assert after < base + 10 and highest < most + 40
    more, highest = held(roots[120_000], 120_000, 1024)  # 59 MiB of vectors; a batch's scores of all would be 117
    assert more < base + 10 and highest < most + 40
    assert held(roots[120_000], 120_000, 1024, copied=1)[0] > more + 40  # and that would be seen
