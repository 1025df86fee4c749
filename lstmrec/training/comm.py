"""What ranks say to each other: sums, broadcasts, lists end to end, nothing else. Means never travel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from lstmrec.contracts.errors import ResourceError

LOST = "R602"  # the code of what only follows from another rank's end


class Comm(Protocol):
    """A group of ranks. Every call but `close` is a collective: all ranks make it, in the same order."""

    rank: int
    size: int
    local_rank: int
    local_size: int

    def sum_(self, flat: Tensor) -> None:
        """Add a contiguous 1-D tensor up over the ranks, in place; all ranks hold the same bits afterwards."""
        ...

    def gather(self, flat: Tensor) -> Tensor:
        """The 1-D tensors of all ranks end to end, in the order of ranks; their lengths may differ."""
        ...

    def broadcast_(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite tensors with those of rank 0."""
        ...

    def barrier(self) -> None:
        """Wait for all ranks."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class Solo:
    """A group of one: nothing to say. The oracle of the others."""

    rank = 0
    size = 1
    local_rank = 0
    local_size = 1

    def sum_(self, flat: Tensor) -> None:
        pass

    def gather(self, flat: Tensor) -> Tensor:
        return flat

    def broadcast_(self, tensors: Sequence[Tensor]) -> None:
        pass

    def barrier(self) -> None:
        pass

    def close(self) -> None:
        pass


@contextmanager
def together(rank: int) -> Iterator[None]:
    """A failing collective as ResourceError R602: another rank is gone, which the launcher knows more about."""
    try:
        yield
    except RuntimeError as error:
        first = str(error).strip().split("\n")[0][:200]
        raise ResourceError(LOST, f"the other ranks are gone: {first}", f"rank {rank}") from error


def sum_floats(comm: Comm, values: Sequence[float]) -> list[float]:
    """Numbers added up over the ranks in float64."""
    flat = torch.tensor(list(values), dtype=torch.float64)
    comm.sum_(flat)
    return [float(v) for v in flat]


def broadcast_text(comm: Comm, text: str) -> str:
    """A text of rank 0, on all ranks; what the others pass is ignored."""
    data = torch.frombuffer(bytearray(text.encode() or b"\0"), dtype=torch.uint8)
    size = torch.tensor([len(data)])
    comm.broadcast_([size])
    # Ranks: only rank 0 has the text; the others make room for it.
    data = data if comm.rank == 0 else torch.zeros(int(size[0]), dtype=torch.uint8)
    comm.broadcast_([data])
    return bytes(data.tolist()).decode().rstrip("\0")
