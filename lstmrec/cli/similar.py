"""`lstmrec similar`: what the net holds for alike; no Spark."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lstmrec import lookup
from lstmrec.cli.options import ConfigFiles, Json, Overrides, config_of
from lstmrec.cli.shown import clean, title


def similar(
    item: Annotated[str, typer.Argument(help="the item's id, as in the source")],
    config: ConfigFiles,
    set_: Overrides = None,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="how many")] = 10,
    json_: Json = False,
) -> None:
    """Print the items whose vectors are nearest to an item's, by cosine."""
    root = config_of(config, set_).root
    found = lookup.similar(root, item, k)
    if json_:
        told = [{"item_id": s.item_id, "title": s.title, "cosine": s.score} for s in found]
        print(json.dumps({"item_id": item, "similar": told}, ensure_ascii=False))
        return
    head = f"{clean(item)} {clean(lookup.titles(root, [item]).get(item, ''))}".strip()
    table = Table("#", "item", "", "cosine", title=Text(head), title_justify="left", box=None, pad_edge=False)
    for s in found:
        table.add_row(str(s.rank), Text(clean(s.item_id)), Text(title(s)), f"{s.score:.3f}")
    Console(highlight=False, soft_wrap=True).print(table)
