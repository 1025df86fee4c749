"""A large catalogue under sampled softmax: rows updated lazily against the dense path, on ranks of this machine.

    python scripts/bench/large_catalogue.py [--items 1000000] [--ranks 2] [--modes on,off] [--quick] [--json PATH]

Files as s5 writes them, items by a Zipf law; the trainer's own plan, arrow reader and step (Gloo between ranks), no
validation, no checkpoints. Bytes a step are what one rank hands to the collectives. Positions/s are of the
median step, after three that warm up; `settle_s` is what catching all rows up takes, once an epoch or 1,024 steps.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstmrec.contracts.manifest import DataFile

_WARM = 3
_SHARDS = 8


def write(folder: Path, args: argparse.Namespace) -> list[DataFile]:
    """Train windows of full length, `steps` batches in all, one file a virtual shard."""
    rng = np.random.default_rng(0)
    rows = (args.steps + _WARM) * args.batch // _SHARDS
    share = 1.0 / (np.arange(args.items) + 30.0)
    reach = np.cumsum(share / share.sum())
    listed = []
    for number in range(_SHARDS):
        drawn = 2 + np.searchsorted(reach, rng.random((rows, args.length + 1))).clip(max=args.items - 1)
        width = {"items": drawn[:, :-1], "types": np.full((rows, args.length), 2), "ends": np.ones((rows, args.length)),
                 "times": np.zeros((rows, args.length)), "after_items": drawn[:, -1:], "after_ends": np.ones((rows, 1)),
                 "after_times": np.zeros((rows, 1))}  # fmt: skip
        width |= {k: np.zeros((rows, 0)) for k in ("before_items", "before_counts", "before_times", "static")}
        table = {k: lists(v, pa.int64()) for k, v in width.items()}
        table |= {k: lists(np.zeros((rows, 0)), pa.float32()) for k in ("before_decayed", "profile")}
        one = {"user": rng.integers(0, 2**62, rows), "n": np.full(rows, args.length), "n_after": np.ones(rows, int),
               "n_before": np.zeros(rows, int), "cut": np.zeros(rows, int)}  # fmt: skip
        path = f"role=train/phase=0/length={args.length}/before=0/after=1/file={number}/part-0.parquet"
        target = folder / path
        target.parent.mkdir(parents=True)
        pq.write_table(pa.table(table | {k: pa.array(v) for k, v in one.items()}), target, write_page_checksum=True)
        listed.append(DataFile(path, rows, target.stat().st_size))
    return listed


def lists(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    offsets = pa.array(np.arange(len(values) + 1, dtype=np.int32) * values.shape[1])
    return pa.ListArray.from_arrays(offsets, pa.array(values.reshape(-1)).cast(kind))


def rank(args: argparse.Namespace, mode: str, folder: str) -> None:
    """One rank: train on the files, and leave what was measured in FOLDER/rank-N.json."""
    import torch

    from lstmrec.config.train import TrainConfig
    from lstmrec.model.batch import Catalogue
    from lstmrec.model.build import build
    from lstmrec.model.loss import loss
    from lstmrec.model.spec import NetSpec
    from lstmrec.training.arrow_feed import ArrowFeed
    from lstmrec.training.batches import portions
    from lstmrec.training.host_comm import shared
    from lstmrec.training.plan import make_plan, shards_of
    from lstmrec.training.step import Learner
    from lstmrec.training.torch_comm import TorchComm

    torch.set_num_threads(1)
    comm = shared(TorchComm())
    listed = [DataFile(**f) for f in json.loads(Path(folder, "files.json").read_text())]
    plan = make_plan(listed, seed=1, epoch=0, shards=_SHARDS, batch=args.batch)
    item, none = np.arange(2, args.items + 2), np.zeros((args.items, 0))
    counts = (1e8 / (np.arange(args.items) + 30.0)).astype(np.int64)
    catalogue = Catalogue.of({"item": item, "id": item, "count": counts, "tags": none, "text": none, "numeric": none})
    net = build(NetSpec(dim=args.dim, units=args.units, trained=args.items + 2, types=3, history="ignore",
                        input_dropout=0.2, hidden_dropout=0.3), 1)  # fmt: skip
    conf = TrainConfig(loss="sampled", negatives=args.negatives, batch=args.batch, sparse_rows=mode, ema=args.ema)

    def loss_of(batch: Any, key: Any) -> Any:
        return loss(net, batch, catalogue, key, kind="sampled", negatives=args.negatives)

    learner = Learner(net, loss_of, conf, comm, seed=1)
    seconds, done = [], []
    mine = shards_of(comm.rank, comm.size, _SHARDS)
    for portion in portions(plan, ArrowFeed(comm.rank), folder, mine, rank=comm.rank, seed=1, epoch=0):
        comm.barrier()
        start = time.perf_counter()
        done.append(learner.step(portion, portion.step, portion.step / len(plan)))
        seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    _ = learner.ema
    settle = time.perf_counter() - start
    step = statistics.median(seconds[_WARM:])
    print_out = {
        "bytes_step": 4 * round(statistics.mean(d.sent for d in done)), "seconds_step": step,
        "positions_s": done[-1].positions / step, "first_loss": done[0].loss / done[0].positions,
        "last_loss": done[-1].loss / done[-1].positions, "settle_s": settle, "steps": len(done),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "print": float(sum(p.detach().double().sum() for p in net.parameters())),
    }  # fmt: skip
    Path(folder, f"rank-{comm.rank}.json").write_text(json.dumps(print_out))
    comm.barrier()
    comm.close()


def measure(args: argparse.Namespace, mode: str, folder: Path) -> dict[str, Any]:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
    size = str(args.ranks)
    env = os.environ | {"WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
                        "OMP_NUM_THREADS": "1"}  # fmt: skip
    call = [sys.executable, *sys.argv, "--rank", mode, str(folder)]
    ranks = [subprocess.Popen(call, env=env | {"RANK": str(r), "LOCAL_RANK": str(r)}) for r in range(args.ranks)]
    if any([p.wait() for p in ranks]):
        raise SystemExit(f"a rank failed, sparse_rows={mode}")
    told = [json.loads((folder / f"rank-{r}.json").read_text()) for r in range(args.ranks)]
    if len({t["print"] for t in told}) > 1:
        raise SystemExit(f"the ranks differ, sparse_rows={mode}")
    return {**told[0], "rss_mb": max(t["rss_mb"] for t in told)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("items", 1_000_000), ("dim", 128), ("units", 256), ("ranks", 2), ("steps", 20), ("batch", 32),
                        ("length", 200), ("negatives", 4096)):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--ema", type=float, default=0.0)
    parser.add_argument("--modes", default="on,off", help="values of train.sparse_rows, one after the other")
    parser.add_argument("--quick", action="store_true", help="20,000 items, 4 steps")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rank", nargs=2, metavar=("MODE", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.quick:
        args.items, args.steps = 20_000, 4
    if args.rank:
        return rank(args, *args.rank)
    out: dict[str, Any] = {
        k: getattr(args, k) for k in ("items", "dim", "ranks", "batch", "length", "negatives", "ema")
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        listed = [f.__dict__ for f in write(folder, args)]
        (folder / "files.json").write_text(json.dumps(listed))
        for mode in args.modes.split(","):
            out[mode] = got = measure(args, mode, folder)
            print(f"sparse_rows {mode}: {got['bytes_step'] / 1e6:,.1f} MB a step and rank · {got['positions_s']:,.0f} "
                  f"positions/s · {got['seconds_step']:.2f} s a step · settle {got['settle_s']:.1f} s · "
                  f"{got['rss_mb']:,.0f} MB a rank · "
                  f"loss {got['first_loss']:.3f} -> {got['last_loss']:.3f}")  # fmt: skip
    if args.json:
        args.json.write_text(json.dumps(out))
    print(json.dumps(out))


if __name__ == "__main__":
    main()
