"""A job from the command line: config in, skip or run, one line out. What spark-submit and `lstmrec run` both call."""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from py4j.protocol import Py4JError  # type: ignore[import-untyped]  # it has no types
from pyspark.errors import PySparkException

from lstmrec import versions
from lstmrec.config.load import load
from lstmrec.config.run import Config
from lstmrec.contracts.errors import DataError, LstmrecError, ResourceError, of_machine, of_system, of_text, text_of
from lstmrec.contracts.manifest import Manifest, digest
from lstmrec.contracts.tables import Table
from lstmrec.said import span
from lstmrec.store import unread
from lstmrec.store.commit import Ticket
from lstmrec.store.observe import Observer
from lstmrec.store.session import session, starved, told


class Job(Protocol):
    """What a module of `lstmrec.jobs` holds.

    NEEDS, GIVES: tables read and written (the last of GIVES is committed last). SECTIONS: config keys its result
    depends on. VERSION: moves with every change of result. SPARK: whether run() wants a session.
    sources(conf): for jobs that read from outside, what identifies those inputs.
    """

    NEEDS: tuple[Table, ...]
    GIVES: tuple[Table, ...]
    SECTIONS: tuple[str, ...]
    VERSION: int
    SPARK: bool
    run: Callable[[Any, Config], Manifest]


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `skip` or `ok`, its last manifest, seconds."""

    state: str
    manifest: Manifest
    seconds: float


def name(job: Any) -> str:
    """`clean` of lstmrec.jobs.clean."""
    return str(job.__name__).rsplit(".", 1)[-1]


def ticket(job: Any, conf: Config) -> Ticket:
    """What the job's commits share: its skip key (inputs' fingerprints, config sections, VERSION) among it."""
    parents = {t.name: versions.current(conf.root, t).fingerprint for t in job.NEEDS}
    config = conf.section(*job.SECTIONS)
    sources = job.sources(conf) if hasattr(job, "sources") else {}
    contracts = {t.name: [t.major, t.minor] for t in job.GIVES}
    flow = {"flow": conf.flow} if conf.flow == "daily" else {}  # refit is another config, not another way
    key = digest({"job": name(job), "version": job.VERSION, "parents": parents, "sources": sources,
                  "config": conf.chosen(*job.SECTIONS), "contracts": contracts} | flow)  # fmt: skip
    return Ticket(conf.root, name(job), job.VERSION, key, conf.as_of, parents | sources, config)


def done(job: Any, conf: Config) -> Manifest | None:
    """The last table of this job if all it gives was already made under the same skip key; moves `head` there."""
    key = ticket(job, conf).skip_key
    found = [versions.find(conf.root, t, key) for t in job.GIVES]
    if any(m is None for m in found):
        return None
    if hasattr(job, "owed") and job.owed(conf, found[-1]):  # a copy for others was not written to its end
        return None
    for m in found:
        assert m is not None
        versions.append(conf.root, m.table, m.version)
    return found[-1]


def walk(job: Any, conf: Config, *, spark: Any = None, force: bool = False) -> Outcome:
    """Skip the job if it is done, else run it (in `spark`, or a session of its own). DataError D116 names a damaged
    file of a table, ResourceError R108 says that a disk of Spark's is full, R109 that its memory was too small, R011
    to R014 what a machine lacks."""
    started = time.monotonic()
    already = None if force else done(job, conf)
    if already is not None:
        return Outcome("skip", already, time.monotonic() - started)
    with _damage_named():
        if not job.SPARK:
            manifest = job.run(None, conf)
        elif spark is not None:
            told(spark, name(job))
            manifest = job.run(spark, conf)
        else:
            with session(f"lstmrec {name(job)}") as own:
                told(own, name(job))
                manifest = job.run(own, conf)
    return Outcome("ok", manifest, time.monotonic() - started)


@contextmanager
def _damage_named() -> Iterator[None]:
    """What executors raise of ours arrives in a text of Spark's, and is raised again; so is what a machine lacks.
    Sources name their files themselves (`store.source.readable`); what is left is a file of our own."""
    try:
        yield
    except (PySparkException, Py4JError, ModuleNotFoundError, ConnectionError) as error:
        if starved(error):
            raise ResourceError("R109", "Spark ran out of memory", "spark.driver.memory, spark.executor.memory",
                                "what is committed is whole; give more (LSTMREC_DRIVER_MEMORY for `lstmrec run`), or "
                                "look for lines of many MB in text sources") from error  # fmt: skip
        if (ours := of_text(text_of(error)) or of_machine(error)) is not None:
            raise ours from error
        if unread.is_full(error):
            raise ResourceError("R108", "no space left on a disk that Spark writes to", "spark.local.dir, or the root",
                                "what is committed is whole; make room, then run again") from error  # fmt: skip
        if (found := unread.file_of(error)) is None:
            raise
        raise DataError("D116", f"cannot read {found.file}: {found.why}", "a table's file, damaged since it was made",
                        "remove that version's folder and run again: its job makes it anew") from error  # fmt: skip


def main(job: Any, argv: Sequence[str] | None = None) -> int:
    """`spark-submit jobs/sN_x.py --config C [--set a.b=c] [--force]`: returns the exit code."""
    parser = argparse.ArgumentParser(prog=name(job), description=(job.__doc__ or "").strip().split("\n")[0])
    parser.add_argument("--config", action="append", required=True, help="YAML file or URL; later ones win")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override one key")
    parser.add_argument("--force", action="store_true", help="run even if nothing changed")
    args = parser.parse_args(argv)
    try:
        conf = load(args.config, args.set)
        print(line(name(job), observed(job, conf, args.force)))
    except LstmrecError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if (found := of_system(error)) is None:
            raise
        print(found, file=sys.stderr)
        return found.exit_code
    return 0


def observed(job: Any, conf: Config, force: bool) -> Outcome:
    """`walk` for a job submitted alone, told to machines as the config asks."""
    observer, started = Observer(conf, f"submitted-{uuid.uuid4().hex[:8]}"), time.monotonic()
    observer.began(name(job), job)
    try:
        outcome = walk(job, conf, force=force)
    except BaseException as error:
        observer.ended(name(job), job, "fail", time.monotonic() - started, error=error)
        raise
    observer.ended(name(job), job, outcome.state, outcome.seconds, outcome.manifest)
    return outcome


def line(job: str, outcome: Outcome, place: str = "") -> str:
    """The one line a job ends with: rows, time, rate, where the output is."""
    m = outcome.manifest
    if outcome.state == "skip":
        return f"{place}{job:<10} skip  unchanged · {m.table} {m.version}"
    said = " · ".join([f"{m.rows_out:,} rows" if m.rows_out else "", *(f"{k} {v}" for k, v in _told(m).items())])
    rate = f" · {m.rows_out / outcome.seconds:,.0f} rows/s" if m.rows_out and outcome.seconds > 0 else ""
    return f"{place}{job:<10} ok    {said.strip(' ·')} · {span(outcome.seconds)}{rate} · {m.table} {m.version}"


def _told(m: Manifest) -> dict[str, Any]:
    told = m.facts.get("told", {})
    return dict(told) if isinstance(told, dict) else {}
