"""torch.distributed as a `Comm`: the second door beside Horovod's, with the same results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta

import torch
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

    def gather(self, flat: Tensor) -> Tensor:
        with together(self.rank):
            lengths = [torch.zeros(1, dtype=torch.int64, device=flat.device) for _ in range(self.size)]
            dist.all_gather(lengths, torch.tensor([len(flat)], device=flat.device))
            sizes = [int(n) for n in lengths]
            # All ranks send the same length, the longest; what is behind a rank's own end is cut off again.
            mine = flat.new_zeros(max(sizes))
            mine[: len(flat)] = flat
            parts = [torch.zeros_like(mine) for _ in sizes]
            if len(mine):
                dist.all_gather(parts, mine)
            return torch.cat([part[:n] for part, n in zip(parts, sizes, strict=True)])

    def broadcast_(self, tensors: Sequence[Tensor]) -> None:
        with together(self.rank):
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def barrier(self) -> None:
        with together(self.rank):
            dist.barrier()

    def close(self) -> None:
        dist.destroy_process_group()
