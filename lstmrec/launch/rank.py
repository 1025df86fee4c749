"""One rank, in a process of its own: `python -m lstmrec.launch.rank --conf FILE --work FOLDER --attempt FOLDER`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from lstmrec import files
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts.errors import LstmrecError
from lstmrec.training.comm import Comm
from lstmrec.training.feed import Feed
from lstmrec.training.host_comm import shared
from lstmrec.training.loop import train


def feed_of(conf: Config, rank: int) -> Feed:
    """The reader that `train.reader` names."""
    if conf.train.reader == "petastorm":
        from lstmrec.training.petastorm_feed import PetastormFeed

        return PetastormFeed(rank=rank)
    from lstmrec.training.arrow_feed import ArrowFeed

    return ArrowFeed(rank=rank)


def comm_of(conf: Config) -> Comm:
    """The ranks this process was started among, by `train.comm`."""
    if conf.train.comm == "horovod":
        from lstmrec.training.horovod_comm import HorovodComm

        return HorovodComm()
    import torch

    from lstmrec.training.torch_comm import TorchComm

    nccl = conf.train.device != "cpu" and torch.cuda.is_available()
    return TorchComm(nccl=nccl, timeout_s=conf.train.stall_s)


def run_rank(conf: Config, work: str, attempt: str) -> None:
    """Train as one of the ranks. On an error it leaves a note in `attempt` for the launcher and ends the process."""
    try:
        comm = shared(comm_of(conf))
        train(conf, comm, feed_of(conf, comm.rank), work)
        comm.close()
    except Exception as error:
        _leave(error, attempt)


def _leave(error: Exception, attempt: str) -> NoReturn:
    rank = os.environ.get("HOROVOD_RANK") or os.environ.get("RANK") or "0"
    note = {"kind": type(error).__name__, "args": [f"{type(error).__name__}: {error}"]}
    code = 1
    if isinstance(error, LstmrecError):
        note["args"] = [error.code, error.what, error.where, error.hint]
        code = error.exit_code
    else:
        traceback.print_exc()
    files.create(files.join(attempt, f"rank-{rank}.json"), json.dumps(note).encode())
    sys.stdout.flush()
    sys.stderr.flush()
    # Ranks: a tidy exit would wait for the others, who wait for us in a collective; the launcher ends them.
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> None:
    """See the module; the conf file is the whole config as JSON."""
    parser = argparse.ArgumentParser(prog="lstmrec.launch.rank")
    for name in ("--conf", "--work", "--attempt"):
        parser.add_argument(name, required=True)
    args = parser.parse_args(argv)
    run_rank(validate(json.loads(files.read_text(args.conf)), args.conf), args.work, args.attempt)


if __name__ == "__main__":
    main()
