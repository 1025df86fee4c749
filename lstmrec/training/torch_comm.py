"""torch.distributed as a `Comm`: the second door beside Horovod's, with the same results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta

import torch.distributed as dist
from torch import Tensor

from lstmrec.training.comm import together


class TorchComm:
    """Ranks that find each other by RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT.

    nccl: tensors on GPUs travel by nccl (those on the CPU by gloo, always). timeout_s: how long a collective waits for
    the other ranks before it raises.
    """

    def __init__(self, nccl: bool = False, timeout_s: float = 300.0) -> None:
        dist.init_process_group("cpu:gloo,cuda:nccl" if nccl else "gloo", timeout=timedelta(seconds=timeout_s))
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.local_rank = int(os.environ.get("LOCAL_RANK", self.rank))
        self.local_size = int(os.environ.get("LOCAL_WORLD_SIZE", self.size))

    def sum_(self, flat: Tensor) -> None:
        with together(self.rank):
            dist.all_reduce(flat, op=dist.ReduceOp.SUM)

    def broadcast_(self, tensors: Sequence[Tensor]) -> None:
        with together(self.rank):
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def barrier(self) -> None:
        with together(self.rank):
            dist.barrier()

    def close(self) -> None:
        dist.destroy_process_group()
