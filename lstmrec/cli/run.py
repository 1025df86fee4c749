"""`lstmrec run`: the nine jobs in order, what is unchanged skipped, then gates, `live`, and what people want to see."""

from __future__ import annotations

import importlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from lstmrec import files, versions
from lstmrec.cli import shown
from lstmrec.cli.doctor import versions_fit
from lstmrec.cli.flows import FLOWS, days, jobs, selection
from lstmrec.cli.flows import JOBS as JOBS  # what others ask this module for
from lstmrec.cli.local_spark import Sessions
from lstmrec.cli.lock import locked
from lstmrec.cli.options import ConfigFiles, Overrides, config_of
from lstmrec.cli.publish import catalogued
from lstmrec.cli.records import record
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, ResourceError
from lstmrec.said import span
from lstmrec.store.observe import Observer


def run(
    config: ConfigFiles,
    set_: Overrides = None,
    flow: Annotated[str | None, typer.Option("--flow", help="evaluate, refit or daily")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", metavar="D[..D2]", help="a day or an instant that counts as "
                     "now; D1..D2: one walk a day, in order")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="JOB", help="first job to walk")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="JOB", help="last job to walk")] = None,
    only: Annotated[str | None, typer.Option("--only", metavar="JOB", help="this job alone")] = None,
    force: Annotated[bool, typer.Option("--force", help="run jobs even if nothing changed")] = False,
    log: Annotated[str | None, typer.Option("--log-json", metavar="FILE", help="JSON lines of what happens, added to "
                   "FILE, or `stderr`; as operate.log")] = None,
) -> None:  # fmt: skip
    """Walk the jobs from raw events to lists, metrics and the report, and publish. Flow evaluate holds events out and
    judges by them; refit trains on all; daily takes in what is new, and judges what was published."""
    if misfits := versions_fit():
        raise ResourceError("R010", f"versions that do not fit: {'; '.join(misfits)}", hint="lstmrec doctor says more")
    if flow is not None and flow not in FLOWS:
        raise ConfigError("C034", f"--flow {flow!r} is none", hint=f"one of {', '.join(FLOWS)}")
    sets = [*(set_ or []), *([f"flow={flow}"] if flow else []), *([f"operate.log={json.dumps(log)}"] if log else [])]
    every = [config_of(config, [*sets, *at]) for at in ([[f"as_of={d}"] for d in days(as_of)] if as_of else [[]])]
    chosen = selection(from_, to, only, jobs(every[0]))
    console = Console(highlight=False, soft_wrap=True)
    name = new_run(every[0])
    with locked(every[0].root, name):
        for number, conf in enumerate(every):
            one(conf, config, chosen, force, console, new_run(conf) if number else name)


def one(conf: Config, config: list[str], chosen: tuple[str, ...], force: bool, console: Console, name: str) -> None:
    """One walk, under the lock; name: its number."""
    flow = "" if conf.flow == "evaluate" else f" · {conf.flow}"
    said = f"run {name}  {', '.join(config)} -> {conf.root} · now is {conf.as_of}{flow} · seed {conf.seed}"
    console.print(Text(said))
    with observed(conf, name) as observer:
        if conf.flow == "daily":
            from lstmrec.store.daily.fitted import served

            last = served(conf.root).version  # not one that no gate has let through
            versions.append(conf.root, tables.BUNDLE.name, last)
        walk(conf, chosen, force, console, name, observer)
        if chosen[-1] == jobs(conf)[-1]:
            finish(conf, console, observer)


@contextmanager
def observed(conf: Config, run: str) -> Iterator[Observer]:
    """The begin and the end of a run, told to machines as the config asks."""
    observer, started = Observer(conf, run), time.monotonic()
    observer.run_began()
    try:
        yield observer
    except BaseException as error:
        observer.run_ended(time.monotonic() - started, error)
        raise
    observer.run_ended(time.monotonic() - started)


def new_run(conf: Config) -> str:
    """Number this run and keep its config under ROOT/_runs/NUMBER/config.json."""
    place = files.join(conf.root, "_runs")
    data = json.dumps(conf.model_dump(mode="json"), indent=1, sort_keys=True).encode()
    start = max((int(n) for n in files.names(place) if n.isdigit()), default=0) + 1
    for number in range(start, start + 1000):
        if files.create(files.join(place, f"{number:06d}", "config.json"), data):
            return f"{number:06d}"
    raise ResourceError("R106", "cannot number this run: a thousand others were faster", place)


