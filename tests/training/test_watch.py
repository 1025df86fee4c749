from __future__ import annotations

import subprocess
import sys

STUCK = """
import time
from lstmrec.training.watch import Watchdog
with Watchdog({stall}, rank=3) as dog:
    for step in range({steps}):
        dog.beat(f"step {{step}}: reading")
        time.sleep(0.05)
    time.sleep({sleep})
print("went on")
"""


def run(**values: float) -> subprocess.CompletedProcess[str]:
    code = STUCK.format(**values)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_a_rank_that_stands_still_is_ended_and_named() -> None:
    done = run(stall=0.3, steps=3, sleep=50)
    assert done.returncode == 4 and "went on" not in done.stdout
    assert "error[R632] rank 3 has not moved" in done.stderr and "step 2: reading" in done.stderr


def test_one_that_moves_is_let_alone() -> None:
    done = run(stall=5.0, steps=4, sleep=0)
    assert done.returncode == 0 and done.stdout == "went on\n"
