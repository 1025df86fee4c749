"""The files of a bundle of minor 0.1, from numbers that a hash draws: no trained weights are kept in git, and none are
needed to know whether a bundle of before is still read. Format 0.1: `model.json` is the spec as sorted JSON, indent 1;
`weights.safetensors` every tensor of it, float32, by name."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path

WEIGHTS = "weights.safetensors"


def numbers(name: str, count: int) -> bytes:
    """float32 in [-0.5, 0.5), the same on every machine: no library's generator has a say in them."""
    drawn = hashlib.shake_256(name.encode()).digest(2 * count)
    return struct.pack(f"<{count}f", *(n / 65536 - 0.5 for n in struct.unpack(f"<{count}H", drawn)))


def write(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """A file of the format safetensors, by hand: the length of a JSON header, the header, the numbers."""
    header: dict[str, object] = {}
    parts, at = [], 0
    for name in sorted(shapes):
        parts.append(numbers(name, math.prod(shapes[name])))
        header[name] = {"dtype": "F32", "shape": list(shapes[name]), "data_offsets": [at, at + len(parts[-1])]}
        at += len(parts[-1])
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
