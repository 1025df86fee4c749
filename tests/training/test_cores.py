"""Ranks of a machine share its cores: all of them, none twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from lstmrec.training.cores import part


@pytest.mark.parametrize(("cores", "ranks"), [(8, 2), (7, 3), (2, 2), (5, 1)])
def test_parts_are_equal_and_apart(cores: int, ranks: int) -> None:
    listed = [3 * c for c in range(cores)]
    parts = [part(listed, rank, ranks) for rank in range(ranks)]
    assert {len(p) for p in parts} == {cores // ranks}
    taken = [c for p in parts for c in p]
    assert len(set(taken)) == len(taken) and set(taken) <= set(listed)


def test_more_ranks_than_cores_have_no_part() -> None:
    assert part([0, 1], 2, 3) == []


WHERE = """
import json, os, sys, threading, time
from types import SimpleNamespace
from lstmrec.training.cores import settle
import torch
thread = threading.Thread(target=time.sleep, args=(2,), daemon=True)
thread.start()
settle(0, SimpleNamespace(local_rank=1, local_size=int(sys.argv[1])), pin=sys.argv[2] == "pin")
print(json.dumps([sorted(os.sched_getaffinity(thread.native_id)), sorted(os.sched_getaffinity(0)),
                  torch.get_num_threads()]))
"""


def where(ranks: int, pin: str) -> list[object]:
    done = subprocess.run([sys.executable, "-c", WHERE, str(ranks), pin], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def test_a_rank_and_its_threads_stay_on_their_part() -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.skip("needs two cores")
    half = len(cores) // 2
    assert where(2, "pin") == [cores[half : 2 * half], cores[half : 2 * half], half]
    assert where(2, "no") == [cores, cores, half]
    assert where(len(cores) + 1, "pin") == [cores, cores, 1]  # too many ranks: nobody is pinned
