"""Wall and CPU seconds of a process and of what it started; runs in any peer's environment. Linux only."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def family(pid: int | None = None) -> list[int]:
    """This process (or another) and all below it."""
    mine = [pid or os.getpid()]
    for task in Path(f"/proc/{mine[0]}/task").glob("*/children"):
        try:
            mine += [p for child in task.read_text().split() for p in family(int(child))]
        except OSError:  # ended meanwhile
            continue
    return mine


def _stat(pid: int) -> tuple[str, list[str]]:
    """A process's name, and what /proc says of it from its state on; nothing where it has ended."""
    try:
        name, rest = Path(f"/proc/{pid}/stat").read_text().split("(", 1)[1].rsplit(")", 1)
    except OSError:
        return "", []
    return name, rest.split()


def cpu() -> dict[str, float]:
    """CPU seconds by program name (`java`, `python`), those of ended children included."""
    out: dict[str, float] = {}
    for pid in family():
        name, fields = _stat(pid)
        if fields:
            kind = "java" if name == "java" else "python"
            out[kind] = out.get(kind, 0.0) + sum(map(int, fields[11:15])) / _TICK
    return out


def anonymous(pids: list[int]) -> int:
    """Resident bytes of the largest of some Python processes that are its own: mapped files are not counted."""
    most = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            continue
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        if fields["Name"].strip() != "java":
            most = max(most, int(fields.get("RssAnon", "0 kB").split()[0]) * 1024)
    return most


class Tally:
    """CPU seconds of this process and all below it since the tally was made. Looked at twice a second: Spark's Python
    workers end when they are idle, and their daemon waits for none, so that no other process accounts for them."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], int] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()
        self._began = self._look()

    def seconds(self) -> float:
        return (self._look() - self._began) / _TICK

    def _look(self) -> int:
        with self._lock:
            for pid in family():
                _, fields = _stat(pid)
                if fields:  # else it ended meanwhile: what it was seen with last stays
                    self._known[pid, fields[19]] = int(fields[11]) + int(fields[12])  # fields[19]: when it began
            return sum(self._known.values())

    def _watch(self) -> None:
        while True:
            time.sleep(0.5)
            self._look()


class Clock:
    """Runs from its making to `tell`."""

    def __init__(self) -> None:
        self.worked, self.began = cpu(), time.perf_counter()

    def tell(self, users: int, items: int, **more: object) -> None:
        """Print the figures of `users` lists over `items`: one JSON object, the process's last line."""
        seconds, worked = time.perf_counter() - self.began, cpu()
        used = {name: round(value - self.worked.get(name, 0.0), 3) for name, value in worked.items()}
        print(json.dumps({"users_s": users / seconds, "users_cpu_s": users / sum(used.values()), "users": users,
                          "items": items, "seconds": seconds, "cpu_seconds": used, **more}))  # fmt: skip
