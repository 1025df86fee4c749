"""Ranks of one machine talk through memory that they share: no copies through sockets, no cycles to wait for."""

from __future__ import annotations

import mmap
import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from lstmrec.training.comm import Comm, broadcast_text, together

_SLOT = 1 << 21  # bytes of a rank's place in the memory: longer tensors are added up a piece at a time
_WAIT_S = 30.0  # for the others to come, right after a collective that all were in


class HostComm:
    """A `Comm` whose ranks all share this machine. Tensors on the CPU travel through memory, and are added up in the
    order of ranks, a part by each; those on GPUs go the way of `inner`.

    Memory: 2 MiB a rank, and 2 more. A rank that dies closes its socket, and the others get ResourceError R602 at once.
    """

    def __init__(self, inner: Comm, slots: mmap.mmap, sockets: Sequence[socket.socket]) -> None:
        self.inner, self._slots, self._sockets = inner, slots, sockets
        self.rank, self.size = inner.rank, inner.size
        self.local_rank, self.local_size = inner.local_rank, inner.local_size

    def sum_(self, flat: Tensor) -> None:
        if flat.is_cuda:
            self.inner.sum_(flat)
            return
        with together(self.rank):
            for part in _pieces(flat):
                *each, whole = (self._slot(at, part) for at in range(self.size + 1))
                each[self.rank].copy_(part)
                self._wait()
                mine = slice(len(part) * self.rank // self.size, len(part) * (self.rank + 1) // self.size)
                torch.add(each[0][mine], each[1][mine], out=whole[mine])
                for other in each[2:]:
                    whole[mine].add_(other[mine])
                self._wait()
                # Nobody writes to `whole` again before all have read it and wait for the next piece.
                part.copy_(whole)

    def gather(self, flat: Tensor) -> Tensor:
        if flat.is_cuda:
            return self.inner.gather(flat)
        sizes = torch.zeros(self.size, dtype=torch.int64)
        sizes[self.rank] = len(flat)
        self.sum_(sizes)
        parts = [flat.new_empty(n) for n in sizes.tolist()]
        longest, step = int(sizes.max()), _SLOT // flat.element_size()
        with together(self.rank):
            for at in range(0, longest, step):
                # Ranks: who has no more to say waits with the others all the same.
                if len(mine := flat[at : at + step]):
                    self._slot(self.rank, mine).copy_(mine)
                self._wait()
                for other, whole in enumerate(parts):
                    if len(theirs := whole[at : at + step]):
                        theirs.copy_(self._slot(other, theirs))
                self._wait()
        return torch.cat(parts)

    def broadcast_(self, tensors: Sequence[Tensor]) -> None:
        self.inner.broadcast_([t for t in tensors if t.is_cuda])
        with together(self.rank):
            for part in (p for t in tensors if not t.is_cuda for p in _pieces(t.view(-1))):
                # Ranks: one writes, the others read.
                if self.rank == 0:
                    self._slot(0, part).copy_(part)
                self._wait()
                part.copy_(self._slot(0, part))
                self._wait()

    def barrier(self) -> None:
        with together(self.rank):
            self._wait()

    def _slot(self, at: int, like: Tensor) -> Tensor:
        """The memory of a rank (the last: of what all read), as so many numbers of that kind."""
        return torch.frombuffer(self._slots, dtype=like.dtype, count=len(like), offset=at * _SLOT)

    def _wait(self) -> None:
        """Until all ranks are here: each tells rank 0, which tells each. What they wrote before can be read after."""
        try:
            if self.rank == 0:
                self._hear()
            for s in self._sockets:
                s.sendall(b"\0")
            if self.rank:
                self._hear()
        except OSError as error:
            raise RuntimeError(f"no answer through the memory they share: {error}") from error

    def _hear(self) -> None:
        for s in self._sockets:
            if not s.recv(1):
                raise ConnectionResetError("closed")

    def close(self) -> None:
        for s in self._sockets:
            s.close()
        self.inner.close()


def shared(comm: Comm) -> Comm:
    """The same group, talking in memory where all its ranks share it; else `comm` itself. A collective."""
    if comm.size == 1 or comm.local_size != comm.size or not hasattr(os, "posix_fallocate"):
        return comm
    # Ranks: one makes the place, the others find it; containers may share a machine and no folder.
    folder = ""
    if comm.rank == 0:
        with suppress(OSError):
            folder = tempfile.mkdtemp(prefix="lstmrec-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    listener = _listen(folder, comm.size) if folder else None
    folder = broadcast_text(comm, folder if listener else "-")
    slots, sockets = None, list[socket.socket]()
    with suppress(OSError):
        slots = _mapped(Path(folder, "slots"))
        sockets = _met(folder, listener, comm)
    if listener is not None:
        listener.close()
    there = torch.tensor([int(slots is not None and bool(sockets))])
    comm.sum_(there)
    # Ranks: all were here, so nobody needs the names any more; what is mapped and connected stays.
    if comm.rank == 0 and folder != "-":
        shutil.rmtree(folder, ignore_errors=True)
    if slots is None or int(there) != comm.size:
        for s in sockets:
            s.close()
        if comm.rank == 0:
            room = (comm.size + 1) * _SLOT >> 20
            warnings.warn("ranks of this machine share no memory, and sums take longer: is there room for "
                          f"{room} MiB in /dev/shm, the same for all?", stacklevel=2)  # fmt: skip
        return comm
    return HostComm(comm, slots, sockets)


def _listen(folder: str, ranks: int) -> socket.socket | None:
    """Make the memory and the door to it in a new folder; None where there is no room."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        with open(Path(folder, "slots"), "wb") as file:
            os.posix_fallocate(file.fileno(), 0, (ranks + 1) * _SLOT)  # a small /dev/shm says so now, not by SIGBUS
        listener.bind(str(Path(folder, "door")))
        listener.listen(ranks)
        listener.settimeout(_WAIT_S)
    except OSError:
        listener.close()
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return listener


def _mapped(path: Path) -> mmap.mmap:
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def _met(folder: str, listener: socket.socket | None, comm: Comm) -> list[socket.socket]:
    """Rank 0: a socket to each of the others; the others: one to rank 0."""
    if listener is not None:
        return [listener.accept()[0] for _ in range(comm.size - 1)]
    door = socket.socket(socket.AF_UNIX)
    try:
        door.connect(str(Path(folder, "door")))
    except OSError:
        door.close()
        raise
    return [door]


def _pieces(flat: Tensor) -> Iterator[Tensor]:
    """What fits into a slot, from a 1-D tensor; nothing of an empty one."""
    for at in range(0, len(flat), step := _SLOT // flat.element_size()):
        yield flat[at : at + step]
