"""The Horovod that scripts/build_horovod.sh made: ranks meet over Gloo, and a rank that hangs ends the job."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.horovod

ALLREDUCE = """
import torch, horovod.torch as hvd
hvd.init()
total = hvd.allreduce(torch.tensor([hvd.rank() + 1, 10], dtype=torch.float64), op=hvd.Sum)
print("rank", hvd.rank(), "of", hvd.size(), total.tolist())
"""
STALLED = """
import time, torch, horovod.torch as hvd
hvd.init()
hvd.allreduce(torch.ones(1), name="both", op=hvd.Sum)
if hvd.rank() == 1:
    time.sleep(600)
hvd.allreduce(torch.ones(1), name="one_only", op=hvd.Sum)
"""


def horovodrun(folder: Path, program: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Two ranks of the program on this machine. The timeout is a net only: nothing here waits for it."""
    script = folder / "program.py"
    script.write_text(program)
    launcher = Path(sys.executable).with_name("horovodrun")
    return subprocess.run(
        [launcher, "-np", "2", "--gloo", sys.executable, script],
        env={**os.environ, "OMP_NUM_THREADS": "1", **env},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_two_ranks_sum(tmp_path: Path) -> None:
    done = horovodrun(tmp_path, ALLREDUCE)
    assert done.returncode == 0, done.stderr
    assert "rank 0 of 2 [3.0, 20.0]" in done.stdout
    assert "rank 1 of 2 [3.0, 20.0]" in done.stdout


def test_a_stalled_rank_ends_the_job(tmp_path: Path) -> None:
    """Dead in Horovod as shipped (global_ranks_ stays empty under Gloo): such a job hangs for ever."""
    limits = {"HOROVOD_STALL_CHECK_TIME_SECONDS": "2", "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": "4"}
    done = horovodrun(tmp_path, STALLED, **limits)
    assert done.returncode not in (0, -9)
    assert "one_only" in done.stdout + done.stderr, "the tensor that waits is named"
    assert "stalled for longer than 4 seconds" in done.stdout + done.stderr
