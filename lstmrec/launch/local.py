"""Ranks on this machine for `train.comm: torch`: started here, ended together."""

from __future__ import annotations

import contextlib
import queue
import socket
import subprocess
import threading

from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError
from lstmrec.launch import processes

_ECHO_S = 2.0


def run(conf: Config, work: str) -> None:
    """Start `train.ranks` processes and wait; see `start.start` for what it raises."""
    if conf.train.hosts:
        raise ConfigError("C641", "train.comm: torch starts ranks on this machine only", "train.hosts",
                          "--set train.comm=horovod, or leave train.hosts out")  # fmt: skip
    size = conf.train.ranks
    attempt, path = processes.new_attempt(conf, work)
    shared = {"WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1",
              "MASTER_PORT": str(_free_port())}  # fmt: skip
    if conf.train.network:
        shared["GLOO_SOCKET_IFNAME"] = conf.train.network
    ranks: list[subprocess.Popen[str]] = []
    ended: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
    with processes.terminable():
        try:
            for rank in range(size):
                env = processes.environment(shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
                ranks.append(processes.spawn(processes.command(path, work, attempt), env))
                threading.Thread(target=_relay, args=(ranks[-1], rank, ended), daemon=True).start()
            codes: dict[int, int] = {}
            while len(codes) < size and not any(codes.values()):
                codes.update([ended.get()])
            if any(codes.values()):
                with contextlib.suppress(queue.Empty):  # who follows a dead rank down may be the first we hear of
                    while len(codes) < size:
                        codes.update([ended.get(timeout=_ECHO_S)])
                failed = [(rank, code) for rank, code in codes.items() if code]
                raise processes.failure(attempt, sorted(failed, key=lambda rank_code: rank_code[1]))
        finally:
            processes.stop(ranks)


def _relay(process: subprocess.Popen[str], rank: int, ended: queue.SimpleQueue[tuple[int, int]]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        print(line.rstrip("\n") if rank == 0 else f"rank {rank}: {line.rstrip()}", flush=True)
    ended.put((rank, process.wait()))


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
