"""`lstmrec report`: the page anew from what is there; no Spark, and nothing is published."""

from __future__ import annotations

import importlib
import json
from typing import Any

from rich.console import Console
from rich.text import Text

from lstmrec import files
from lstmrec.cli.lock import locked
from lstmrec.cli.options import ConfigFiles, Json, Overrides, config_of
from lstmrec.cli.run import say


def report(
    config: ConfigFiles,
    set_: Overrides = None,
    json_: Json = False,
) -> None:
    """Make the report of the newest tables, even if nothing changed, and print where it lies."""
    from lstmrec.store import door

    conf, console = config_of(config, set_), Console(highlight=False, soft_wrap=True)
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
