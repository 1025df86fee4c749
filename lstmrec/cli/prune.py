"""`lstmrec prune`: old versions, which nothing points to, go; no Spark."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lstmrec.cli.lock import locked
from lstmrec.cli.options import ConfigFiles, Json, Overrides, config_of


def prune(
    config: ConfigFiles,
    set_: Overrides = None,
    keep: Annotated[int, typer.Option(min=1, help="newest versions of each table that stay")] = 3,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="also folders without a manifest: what a killed job "
                                             "left. Not while a job runs outside `lstmrec run`")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="remove them; without it they are only listed")] = False,
    json_: Json = False,
) -> None:  # fmt: skip
    """List versions that no name, publication, delta or kept version needs, or remove them (--yes)."""
    from lstmrec.store import prune as store

    root = config_of(config, set_).root
    with locked(root, "prune"):
        found = [o for o in store.old(root, keep) if o.whole or unfinished]
        for one in found if yes else ():
            store.remove(root, one)
    total = sum(o.bytes for o in found)
    if json_:
        rows = [{"table": o.table, "version": o.version, "bytes": o.bytes, "whole": o.whole} for o in found]
        print(json.dumps({"removed": yes, "bytes": total, "versions": rows}))
        return
    sizes: dict[str, list[int]] = defaultdict(list)
    for one in found:
        sizes[one.table].append(one.bytes)
    table = Table("table", "versions", "MB", box=None, pad_edge=False)
    for name, each in sizes.items():
        table.add_row(name, f"{len(each)}", f"{sum(each) / 1e6:,.1f}")
    console = Console(highlight=False, soft_wrap=True)
    if found:
        console.print(table)
    said = "removed" if yes else "to remove: --yes does" if found else "nothing to remove"
    console.print(f"{len(found)} versions, {total / 1e6:,.1f} MB {said}")
