"""The bare limit: LSTM, GEMM and top-K of the same net in plain torch, the users in memory, no Spark, no filter.

    python with_torch.py ROOT [--batch 256] [--k 10] [--seconds 20]

One thread. A top-K of each block of items and then of these, which is as fast as torch has it here: one block of all
items is slower (its scores leave the caches). User and item vectors are the very ones of ours.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from lstmrec.contracts import tables
from lstmrec.model.build import load


class Bare:
    """What any implementation has to compute; seconds by part."""

    def __init__(self, root: Path, k: int, block: int) -> None:
        found = pq.read_table(next((root / "item_vectors").glob("*/data")))
        self.vectors = torch.zeros(len(found) + 2, len(found["vector"][0]))
        flat = found["vector"].combine_chunks().flatten().to_numpy().copy()
        at = torch.from_numpy(found["item"].to_numpy().astype(np.int64))
        self.vectors[at] = torch.from_numpy(flat.reshape(len(found), -1))
        self.bias = torch.zeros(len(self.vectors))
        self.bias[at] = torch.from_numpy(found["bias"].to_numpy().copy())
        tower = load(str(next(p for p in (root / "bundle").iterdir() if p.name != "_names"))).user
        self.lstm, self.norm, self.head, self.last = (
            tower.layers[0].lstm, tower.layers[0].norm, tower.head, tower.norm)  # fmt: skip
        self.k, self.block = k, block
        self.parts = dict.fromkeys(("lstm", "gemm", "top_k"), 0.0)

    def __call__(self, items: Tensor) -> tuple[Tensor, Tensor]:
        start = time.perf_counter()
        x = self.vectors[items]
        hidden = self.norm(self.lstm(x)[0][:, -1])
        query = self.last(self.head(hidden) + x[:, -1])
        self.parts["lstm"] += time.perf_counter() - start
        best, at = query[:, :0], items[:, :0]
        for low in range(0, len(self.vectors), self.block):
            start = time.perf_counter()
            scores = torch.addmm(self.bias[low : low + self.block], query, self.vectors[low : low + self.block].T)
            middle = time.perf_counter()
            top, where = scores.topk(min(self.k, scores.shape[1]), dim=1)
            if low:
                top, which = torch.cat([best, top], 1).topk(self.k, dim=1)
                where = torch.cat([at, where + low], 1).gather(1, which)
            best, at = top, where
            self.parts["gemm"] += middle - start
            self.parts["top_k"] += time.perf_counter() - middle
        return at, best


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    for name, value in (("batch", 256), ("k", 10), ("block", 4096)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seconds", type=float, default=20.0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    bare = Bare(args.root, args.k, args.block)
    lines = []
    for path in sorted((args.root / tables.SEQUENCES.name).glob("*/data/**/*.parquet"))[:8]:
        column = pq.read_table(path, columns=["items"], partitioning=None)["items"].combine_chunks()
        lines.append(column.flatten().to_numpy().reshape(len(column), -1))
    items = torch.from_numpy(np.concatenate(lines).astype(np.int64))
    batches = [b for b in items.split(args.batch) if len(b) == args.batch] or [items]
    bare(batches[0])
    bare.parts = dict.fromkeys(bare.parts, 0.0)
    users, began, worked = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < args.seconds:
        batch = batches[users // args.batch % len(batches)]
        bare(batch)
        users += len(batch)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    parts = {name: value / seconds for name, value in bare.parts.items()}
    print(json.dumps({"users_s": users / seconds, "users_cpu_s": users / cpu, "users": users, "seconds": seconds,
                      "items": len(bare.vectors) - 2, "parts": parts, "version": torch.__version__}))  # fmt: skip


if __name__ == "__main__":
    main()
