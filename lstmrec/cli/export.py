"""`lstmrec export`: the model as files that a service reads without lstmrec; no Spark."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lstmrec.cli.options import ConfigFiles, Overrides, config_of
from lstmrec.contracts import tables


class Format(StrEnum):
    """What graphs are written as."""

    onnx = "onnx"
    torch = "torch"
    both = "both"


class Index(StrEnum):
    """Approximate indexes of the items."""

    usearch = "usearch"


def export(
    config: ConfigFiles,
    out: Annotated[Path, typer.Option(help="the folder to make; it must not be there")],
    set_: Overrides = None,
    format_: Annotated[Format, typer.Option("--format", help="of the graphs; torch: exported programs, .pt2")] = (
        Format.onnx
    ),
    index: Annotated[Index | None, typer.Option(help="also an approximate index of the items")] = None,
) -> None:
    """Write the live bundle (the newest where none is published) for serving event by event; see docs/serving.md."""
    from lstmrec.lookup import current
    from lstmrec.scoring.export import export as write
    from lstmrec.store import bundled

    conf = config_of(config, set_)
    bundle, vectors = current(conf.root, tables.BUNDLE), current(conf.root, tables.ITEM_VECTORS)
    bundled.exported(conf.root, bundle, vectors)
    formats = [f.value for f in (Format.onnx, Format.torch) if format_ in (f, Format.both)]
    told = write(conf.root, bundle, vectors, out, formats, index and index.value)
    size = sum(f["bytes"] for f in told["files"].values())
    typer.echo(f"{out}: {told['items']['rows'] - told['items']['first']:,} items · bundle {bundle.version} · "
               f"{', '.join(formats)} · {size / 1e6:,.1f} MB")  # fmt: skip
