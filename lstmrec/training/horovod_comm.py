"""Horovod as a `Comm`: the one door to it on the training side."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from lstmrec.contracts.errors import ResourceError
from lstmrec.training.comm import together

_POLL_S = 0.0005


class HorovodComm:
    """The ranks that horovodrun or `horovod.spark.run` started. ResourceError R601 where Horovod is not installed."""

    def __init__(self) -> None:
        # Fusion groups tensors by timing, and Gloo's order of adding depends on a tensor's place in the buffer:
        # without it, one flat buffer is added up in the same order in every run.
        os.environ["HOROVOD_FUSION_THRESHOLD"] = "0"
        if not torch.cuda.is_available():
            # Its threads ask the other ranks for work once a cycle, of 1 ms where nothing is said: 8 % of the core that
            # a rank computes on (5 ms: 4.5, 50 ms: 1), for a sum that comes every 100 ms or so. Ranks that share a
            # machine are asked for nothing once `host_comm` has them.
            near = os.environ.get("HOROVOD_LOCAL_SIZE") == os.environ.get("HOROVOD_SIZE", "")
            os.environ.setdefault("HOROVOD_CYCLE_TIME", "50" if near else "5")
        try:
            import horovod.torch as hvd
        except ImportError as error:
            raise ResourceError("R601", f"Horovod is not installed: {error}", "train.comm: horovod",
                                "scripts/setup.sh builds it; or --set train.comm=torch") from error  # fmt: skip
        hvd.init()
        self._hvd = hvd
        self.rank, self.size = int(hvd.rank()), int(hvd.size())
        self.local_rank, self.local_size = int(hvd.local_rank()), int(hvd.local_size())

    def sum_(self, flat: Tensor) -> None:
        with together(self.rank):
            handle = self._hvd.allreduce_async_(flat, op=self._hvd.Sum, name=f"sum.{flat.dtype}.{flat.numel()}")
            # Horovod's own wait spins, on the core that its background threads want for the sum.
            while not flat.is_cuda and not self._hvd.poll(handle):
                time.sleep(_POLL_S)
            self._hvd.synchronize(handle)

    def gather(self, flat: Tensor) -> Tensor:
        with together(self.rank):
            whole: Tensor = self._hvd.allgather(flat, name=f"gather.{flat.dtype}")
            return whole

    def broadcast_(self, tensors: Sequence[Tensor]) -> None:
        with together(self.rank):
            for i, tensor in enumerate(tensors):
                self._hvd.broadcast_(tensor, root_rank=0, name=f"broadcast.{i}")

    def barrier(self) -> None:
        with together(self.rank):
            self._hvd.barrier()

    def close(self) -> None:
        self._hvd.shutdown()
