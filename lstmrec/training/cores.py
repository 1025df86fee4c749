"""Which cores of a machine a rank works on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

import torch

from lstmrec.training.comm import Comm


def part(cores: Sequence[int], local_rank: int, local_size: int) -> list[int]:
    """A rank's cores: as many for each rank of a machine, none where there are fewer cores than ranks."""
    each = len(cores) // local_size
    return list(cores[local_rank * each : (local_rank + 1) * each])


def settle(threads: int, comm: Comm, pin: bool) -> None:
    """Set torch's threads of this rank (0: its part of the cores), and with `pin` keep it on that part.

    A rank that waits for the others spins. Left to the system it spins on a core that another rank computes on, half
    of the time: two ranks on two cores then did the work of 1.3 (seen).
    """
    cores = sorted(os.sched_getaffinity(0))
    mine = part(cores, comm.local_rank, comm.local_size)
    torch.set_num_threads(threads or max(1, len(mine)))
    # Ranks: one alone has the machine.
    if pin and comm.local_size > 1 and mine:
        for thread in os.listdir("/proc/self/task"):  # also those of Horovod, which were there before
            with suppress(OSError):  # it may just have ended
                os.sched_setaffinity(int(thread), mine)
