from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from lstmrec.contracts.errors import ResourceError
from lstmrec.training import host_comm
from lstmrec.training.comm import Comm, Solo
from lstmrec.training.host_comm import _SLOT, HostComm, shared
from tests.training import test_comm
from tests.training.ranks import together

KINDS = ["torch", pytest.param("horovod", marks=pytest.mark.horovod)]


def added(comm: Comm) -> dict[str, Any]:
    """Whether sums are those of the group that was there, bit for bit, and what both ways say."""
    both, numbers = shared(comm), torch.Generator().manual_seed(comm.rank)
    assert isinstance(both, HostComm)
    pieces = 2 * _SLOT // 4 + 12_345
    ways = []
    for flat in (
        torch.randn(pieces, generator=numbers), torch.randn(7, generator=numbers, dtype=torch.float64),
        torch.randint(-(2**40), 2**40, (1001,), generator=numbers), torch.ones(1), torch.empty(0),
    ):  # fmt: skip
        one, two = flat.clone(), flat.clone()
        comm.sum_(one)
        both.sum_(two)
        ways.append(bool(torch.equal(one, two)) and one.dtype == two.dtype)
    return {"ways": ways, "talk": test_comm.talk(both)}


@pytest.mark.parametrize("kind", KINDS)
def test_two_ranks_add_up_as_their_group_does(tmp_path: Path, kind: str) -> None:
    one, two = together(2, "tests.training.test_host_comm:added", tmp_path, kind=kind)
    assert one == two and one["ways"] == [True] * 5
    assert one["talk"]["flat"] == [0, 3, 6, 9, 12] and one["talk"]["whole"] == [2**41 + 1]


def in_order(comm: Comm) -> list[float]:
    both = shared(comm)
    assert isinstance(both, HostComm)
    flat = torch.full((5,), [1e8, -1e8, 1.0][comm.rank])
    both.sum_(flat)
    return list(flat.tolist())


def test_ranks_are_added_in_their_order(tmp_path: Path) -> None:
    """(1e8 - 1e8) + 1 is 1 in 32 bits; in most other orders the 1 is lost. All hold the same, whoever added it."""
    assert together(3, "tests.training.test_host_comm:in_order", tmp_path) == [[1.0] * 5] * 3


def left_alone(comm: Comm, gone: int) -> str:
    both = shared(comm)
    assert isinstance(both, HostComm)
    if comm.rank == gone:
        for s in both._sockets:
            s.close()  # as the system does for a process that is killed
        return "left"
    try:
        for _ in range(1000):
            both.sum_(torch.ones(3))
    except ResourceError as error:
        return f"{error.code} {error.where}"
    return "nothing was said"


@pytest.mark.parametrize("gone", [0, 1])
def test_who_is_left_alone_says_so(tmp_path: Path, gone: int) -> None:
    got = together(2, "tests.training.test_host_comm:left_alone", tmp_path, args=gone)
    assert got[gone] == "left" and got[1 - gone] == f"R602 rank {1 - gone}"


def without(comm: Comm, what: str) -> dict[str, Any]:
    """What comes of a group where there is no room, or where one rank does not see the others' files."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as said:
        patch.setattr(host_comm, "_WAIT_S", 0.2)
        if what == "room":
            patch.setattr(os, "posix_fallocate", _full)
        elif comm.rank == 1:
            patch.setattr(host_comm, "_mapped", _full)
        both = shared(comm)
    flat = torch.ones(2)
    both.sum_(flat)
    return {"same": both is comm, "sum": flat.tolist(), "said": [str(w.message)[:44] for w in said]}


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("what", ["room", "sight"])
def test_a_group_without_shared_memory_adds_up_as_before(tmp_path: Path, what: str) -> None:
    got = together(2, "tests.training.test_host_comm:without", tmp_path, args=what)
    assert [r["said"] for r in got] == [["ranks of this machine share no memory, and s"], []]
    assert all(r["same"] and r["sum"] == [2.0, 2.0] for r in got)


def test_ranks_of_several_machines_and_one_alone_are_left_as_they_are() -> None:
    class Far(Solo):
        size, local_size = 4, 2

    far, one = Far(), Solo()
    assert shared(far) is far and shared(one) is one


def sent(comm: Comm) -> dict[str, Any]:
    """Lists and broadcasts of several pieces and kinds."""
    both, many = shared(comm), _SLOT // 8
    assert isinstance(both, HostComm)
    whole = both.gather(torch.arange([3, 2 * many + 5][comm.rank]))
    told = [torch.full((many + 7,), comm.rank, dtype=torch.int64), torch.tensor(comm.rank == 0),
            torch.empty((0, 4)), torch.full((2, 3), float(comm.rank), dtype=torch.bfloat16)]  # fmt: skip
    both.broadcast_(told)
    both.barrier()
    return {"whole": bool(torch.equal(whole, torch.cat([torch.arange(3), torch.arange(2 * many + 5)]))),
            "told": [t.double().sum().item() for t in told]}  # fmt: skip


def test_lists_and_broadcasts_longer_than_the_memory(tmp_path: Path) -> None:
    assert together(2, "tests.training.test_host_comm:sent", tmp_path) == [{"whole": True, "told": [0, 1, 0, 0]}] * 2
