"""`lstmrec report`: the page anew from what is there, or that of a day; no Spark, and nothing is published."""

from __future__ import annotations

import importlib
import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from lstmrec import files, versions
from lstmrec.cli.lock import locked
from lstmrec.cli.options import ConfigFiles, Json, Overrides, config_of
from lstmrec.cli.run import say
from lstmrec.contracts import tables


def report(
    config: ConfigFiles,
    set_: Overrides = None,
    json_: Json = False,
    flow: Annotated[str | None, typer.Option("--flow", help="daily: the page of the last day that was judged")] = None,
) -> None:
    """Make the report of the newest tables, even if nothing changed, and print where it lies."""
    from lstmrec.store import door

    conf = config_of(config, [*(set_ or []), *([f"flow={flow}"] if flow else [])])
    console = Console(highlight=False, soft_wrap=True)
    if conf.flow == "daily":
        from lstmrec.report import day  # here: altair is slow to import

        place = day.put(conf.root)
        if json_:
            print(json.dumps({"report": place, "version": versions.current(conf.root, tables.JUDGED).version}))
        else:
            console.print(Text(place))
        return
    job: Any = importlib.import_module("lstmrec.jobs.report")
    with locked(conf.root, "report"):
        outcome = door.walk(job, conf, force=True)
    place = files.join(conf.root, "report.html")
    if json_:
        told = outcome.manifest.facts["told"]
        print(json.dumps({"report": place, "version": outcome.manifest.version, **told}, ensure_ascii=False))
        return
    say(console, door.line("report", outcome))
    console.print(Text(place))
