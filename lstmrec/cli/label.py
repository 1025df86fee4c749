"""`lstmrec label`: what the model thought of what really came next; of one user without Spark."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lstmrec import lookup, versions
from lstmrec.cli.options import ConfigFiles, Json, Overrides, config_of
from lstmrec.cli.shown import clean, title, when
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.store import bundled


def label(
    config: ConfigFiles,
    set_: Overrides = None,
    user: Annotated[str | None, typer.Option(help="print this user's; write nothing, start no Spark")] = None,
    force: Annotated[bool, typer.Option("--force", help="make the table even if nothing changed")] = False,
    json_: Json = False,
) -> None:
    """For each event of a history: the rank the model gave its item, and the surprise (nats); the table `labels`."""
    conf, console = config_of(config, set_), Console(highlight=False, soft_wrap=True, stderr=json_)
    if user is not None:
        rows = of_user(conf, user)
        if json_:
            print(json.dumps({"user_id": user, "events": rows}, ensure_ascii=False))
        else:
            console.print(printed(user, rows, conf))
        return
    from lstmrec.cli.beside import walk

    made = walk(conf, "label", force, console)
    if json_:
        print(json.dumps({"state": made.state, "version": made.manifest.version, "rows": made.manifest.rows_out}))


def of_user(conf: Config, user: str) -> list[dict[str, Any]]:
    """position, item_id, time, role, rank, surprise of each event of the user's last window, by the newest bundle.

    DataError D820 for an unknown user, D824 where there is no sequence of them for serve.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds

    from lstmrec.contracts.kinds import arrow_schema
    from lstmrec.scoring import worker_labels
    from lstmrec.scoring.options import COLUMNS, Options

    lookup.known_user(conf.root, user)
    sequences = versions.current(conf.root, tables.SEQUENCES)
    rows = lookup.select(conf.root, sequences, COLUMNS, ds.field("user_id") == user, {"role": ["serve"]})
    if not rows:
        raise DataError("D824", f"no sequence of user {user!r} for role serve", f"table sequences {sequences.version}",
                        "add serve to sequence.roles")  # fmt: skip
    whole = arrow_schema(tables.SEQUENCES)
    schema = pa.schema([whole.field(name) for name in COLUMNS])
    # What stands in a folder's name comes as text.
    typed = [
        {f.name: int(r[f.name]) if f.name in tables.SEQUENCES.partitions else r[f.name] for f in schema} for r in rows
    ]
    bundle = bundled.bundle(conf.root)
    options = Options(conf.root, bundle.version, bundled.vectors(conf.root, bundle).version, rows=4)
    told = [r for b in worker_labels.labelled(iter([pa.RecordBatch.from_pylist(typed, schema)]), options)
            for r in b.to_pylist()]  # fmt: skip
    past = lookup.events(conf.root, user, tables.HISTORY["serve"], versions.current(conf.root, tables.SPLIT))
    start = len(past) - len(told)
    out = []
    for r in told:
        event = past[start + r["offset"]]
        blind = start > 0 and r["offset"] == 0
        said = {"rank": None, "surprise": None} if blind else {"rank": r["rank"], "surprise": r["surprise"]}
        out.append({"position": int(event["index"]), **{k: event[k] for k in ("item_id", "time", "role")}, **said})
    return out


def printed(user: str, rows: list[dict[str, Any]], conf: Config) -> Table:
    """A line an event; what could not be shown has no figure."""
    head = Text(f"user {clean(user)}: {len(rows):,} events, oldest first")
    table = Table("#", "when", "role", "item", "", "rank", "surprise", title=head, title_justify="left", box=None,
                  pad_edge=False)  # fmt: skip
    for right in (0, 5, 6):
        table.columns[right].justify = "right"
    known = lookup.titles(conf.root, (r["item_id"] for r in rows))
    for r in rows:
        figures = ["", ""] if r["rank"] is None else [f"{r['rank']:,}", f"{r['surprise']:.2f}"]
        name = title(lookup.Shown(r["item_id"], known.get(r["item_id"])))
        table.add_row(str(r["position"]), when(r["time"]), r["role"], Text(clean(r["item_id"])), Text(name), *figures)
    return table
