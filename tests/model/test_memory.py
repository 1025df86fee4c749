from __future__ import annotations

import subprocess
import sys

import pytest

# A step's worth of tensors, made and freed; pages taken from the kernel are counted once the first steps have theirs.
STEPS = """
import resource
import torch
from lstmrec.model import memory

def held():
    return int(open("/proc/self/statm").read().split()[1])

def step():
    made = [torch.ones(4_000_000) for _ in range(4)] + [torch.ones(40_000_000)]
    return sum(float(x[0]) for x in made)

def counted():
    for _ in range(4):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual, before = counted(), held()
with memory.kept():
    kept, most = counted(), held()
after = held()
memory.keep()
print(usual, kept, counted(), before, most, after)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_pages_are_taken_once_and_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)
    usual, kept, again, before, most, after = map(int, done.stdout.split())
    pages = 40_000_000 * 4 // 4096
    if usual < pages:
        pytest.skip(f"this C library keeps memory anyway, or has large pages: {usual} pages in five steps")
    assert kept < usual // 10 and again < usual // 10
    assert most > before + pages // 2 and after < before + pages // 10  # a user's own process has it back
