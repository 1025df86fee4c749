"""Runs killed at random moments of every job: readers see what was live, and in the end every table is as if nothing
had happened. LSTMREC_KILLS says how many (`make test-faults`: 40), LSTMREC_KILLS_SEED when."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lstmrec.cli.run import JOBS
from tests.faults import kills
from tests.faults.tally import Tally
from tests.road import small

KILLS, SEED = int(os.environ.get("LSTMREC_KILLS", "3")), int(os.environ.get("LSTMREC_KILLS_SEED", "1"))
VICTIMS = ("driver", "driver", "driver", "JVM", "Python worker", "SIGTERM")


def undisturbed(conf: Path, log: Path) -> kills.Run:
    run = kills.Run(conf, log)
    run.wait(lambda: run.jobs_done() == len(JOBS))
    run.process.wait()
    assert run.process.returncode == 0, log.read_text()[-3000:]
    assert run.jobs_done() == len(JOBS) and not run.ended()
    return run


def killed(run: kills.Run, number: int, delay: float, victim: str, root: Path, tally: Tally) -> None:
    """Kill it `delay` seconds into its job of that number, see how it ends and what readers see."""
    run.wait(lambda: run.jobs_done() >= number)
    until = time.monotonic() + delay
    run.wait(lambda: time.monotonic() >= until or run.jobs_done() > number)
    if run.process.poll() is not None:
        return
    job = JOBS[min(run.jobs_done(), len(JOBS) - 1)]
    was = run.kill(victim)
    if was == "Python worker":  # Spark starts another and tries again: the run may live
        at = run.jobs_done()
        run.wait(lambda: run.jobs_done() > at)
        if run.process.poll() is None:
            tally.count(f"kill -9: {was}")
            was = run.kill("driver")
    wrong = run.ended()
    if was == "SIGTERM":
        ended = run.process.returncode == 143 and not kills.leftovers(root)
        wrong = wrong or ("" if ended else f"exit {run.process.returncode}, left: {kills.leftovers(root)[:3]}")
    wrong = wrong or ", ".join(kills.unreadable(root))
    print(f"{was} killed in {job} after {delay:.1f} s, exit {run.process.returncode}", flush=True)
    tally.count("SIGTERM" if was == "SIGTERM" else f"kill -9: {was}", wrong and f"in {job}: {wrong}")


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_runs_killed_at_random_moments(tmp_path: Path, record_property: Callable[[str, Any], None]) -> None:
    source, root, straight = tmp_path / "source", tmp_path / "run", tmp_path / "straight"
    small.write(source)
    undisturbed(kills.config(tmp_path, root, source, "2020-07-01T00:00:00Z"), tmp_path / "first.log")
    old = kills.live(root)
    shutil.copytree(root, straight)
    took = undisturbed(kills.config(tmp_path, straight, source, "2020-07-02T00:00:00Z"), tmp_path / "log").seconds()
    assert " skip " not in (tmp_path / "log").read_text()
    conf, rng, tally = kills.config(tmp_path, root, source, "2020-07-02T00:00:00Z"), random.Random(SEED), Tally()
    for n in range(KILLS):
        number = n * len(JOBS) // KILLS if len(JOBS) <= KILLS else sorted(rng.sample(range(len(JOBS)), KILLS))[n]
        # A run that goes on starts Spark first, which the first job's time tells of.
        delay = rng.random() * (took[number] + (took[0] if number else 0))
        run = kills.Run(conf, tmp_path / f"{n}.log")
        killed(run, number, delay, rng.choice(VICTIMS), root, tally)
        assert kills.live(root) == old or run.process.returncode == 0
    undisturbed(conf, tmp_path / "last.log")
    assert kills.fingerprints(root) == kills.fingerprints(straight)
    assert kills.live(root) != old and not kills.unreadable(root)
    tally.told(record_property)
