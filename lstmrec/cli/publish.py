"""`lstmrec publish`, `rollback` and `path`: the name `live`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from lstmrec import files, versions
from lstmrec.cli.local_spark import Sessions
from lstmrec.cli.options import ConfigFiles, Json, Overrides, config_of
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.contracts.tables import Table


def publish(config: ConfigFiles, set_: Overrides = None, json_: Json = False) -> None:
    """Judge the gates and move `live` to the newest versions; exit 5 and nothing moved where a gate fails."""
    from lstmrec.store.publish import publish as move

    console = Console(highlight=False, soft_wrap=True)
    conf = config_of(config, set_)
    with catalogued(conf):
        gates = move(conf)
    if json_:
        print(json.dumps({"published": True, "gates": [g.plain() for g in gates]}, ensure_ascii=False))
        return
    for gate in gates:
        console.print(Text(f"{gate.level:<5} {gate.name}: {gate.figure}, limit {gate.limit}"))
    console.print("published")


def rollback(
    config: ConfigFiles,
    table: Annotated[str | None, typer.Argument(help="one table only, instead of all published together")] = None,
    set_: Overrides = None,
    json_: Json = False,
) -> None:
    """Move `live` back to what was published before."""
    from lstmrec.store.publish import rollback as back

    conf = config_of(config, set_)
    with catalogued(conf):
        moved = back(conf.root, None if table is None else _table(table).name, catalog=conf.publish.catalog)
    if json_:
        print(json.dumps(moved))
        return
    for name, version in moved.items():
        typer.echo(f"{name} is {version} again")


def path(
    table: Annotated[str, typer.Argument(help="a table's name")],
    config: ConfigFiles,
    set_: Overrides = None,
    head: Annotated[bool, typer.Option("--head", help="the newest version instead of the live one")] = False,
    json_: Json = False,
) -> None:
    """Print the folder of a table's live version, for other programs to read."""
    conf, contract = config_of(config, set_), _table(table)
    found = versions.current(conf.root, contract, "head" if head else "live")
    place = versions.folder(conf.root, contract.name, found.version)
    place = files.join(place, "data") if contract.columns else place
    said = {"path": place, "table": table, "version": found.version, "as_of": found.as_of, "rows": found.rows_out}
    typer.echo(json.dumps(said) if json_ else place)


@contextmanager
def catalogued(conf: Config) -> Iterator[None]:
    """Spark, where `publish.catalog` has views to move; ConfigError C830 where its catalog would not outlive it."""
    if conf.publish.catalog is None:
        yield
        return
    from lstmrec.store.catalog import lasting

    with Sessions() as sessions:
        lasting(sessions.get())
        yield


def _table(name: str) -> Table:
    try:
        return tables.table(name)
    except KeyError as error:
        raise ConfigError(
            "C031", f"no table {name!r}", hint=f"one of {', '.join(t.name for t in tables.ALL)}"
        ) from error
