"""`lstmrec candidates`: what a re-ranker learns from; as flat columns where asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer
from rich.console import Console

from lstmrec import lookup
from lstmrec.cli.beside import walk
from lstmrec.cli.options import ConfigFiles, Overrides, config_of


def candidates(
    config: ConfigFiles,
    set_: Overrides = None,
    flat: Annotated[Path | None, typer.Option(help="also a Parquet file a role in this folder, a column a feature")] = (
        None
    ),
    force: Annotated[bool, typer.Option("--force", help="make the table even if nothing changed")] = False,
) -> None:
    """The union of the recommenders' lists with scores, ranks, profiles and labels: the table `candidates`."""
    conf, console = config_of(config, set_), Console(highlight=False, soft_wrap=True)
    made = walk(conf, "candidates", force, console).manifest
    for role in conf.score.roles if flat is not None else ():
        assert flat is not None
        flat.mkdir(parents=True, exist_ok=True)
        table = lookup.candidates(conf.root, role, made)
        pq.write_table(table, flat / f"{role}.parquet")
        typer.echo(f"{flat / f'{role}.parquet'}: {table.num_rows:,} rows · {table.num_columns} columns")
