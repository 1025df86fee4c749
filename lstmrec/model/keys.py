"""Random numbers that belong to a row, not to a process: keyed by (seed, step, virtual shard, name)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

_EVERYONE = -1  # the "shard" of what all shards share


@dataclass(frozen=True)
class Key:
    """What one step draws from. segments: (virtual shard, rows) in the order of the batch's rows.

    A row's draws depend on (seed, step, its shard, its place in the shard, name) only: neither on which other shards
    are in the batch nor, for the first entries, on how wide the draw is (a longer batch mate changes nothing).
    """

    seed: int
    step: int
    segments: tuple[tuple[int, int], ...]

    def uniform(self, name: str, tail: tuple[int, ...], device: torch.device | str = "cpu") -> Tensor:
        """(rows, *tail) float32 in [0, 1)."""
        # Rows run fastest: a draw of (20, rows) starts with the draw of (10, rows).
        parts = [
            torch.rand((*tail, rows), generator=self._generator(shard, name)).movedim(-1, 0)
            for shard, rows in self.segments
        ]
        return (torch.cat(parts) if parts else torch.zeros((0, *tail))).contiguous().to(device)

    def mask(self, name: str, tail: tuple[int, ...], p: float, device: torch.device | str = "cpu") -> Tensor:
        """(rows, *tail) float32 dropout mask: 0 with probability p, else 1 / (1 - p)."""
        return (self.uniform(name, tail, device) >= p).float() / (1.0 - p)

    def shared(self, name: str, n: int, device: torch.device | str = "cpu") -> Tensor:
        """(n,) float32 in [0, 1), the same for every shard of the step."""
        return torch.rand(n, generator=self._generator(_EVERYONE, name)).to(device)

    def _generator(self, shard: int, name: str) -> torch.Generator:
        text = f"{self.seed}/{self.step}/{shard}/{name}"
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
