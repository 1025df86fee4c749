"""`lstmrec show-user`: one user's history, list and reasons in a second; no Spark."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from lstmrec.cli import shown
from lstmrec.cli.options import ConfigFiles, Json, Overrides, config_of


def show_user(
    user: Annotated[str, typer.Argument(help="the user's id, as in the source")],
    config: ConfigFiles,
    set_: Overrides = None,
    recommender: Annotated[
        str | None, typer.Option(help="whose list; unless said that of the user's variant, else the model's")
    ] = None,
    role: Annotated[str | None, typer.Option(help="serve, test or validation")] = None,
    events: Annotated[int, typer.Option(min=0, help="newest events of the history shown")] = 20,
    json_: Json = False,
) -> None:
    """Print a user's history and list, with titles, and what each item owes its score to (score.because)."""
    conf = config_of(config, set_)
    role = role or ("serve" if "serve" in conf.score.roles else conf.score.roles[0])
    if json_:
        print(json.dumps(shown.plain(conf, user, recommender, role, events), ensure_ascii=False))
        return
    shown.user(conf, Console(highlight=False, soft_wrap=True), user, recommender, role, events)
