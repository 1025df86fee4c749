"""Counts real next-item targets, and wall and CPU seconds, of a training loop; runs in any peer's environment."""

from __future__ import annotations

import argparse
import json
import resource
import time

#: How a Lightning trainer runs on one core and says nothing.
LIGHTNING = {"accelerator": "cpu", "devices": 1, "max_epochs": -1, "logger": False, "enable_checkpointing": False,
             "enable_progress_bar": False, "enable_model_summary": False}  # fmt: skip


class Meter:
    """Measures from the end of step `warm` until `seconds` later; the start and the first steps are left out."""

    def __init__(self, seconds: float, warm: int = 3) -> None:
        self.cap, self.warm = seconds, warm
        self.steps = self.positions = 0
        self.began = self.worked = self.seconds = self.cpu_seconds = 0.0

    def step(self, positions: int) -> bool:
        """A step ended that learned so many targets, padding not counted; True: enough."""
        self.steps += 1
        wall, cpu = time.perf_counter(), time.process_time()
        if self.steps <= self.warm:
            self.began, self.worked = wall, cpu
            return False
        self.positions += positions
        self.seconds, self.cpu_seconds = wall - self.began, cpu - self.worked
        return self.seconds >= self.cap

    def tell(self, **more: object) -> None:
        """Print the figures: one JSON object, the process's last line."""
        if not self.positions:
            raise SystemExit(f"no step after the first {self.warm}: {self.steps} in all")
        print(json.dumps({
            "positions_s": self.positions / self.seconds, "positions_cpu_s": self.positions / self.cpu_seconds,
            "positions": self.positions, "steps": self.steps - self.warm, "seconds": self.seconds,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, **more,
        }))  # fmt: skip


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """What every peer is told: where the events lie, and how long and how wide."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="a folder that prepare.py made")
    parser.add_argument("--seconds", type=float, default=75.0)
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--width", type=int, default=128)
    return parser
