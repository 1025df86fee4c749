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
#: Whom a kill is for, in turn; in s6 also those who train. Where there is none of a kind, the driver is hit.
VICTIMS = ("driver", "JVM", "Python worker", "SIGTERM", "driver")
TRAINERS = ("rank", "launcher", "driver", "rank", "SIGTERM")


def undisturbed(conf: Path, log: Path, first: str = JOBS[0], last: str = JOBS[-1]) -> kills.Run:
    """Walk the jobs from first to last; those that are done are skipped."""
    run = kills.Run(conf, log, "--from", first, "--to", last)
    many = JOBS.index(last) - JOBS.index(first) + 1
    run.wait(lambda: run.jobs_done() == many)
    run.process.wait()
    assert run.process.returncode == 0, log.read_text()[-3000:]
    assert run.jobs_done() == many and not run.ended()
    return run


def killed(run: kills.Run, job: str, delay: float, victim: str, root: Path, tally: Tally) -> bool:
    """Kill it `delay` seconds after its start, see how it ends and what readers see; False where it was over before."""
    until = time.monotonic() + delay
    stood = {*kills.leftovers(root)}  # what `prune` takes away: a process killed outright cannot
    run.wait(lambda: time.monotonic() >= until or run.jobs_done() > 0)
    if victim in kills.REPLACED:  # those live for a part of the job only
        run.wait(lambda: run.find(victim) is not None or run.jobs_done() > 0)
    if run.process.poll() is not None:
        return False
    before = {p.pid for p in run.processes()}
    was = run.kill(victim)
    if was in kills.REPLACED:  # another is started in its place, and the run lives
        run.wait(lambda: run.jobs_done() > 0 or ((p := run.find(victim)) is not None and p.pid not in before))
        tally.count(f"kill -9: {was}", "" if run.process.poll() in (None, 0) else f"{job}: {run.process.returncode}")
        print(f"{was} killed in {job} after {delay:.1f} s", flush=True)
        was = run.kill("driver") if run.process.poll() is None else ""
    wrong = run.ended()
    if was == "SIGTERM":
        if run.process.returncode == -15 and run.jobs_done() > 0:
            return False  # it came while the interpreter was leaving: all was done, and nobody hears signals any more
        left = sorted({*kills.leftovers(root)} - stood)
        wrong = wrong or ("" if run.process.returncode == 143 and not left else
                          f"exit {run.process.returncode}, left: {left[:3]}")  # fmt: skip
    wrong = wrong or ", ".join(kills.unreadable(root))
    if was:
        print(f"{was} killed in {job} after {delay:.1f} s, exit {run.process.returncode}", flush=True)
        tally.count("SIGTERM" if was == "SIGTERM" else f"kill -9: {was}", wrong and f"in {job}: {wrong}")
    return True


def plan(rng: random.Random) -> list[int]:
    """How many kills each job gets."""
    if len(JOBS) > KILLS:
        chosen = rng.sample(range(len(JOBS)), KILLS)
        return [int(n in chosen) for n in range(len(JOBS))]
    return [KILLS // len(JOBS) + (n < KILLS % len(JOBS)) for n in range(len(JOBS))]


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
    conf, rng, tally, done = (
        kills.config(tmp_path, root, source, "2020-07-02T00:00:00Z"),
        random.Random(SEED),
        Tally(),
        0,
    )
    for number, many in enumerate(plan(rng)):
        job = JOBS[number]
        victims = TRAINERS if job == "train" else VICTIMS
        if many and number > done:
            undisturbed(conf, tmp_path / f"before-{job}.log", JOBS[done], JOBS[number - 1])
            done = number
        for n in range(many):
            # Any moment: of its start, of Spark's (which the first job's time tells of) or of the job.
            delay = rng.random() * (took[number] + (took[0] if number else 0))
            victim = victims[(n + SEED) % len(victims)]
            for half in range(4):
                run = kills.Run(conf, tmp_path / f"{job}-{n}-{half}.log", "--only", job, "--force")
                if killed(run, job, delay / 2**half, victim, root, tally):
                    break
            assert job == "report" or kills.live(root) == old
    undisturbed(conf, tmp_path / "last.log", JOBS[done])
    assert kills.fingerprints(root) == kills.fingerprints(straight)
    assert kills.live(root) != old and not kills.unreadable(root)
    tally.told(record_property)
