"""`lstmrec erase`: what still holds users who are to be forgotten goes."""

from __future__ import annotations

import fcntl
from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lstmrec import files
from lstmrec.cli.local_spark import Sessions
from lstmrec.cli.lock import locked
from lstmrec.cli.options import ConfigFiles, Json, Overrides, config_of


def erase(
    config: ConfigFiles,
    set_: Overrides = None,
    yes: Annotated[bool, typer.Option("--yes/--dry-run", help="do it; without it they are only listed")] = False,
    json_: Json = False,
) -> None:
    """List what holds users of erase.table, or remove it (--yes): old versions, states, lists, rejects, caches of this
    machine, run records. The newest and published tables must be without them: run first. Not while a job runs outside
    `lstmrec run`."""
    from lstmrec.report.people import named
    from lstmrec.store import erase as store

    conf = config_of(config, set_)
    with locked(conf.root, "erase"), Sessions() as sessions:
        spark = sessions.get()
        found = store.found(spark, conf, store.names(spark, conf, named))
        if yes:
            store.do(spark, conf, found)
            emptied()
    if json_:
        print(store.told(found))
        return
    table = Table("table", "version", "MB", "becomes", box=None, pad_edge=False)
    words = {"remove": "removed", "rewrite": "written anew without them", "wait": f"kept {conf.erase.keep_days} days"}
    for one in found:
        table.add_row(one.table, one.version, f"{one.bytes / 1e6:,.1f}", words[one.does])
    console = Console(highlight=False, soft_wrap=True)
    if found:
        console.print(table)
    many = sum(h.does != "wait" for h in found)
    said = "gone" if yes else "would go: --yes does it" if many else "nothing holds them"
    console.print(f"{many} of {len(found)}: {said}; the cache of this machine too" if many else said)


def emptied() -> None:
    """Remove copies of remote tables from this machine's cache; one that is being read goes once it is let go."""
    for path in (files.own_folder() / "files").glob("??/*.parquet"):
        with suppress(FileNotFoundError), open(path, "rb") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            path.unlink(missing_ok=True)
