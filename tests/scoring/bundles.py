"""A root with a small catalogue and an untrained bundle, made without Spark, and rows of SEQUENCES."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.contracts.kinds import arrow_schema
from lstmrec.contracts.manifest import DataFile, Manifest
from lstmrec.model.build import save
from lstmrec.model.net import Net
from lstmrec.scoring import items as item_files
from lstmrec.scoring import worker
from lstmrec.scoring.options import COLUMNS, ENCODED, Options
from tests.model import worlds

VERSION = "0123456789ab-00000000"


def manifest(table: tables.Table, version: str = VERSION, **more: Any) -> Manifest:
    return Manifest(
        table.name, version, table.major, table.minor, "test", 1, "key", more.pop("fingerprint", "1:1"), "now", **more
    )


def encoded(n: int = 30, trained: int = 24, seed: int = 0) -> list[dict[str, Any]]:
    """ENCODED_ITEMS rows of items 2 .. n-1, content as `worlds.catalogue` draws it."""
    made = worlds.catalogue(n, trained, seed)
    return [
        {"item": i, "item_id": f"item {i}", "title": None, "id": int(made.ids[i]), "count": int(made.counts[i]),
         "tags": made.tags[i][made.tags[i] > 0].tolist(), "text": made.text[i].tolist(),
         "numeric": made.numeric[i].tolist(), "vectors": made.vectors[i].tolist()}
        for i in range(2, n)
    ]  # fmt: skip


def seal_bundle(root: Path, net: Net, **more: Any) -> Manifest:
    folder = root / "bundle" / VERSION
    folder.mkdir(parents=True)
    save(net, str(folder))
    return versions.seal_files(str(root), manifest(tables.BUNDLE, **more))


def seal_vectors(root: Path, rows: list[dict[str, Any]], files: int = 2, **more: Any) -> Manifest:
    """ITEM_VECTORS of ENCODED_ITEMS rows by the worker itself, in several files whose order means nothing."""
    options, total = Options(str(root), VERSION), sum(r["count"] for r in rows)
    source = pa.RecordBatch.from_pylist(rows, schema=arrow_schema(tables.ENCODED_ITEMS))
    made = pa.Table.from_batches(worker.item_vectors(iter([source]), options, total), item_files.SCHEMA)
    place = root / "item_vectors" / VERSION / "data"
    place.mkdir(parents=True)
    listed = []
    for i in reversed(range(files)):
        part = made.take(pa.array([j for j in reversed(range(len(made))) if j % files == i], pa.int64()))
        pq.write_table(part, place / f"part-{i}.parquet")
        listed.append(DataFile(f"part-{i}.parquet", len(part)))
    more |= {"rows_out": len(made), "files": tuple(listed), "facts": {"events": total}}
    return versions.seal(str(root), manifest(tables.ITEM_VECTORS, **more))


def options(root: Path, **more: Any) -> Options:
    return Options(str(root), VERSION, VERSION, **{"k": 5, "rows": 4, **more})


def sequences(rows: int = 11, n_items: int = 30, seed: int = 3) -> list[dict[str, Any]]:
    """Rows of several length and before classes, among them a user with no event, and one with no history at all."""
    out: list[dict[str, Any]] = []
    for length, seeded in ((8, seed), (9, seed + 1)):
        made = worlds.columns(rows=rows, length=length, n_items=n_items, seed=seeded)
        out += [{k: v[i].tolist() for k, v in made.items()} for i in range(rows)]
    for i, row in enumerate(out):
        row |= {"user_id": f"u{i}", "length": len(row["items"]), "before": len(row["before_items"])}
        if row["length"] == 8 and i % 3 == 0:  # a class without anything before
            row |= {"before": 0, "before_items": [], "before_counts": [], "before_times": [], "before_decayed": []}
    for i in (1, 4):
        size = out[i]["length"]
        zeros = {name: [0] * size for name in ("items", "types", "times", "ends")}
        out[i] |= {
            "n": 0,
            "before": 0,
            "before_items": [],
            "before_counts": [],
            "before_times": [],
            "before_decayed": [],
            **zeros,
        }
    out[4]["static"] = [1] * len(out[4]["static"])
    return out


def schema() -> pa.Schema:
    whole = arrow_schema(tables.SEQUENCES)
    return pa.schema([whole.field(name) for name in COLUMNS])


def batches(rows: list[dict[str, Any]], size: int) -> list[pa.RecordBatch]:
    return [pa.RecordBatch.from_pylist(rows[i : i + size], schema=schema()) for i in range(0, len(rows), size)]


def listed(rows: list[dict[str, Any]], options: Options, size: int = 100) -> dict[str, Any]:
    """user_id -> the worker's row."""
    out = [r for b in worker.recommend(iter(batches(rows, size)), options) for r in b.to_pylist()]
    assert [r["user_id"] for r in out] == [r["user_id"] for r in rows]
    return {r["user_id"]: r for r in out}


def matrix(net: Net, rows: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """The item vectors of all rows in one pass."""
    from lstmrec.scoring.items import tower

    columns = {name: [r[name] for r in rows] for name in ENCODED}
    return tower(net, columns, sum(r["count"] for r in rows))


def seal(root: Path, table: tables.Table, rows: list[dict[str, Any]], version: str = VERSION, **more: Any) -> Manifest:
    """A version of a table by pyarrow: one file a partition folder."""
    place, found = root / table.name / version / "data", arrow_schema(table)
    kept = pa.schema([f for f in found if f.name not in table.partitions])
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault("".join(f"{c}={row[c]}/" for c in table.partitions), []).append(row)
    listed = []
    for folder, part in groups.items():
        (place / folder).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(part, schema=kept), place / folder / "part.parquet")
        listed.append(DataFile(f"{folder}part.parquet", len(part)))
    more = {"fingerprint": f"{len(rows)}:{table.name}", "rows_out": len(rows), **more}
    made = manifest(table, version, files=tuple(listed), **more)
    return versions.seal(str(root), made)
