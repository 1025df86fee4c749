"""Run a function on several ranks of this machine, in processes of their own."""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def together(size: int, function: str, folder: Path, *, kind: str = "torch", args: Any = None) -> list[Any]:
    """What `function` ("module:name", called with a Comm and, if given, args) returns on each rank."""
    call = [sys.executable, "-m", "tests.training.ranks", kind, function, str(folder), json.dumps(args)]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    if kind == "horovod":
        run = Path(sys.executable).with_name("horovodrun")
        whole = [sys.executable, str(run), "-np", str(size), "--gloo", "--network-interface", "lo", *call]
        done = subprocess.run(whole, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    else:
        port = str(free_port())
        ranks = [
            subprocess.Popen(call, cwd=ROOT, env=env | {"RANK": str(r), "WORLD_SIZE": str(size), "LOCAL_RANK": str(r),
                             "LOCAL_WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port},
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for r in range(size)
        ]  # fmt: skip
        said = [p.communicate(timeout=300)[0] for p in ranks]
        assert all(p.returncode == 0 for p in ranks), "\n".join(s[-3000:] for s in said)
    return [json.loads((folder / f"{r}.json").read_text()) for r in range(size)]


def main(kind: str, function: str, folder: str, args: str) -> None:
    import torch

    torch.set_num_threads(1)
    module, name = function.split(":")
    comm: Any
    if kind == "horovod":
        from lstmrec.training.horovod_comm import HorovodComm

        comm = HorovodComm()
    else:
        from lstmrec.training.torch_comm import TorchComm

        comm = TorchComm(timeout_s=60)
    values = json.loads(args)
    call = getattr(importlib.import_module(module), name)
    result = call(comm) if values is None else call(comm, values)
    Path(folder, f"{comm.rank}.json").write_text(json.dumps(result))
    comm.barrier()
    comm.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
