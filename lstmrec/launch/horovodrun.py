"""Ranks by a static `horovodrun --gloo`: on this machine, or on those of `train.hosts` through ssh."""

from __future__ import annotations

import importlib.util
import re
import sys

from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError, ResourceError
from lstmrec.launch import processes

# Horovod pastes these into command lines of a shell.
_HOSTS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*:[0-9]+(,[A-Za-z0-9][A-Za-z0-9_.-]*:[0-9]+)*")
_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(,[A-Za-z0-9][A-Za-z0-9_.-]*)*")
_OUTPUT = re.compile(r"\[(\d+)\]<(stdout|stderr)>: ?(.*)")
_ENDED = re.compile(r"Process (\d+) exit with status code (-?\d+)\.")


def arguments(conf: Config) -> list[str]:
    """The argument list of horovodrun, up to the command; ConfigError C642 for hosts or a network it cannot take."""
    t = conf.train
    if t.hosts and not _HOSTS.fullmatch(t.hosts):
        raise ConfigError("C642", f"train.hosts {t.hosts!r} is not HOST:SLOTS,...", hint="for example a:4,b:4")
    if t.network and not _NETWORK.fullmatch(t.network):
        raise ConfigError("C642", f"train.network {t.network!r} is no name of an interface", hint="for example eth0")
    network = t.network or (None if t.hosts else "lo")
    stall = max(1, round(t.stall_s))
    return [
        sys.executable, "-m", "horovod.runner.launch", "--gloo", "-np", str(t.ranks),
        *(["-H", t.hosts] if t.hosts else []),
        *(["--network-interfaces", network] if network else []),
        "--stall-check-warning-time-seconds", str(max(1, stall // 2)),
        "--stall-check-shutdown-time-seconds", str(stall),
    ]  # fmt: skip


def run(conf: Config, work: str) -> None:
    """Start the ranks and wait; see `start.start` for what it raises. ResourceError R601 without Horovod."""
    before = arguments(conf)
    if importlib.util.find_spec("horovod") is None:
        raise ResourceError("R601", "Horovod is not installed", "train.launch: horovodrun",
                            "scripts/setup.sh builds it; or --set train.launch=solo, train.comm=torch")  # fmt: skip
    attempt, path = processes.new_attempt(conf, work)
    env = processes.environment({"HOROVOD_FUSION_THRESHOLD": "0"})
    ended: list[tuple[int, int]] = []
    with processes.terminable():
        process = processes.spawn([*before, *processes.command(path, work, attempt)], env)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := _ENDED.search(line):
                    ended.append((int(found[1]), int(found[2])))
                _relay(line.rstrip("\n"))
            code = process.wait()
        finally:
            processes.stop([process])
    if code:
        raise processes.failure(attempt, ended)


def _relay(line: str) -> None:
    """What a rank says, without Horovod's prefix; what Horovod says itself is for `failure`."""
    if found := _OUTPUT.match(line):
        print(found[3] if found[1] == "0" else f"rank {found[1]}: {found[3]}", flush=True)
