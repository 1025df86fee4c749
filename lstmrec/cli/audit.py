"""`lstmrec audit`: change everything after the cut, walk s2 to s5 again, and see whether anything before it moved."""

from __future__ import annotations

import importlib
import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lstmrec import files
from lstmrec.cli.local_spark import Sessions
from lstmrec.cli.lock import locked
from lstmrec.cli.options import ConfigFiles, Overrides, config_of
from lstmrec.cli.run import heartbeat, say
from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError, GateError
from lstmrec.said import span

JOBS = ("split", "normalise", "profile", "sequence")
CUTS = ("validation", "test")


def audit(
    config: ConfigFiles,
    set_: Overrides = None,
    cut: Annotated[str, typer.Option(help="what is changed: all after the cut of validation, test, or both")] = "both",
    train: Annotated[bool, typer.Option("--train", help="with the test cut, also train on both sides and compare the "
                                        "net and its validation metric (off unless asked: twice s6)")] = False,
    json_: Annotated[bool, typer.Option("--json", help="print one JSON object instead of the table")] = False,
) -> None:  # fmt: skip
    """Prove that nothing fitted on train rows has seen what came later; exit 5 where something has."""
    if cut not in (*CUTS, "both"):
        raise ConfigError("C032", f"--cut {cut!r} is none", hint=f"one of {', '.join(CUTS)}, both")
    if train and cut == "validation":
        raise ConfigError("C032", "--train belongs to the test cut", hint="--cut test or --cut both")
    conf = config_of(config, set_)
    console = Console(highlight=False, soft_wrap=True, quiet=json_)
    with locked(conf.root, "audit"), Sessions() as sessions:
        found = walk(sessions.get(), conf, CUTS if cut == "both" else (cut,), train, console)
    notes = remarks(conf)
    leaks = [f for f in found if f.moved]
    if json_:
        print(json.dumps({"ok": not leaks, "checks": [f.plain for f in found], "notes": notes}), flush=True)
    else:
        shown(found, notes, console)
    if leaks:
        f = leaks[0]
        first = ", ".join(f"{name} ({n:,} rows)" for name, n in list(f.moved.items())[:6])
        raise GateError("G020", f"a leak: {len(leaks)} of {len(found)} checks moved when only what comes after the "
                        f"{f.cut} cut changed", f"table {f.table} · {first}", f"first: {f.example}")  # fmt: skip


def walk(spark: Any, conf: Config, cuts: tuple[str, ...], train: bool, console: Console) -> list[Any]:
    """The findings, in the order of cuts and tables. s1 is walked where it is not there, the run's s2 to s6 are taken
    where they stand, and walked in a folder of the audit's own where they do not."""
    from lstmrec.store import audit as edge
    from lstmrec.store import door

    clean, *later = [importlib.import_module(f"lstmrec.jobs.{n}") for n in ("clean", *JOBS, *(["train"] * train))]
    with heartbeat(console, "audit clean"):
        outcome = door.walk(clean, conf, spark=spark)
    say(console, door.line("clean", outcome, "audit run's     "))
    wanted = [t for t in clean.GIVES if any(t in job.NEEDS for job in later)]
    found: list[Any] = []
    with edge.scratch(conf.root) as place:
        base = conf
        if not all(edge.stands(job, conf) for job in later):
            base = conf.model_copy(update={"root": files.join(place, "base")})
            edge.copied(spark, conf, base.root, wanted)
            _walked(spark, base, later, "unchanged  ", console)
        for cut in cuts:
            root = files.join(place, cut)
            # Validation ranks the whole catalogue, items first seen later among it: for the net it stays as it is.
            whole = not (train and cut == "test")
            other = edge.changed(spark, conf, base.root, root, cut, wanted, catalogue=whole)
            mine = later if cut == "test" else [job for job in later if job.SPARK]
            _walked(spark, other, mine, f"{cut:<10} ", console)
            if edge.fitted(conf) == "early":
                pair = [edge.refitted(other, r, files.join(place, f"{cut}-core-{n}")) for n, r in
                        enumerate((conf.root, root))]  # fmt: skip
                for one in pair:
                    _walked(spark, one, [clean], f"{cut:<10} ", console)
                found.append(edge.cores(spark, cut, pair[0].root, pair[1].root))
            found += edge.compared(spark, cut, base.root, root)
            if train and cut == "test":
                found.append(edge.bundles(base.root, root))
    return found


def remarks(conf: Config) -> list[str]:
    """What an audit of this config cannot or need not show."""
    from lstmrec.store import audit as edge

    out = []
    if conf.split.by == "leave_last":
        out.append("leave_last: each user's own later events were changed; other users' later events are in train by "
                   "the nature of the protocol")  # fmt: skip
    if edge.fitted(conf) == "all":
        out.append("clean.fit_before: all: the rules of s1 that need the whole log (k-core, bots) have seen it whole, "
                   "as published protocols do")  # fmt: skip
    return out


def shown(found: list[Any], notes: list[str], console: Console) -> None:
    """One line a check."""
    table = Table("cut", "table", "rows", "", "what moved", box=None, pad_edge=False)
    for f in found:
        moved = ", ".join(f"{name} ({n:,})" for name, n in f.moved.items())
        table.add_row(f.cut, f.table, f"{f.rows:,}", Text("moved", "bold red") if moved else Text("ok", "green"), moved)
    console.print(table)
    for note in notes:
        console.print(Text(f"note  {note}"))
    if not any(f.moved for f in found):
        console.print(Text(f"no leak: {len(found)} of {len(found)} checks ok"))


def _walked(spark: Any, conf: Config, jobs: list[Any], what: str, console: Console) -> None:
    from lstmrec.store import door

    for job in jobs:
        name = door.name(job)
        with heartbeat(console, f"audit {what}{name}", quiet=not job.SPARK):
            outcome = door.walk(job, conf, spark=spark, force=True)
        say(console, f"audit {what}{name:<10} {outcome.manifest.rows_out:,} rows · {span(outcome.seconds)}")
