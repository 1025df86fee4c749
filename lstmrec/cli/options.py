"""Options that several verbs take, and the config they name."""

from __future__ import annotations

from typing import Annotated

import typer

from lstmrec.config.load import load
from lstmrec.config.run import Config

ConfigFiles = Annotated[list[str], typer.Option("--config", "-c", help="YAML file or URL; later ones win")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="override one key; repeatable")]

Json = Annotated[bool, typer.Option("--json", help="print one JSON object")]


def config_of(files: list[str], sets: list[str] | None) -> Config:
    """The merged, validated config."""
    return load(files, sets or [])