def walk(conf: Config, chosen: tuple[str, ...], force: bool, console: Console, run: str,
         observer: Observer | None = None) -> dict[str, int]:  # fmt: skip
    """Run or skip each job, one line and one record each; the tally. Spark starts with the first job that must run in
    it."""
    from lstmrec.store import door

    observer = observer or Observer(conf, run)
    counts, walked = {"ok": 0, "skip": 0}, jobs(conf)
    started = time.monotonic()
    with Sessions() as sessions:
        for name in chosen:
            job: Any = importlib.import_module(f"lstmrec.jobs.{name}")
            number = walked.index(name) + 1
            place, begun = f"{number}/{len(walked)} ", time.monotonic()
            observer.began(name, job)
            try:
                already = None if force else door.done(job, conf)
                if already is not None:
                    outcome = door.Outcome("skip", already, time.monotonic() - begun)
                else:
                    with heartbeat(console, f"{place}{name:<10}", quiet=name == "train"):
                        spark = sessions.get() if job.SPARK else None
                        outcome = door.walk(job, conf, spark=spark, force=True)
            except BaseException as error:
                took = time.monotonic() - begun
                observer.ended(name, job, "fail", took, error=error)
                say(console, f"{place}{name:<10} fail  after {span(took)}")
                record(conf, run, number, name, "fail", took, None, getattr(error, "code", type(error).__name__))
                console.print(Text(f"Stopped after {span(time.monotonic() - started)}: {tally(counts, 1)}"))
                raise
            counts[outcome.state] += 1
            record(conf, run, number, name, outcome.state, outcome.seconds, outcome.manifest)
            observer.ended(name, job, outcome.state, outcome.seconds, outcome.manifest)
            say(console, door.line(name, outcome, place))
    seconds = time.monotonic() - started
    hint = f"lstmrec show-user {shown.user_of(conf)}" if chosen[-1] == walked[-1] else "lstmrec status"
    console.print(Text(f"Done in {span(seconds)}: {tally(counts, 0)}.  Next: {hint}"))
    return counts


def finish(conf: Config, console: Console, observer: Observer | None = None) -> None:
    """Publish, then a list, the metrics, where the report lies, and one JSON object as the last line."""
    from lstmrec.report import copies
    from lstmrec.store.publish import publish

    with catalogued(conf):
        gates = publish(conf)
    for gate in gates:
        if observer:
            observer.tell("gate", name=gate.name, level=gate.level, figure=str(gate.figure), limit=str(gate.limit))
        if gate.level != "pass":
            console.print(Text(f"gate {gate.level}  {gate.name}: {gate.figure}, {gate.limit}", style="yellow"))
    console.print(Text(f"published: {sum(g.level == 'pass' for g in gates)} of {len(gates)} gates passed"))
    if observer:
        observer.tell("published")
    if conf.flow != "evaluate":
        shown.example(conf, console)
        if conf.flow == "daily" and conf.variants is not None:
            _variants(conf, console)
        print(json.dumps(shown.served(conf)), flush=True)
        return
    copies.place(conf.root, versions.current(conf.root, tables.REPORT))
    shown.example(conf, console)
    shown.leaderboard(conf, console)
    console.print(Text(f"\nreport  {files.join(conf.root, 'report.html')}"))
    print(json.dumps(shown.verdict(conf)), flush=True)


def _variants(conf: Config, console: Console) -> None:
    """How the experiment stands, and the day's page where the extra `report` is installed: a day needs it for nothing
    else."""
    for name, said in versions.current(conf.root, tables.JUDGED).facts.get("told", {}).items():
        if " - " in name:
            console.print(Text(f"variant {name}: {said}"))
    try:
        from lstmrec.report import day

        console.print(Text(f"report  {day.put(conf.root)}"))
    except ImportError as error:
        console.print(Text(f"no page of the day: {error}; pip install 'lstmrec[report]'", style="yellow"))


@contextmanager
def heartbeat(console: Console, line: str, quiet: bool = False, every_s: float = 30.0) -> Iterator[None]:
    """A line every 30 s while a job works; quiet for training, which says more itself."""
    over, started = threading.Event(), time.monotonic()

    def beat() -> None:
        while not over.wait(every_s):
            say(console, f"{line} works for {span(time.monotonic() - started)}")

    if not quiet:
        threading.Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def say(console: Console, line: str) -> None:
    """A job's line, its state in colour where there is a terminal."""
    text = Text(line)
    for state, style in ((" ok ", "green"), (" skip ", "dim"), (" fail ", "bold red")):
        at = line.find(state)
        if 0 <= at < 20:
            text.stylize(style, at, at + len(state))
    console.print(text)


def tally(counts: dict[str, int], failed: int) -> str:
    """`8 ok, 1 skipped, 0 failed`."""
    return f"{counts['ok']} ok, {counts['skip']} skipped, {failed} failed"
