"""Jobs beside the road, each by a verb of its own: what they need, `lstmrec run` has made."""

from __future__ import annotations

import importlib
import time
from typing import Any

from rich.console import Console

from lstmrec.cli.local_spark import Sessions
from lstmrec.cli.lock import locked
from lstmrec.cli.run import heartbeat, say
from lstmrec.config.run import Config

JOBS = ("label", "candidates")


def walk(conf: Config, name: str, force: bool, console: Console) -> Any:
    """Run or skip one of them, one line; its `door.Outcome`. Spark starts if it must run."""
    from lstmrec.store import door

    job: Any = importlib.import_module(f"lstmrec.jobs.{name}")
    with locked(conf.root, name), Sessions() as sessions:
        begun = time.monotonic()
        already = None if force else door.done(job, conf)
        if already is not None:
            outcome = door.Outcome("skip", already, time.monotonic() - begun)
        else:
            with heartbeat(console, f"{name:<10}"):
                outcome = door.walk(job, conf, spark=sessions.get(), force=True)
        say(console, door.line(name, outcome))
        return outcome
