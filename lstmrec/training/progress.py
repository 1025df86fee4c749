"""What rank 0 says while it trains: a line every 30 s, or one line kept fresh on a terminal."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from lstmrec.said import span


class Progress:
    """Lines about the run so far; silent on other ranks than 0."""

    def __init__(self, rank: int, epochs: int, out: TextIO | None = None, every_s: float = 30.0) -> None:
        self.out, self.silent, self.epochs = out or sys.stdout, rank != 0, epochs
        self.live = self.out.isatty()
        self.every_s = 1.0 if self.live else every_s
        self._last = time.monotonic()

    def step(
        self, epoch: int, step: int, steps: int, loss: float, positions: int, seconds: float, starved: float
    ) -> None:
        """Within an epoch: steps done of it, summed loss over positions, seconds of the epoch, seconds starved."""
        now = time.monotonic()
        if self.silent or now - self._last < self.every_s:
            return
        self._last = now
        left = seconds / max(step, 1) * (steps * (self.epochs - epoch) - step)
        self._say(f"epoch {epoch + 1}/{self.epochs} · step {step}/{steps} · {positions / max(seconds, 1e-9):,.0f} "
                  f"positions/s · loss {loss / max(positions, 1):.4f} · starved {starved / max(seconds, 1e-9):.1%} · "
                  f"at most {span(left)} left", fresh=self.live)  # fmt: skip

    def epoch(self, row: dict[str, float | int | None], best: bool) -> None:
        """At an epoch's end: its row of the log."""
        if self.silent:
            return
        judged = "" if row["ndcg_10"] is None else f" · ndcg@10 {row['ndcg_10']:.4f}{' best' if best else ''}"
        self._say(f"epoch {row['epoch']}/{self.epochs} · loss {row['loss']:.4f}{judged} · {row['positions_s']:,.0f} "
                  f"positions/s · starved {row['starved']:.1%} · {span(float(row['seconds'] or 0))}")  # fmt: skip

    def say(self, text: str) -> None:
        """Anything else worth a line."""
        if not self.silent:
            self._say(text)

    def _say(self, text: str, fresh: bool = False) -> None:
        start = "\r\x1b[2K" if self.live else ""
        print(f"{start}train  {text}", end="" if fresh else "\n", file=self.out, flush=True)
