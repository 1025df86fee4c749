"""One user's rows by pyarrow, no Spark: what the end of a run, the report and `lstmrec show-user` print."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.kinds import arrow_schema
from lstmrec.contracts.manifest import Manifest
from lstmrec.contracts.tables import Table
from lstmrec.rows import batches
from lstmrec.rows import select as select  # what others ask this module for


@dataclass(frozen=True)
class Shown:
    """An item of a history or a list: what is known of it for people. reasons: items of the past that it owes its
    score to, each with its influence as score."""

    item_id: str
    title: str | None
    time: int | None = None
    event_type: str = ""
    rank: int = 0
    score: float = 0.0
    reasons: tuple[Shown, ...] = ()


@dataclass(frozen=True)
class Listed:
    """A user's list: reason, how many events its history has, and the items of those it rests on as a whole. variant:
    of an experiment, where it is the list that the user is to be shown."""

    recommender: str
    role: str
    reason: str
    history: int
    items: tuple[Shown, ...]
    because: tuple[Shown, ...] = ()
    variant: str | None = None


def current(root: str, contract: Table) -> Manifest:
    """The published version; where none was ever, the newest."""
    return versions.current(root, contract, "live" if versions.log(root, contract.name, "live") else "head")


# Below, `manifest` and `catalogue` pin versions of the table at hand and of ENCODED_ITEMS; unless given, `current`.


def titles(root: str, item_ids: Iterable[str], catalogue: Manifest | None = None) -> dict[str, str]:
    """Titles of items, from the encoded catalogue; items without one are left out."""
    wanted = sorted(set(item_ids))
    if not wanted:
        return {}
    catalogue = catalogue or current(root, tables.ENCODED_ITEMS)
    rows = select(root, catalogue, ["item_id", "title"], ds.field("item_id").isin(wanted))
    return {row["item_id"]: row["title"] for row in rows if row["title"]}


def history(root: str, user_id: str, role: str = "serve") -> list[dict[str, Any]]:
    """Events of the role's history, oldest first: item_id, time (µs or null), event_type, index."""
    return events(root, user_id, tables.HISTORY[role])


def events(root: str, user_id: str, roles: Sequence[str], manifest: Manifest | None = None) -> list[dict[str, Any]]:
    """A user's events of these roles by the total order."""
    return [r for r in events_of(root, [user_id], manifest)[user_id] if r["role"] in roles]


def events_of(root: str, users: Sequence[str], manifest: Manifest | None = None) -> dict[str, list[dict[str, Any]]]:
    """The same of several users and all roles, in one pass over the table."""
    columns = ["user_id", "item_id", "time", "event_type", "role", "index"]
    out: dict[str, list[dict[str, Any]]] = {u: [] for u in users}
    for row in select(root, manifest or current(root, tables.SPLIT), columns, ds.field("user_id").isin(list(users))):
        out[row.pop("user_id")].append(row)
    return {u: sorted(rows, key=lambda r: int(r["index"])) for u, rows in out.items()}


def lists(root: str, user_id: str, role: str, recommenders: Sequence[str] | None = None,
          manifest: Manifest | None = None, catalogue: Manifest | None = None) -> dict[str, Listed]:  # fmt: skip
    """A user's lists of one role, by recommender, titles included."""
    return lists_of(root, [user_id], role, recommenders, manifest, catalogue)[user_id]


def lists_of(root: str, users: Sequence[str], role: str, recommenders: Sequence[str] | None = None,
             manifest: Manifest | None = None, catalogue: Manifest | None = None
             ) -> dict[str, dict[str, Listed]]:  # fmt: skip
    """The same of several users, in one pass over the table."""
    manifest = manifest or current(root, tables.RECOMMENDATIONS)
    parts = {"role": [role]} | ({"recommender": list(recommenders)} if recommenders is not None else {})
    columns = ["user_id", "recommender", "role", "items", "reason", "history", "because", "reasons",
               "variant"]  # fmt: skip
    rows = select(root, manifest, columns, ds.field("user_id").isin(list(users)), parts)
    known = titles(root, (i for r in rows for i in _named(r)), catalogue)

    def listed(row: dict[str, Any]) -> Listed:
        each = row.get("reasons") or [[]] * len(row["items"])  # versions before 1.1 have none
        items = [
            Shown(i["item_id"], known.get(i["item_id"]), rank=i["rank"], score=i["score"], reasons=tuple(
                Shown(w["item_id"], known.get(w["item_id"]), score=w["influence"]) for w in why))
            for i, why in zip(row["items"], each, strict=True)
        ]  # fmt: skip
        whole = tuple(Shown(i, known.get(i)) for i in row.get("because") or [])
        return Listed(
            row["recommender"], role, row["reason"], int(row["history"]), tuple(items), whole, row.get("variant")
        )

    out: dict[str, dict[str, Listed]] = {u: {} for u in users}
    for row in rows:
        out[row["user_id"]][row["recommender"]] = listed(row)
    return out


def _named(row: Mapping[str, Any]) -> list[str]:
    """Every item that a list's row names."""
    why = [w["item_id"] for each in row.get("reasons") or [] for w in each]
    return [i["item_id"] for i in row["items"]] + why + list(row.get("because") or [])


def some_users(root: str, recommender: str, role: str, count: int, manifest: Manifest | None = None) -> list[str]:
    """`count` users who have a list, chosen by the digest of their id: the same ones whatever the order of files."""
    manifest, past = manifest or current(root, tables.RECOMMENDATIONS), ds.field("history") > 0
    parts = {"role": [role], "recommender": [recommender]}
    # A batch at a time: there may be more users than memory has room for.
    found = (str(u) for batch in batches(root, manifest, ["user_id"], past, parts)
             for u in batch.column("user_id").to_pylist())  # fmt: skip
    return heapq.nsmallest(count, found, key=_by_hash)


def titled(root: str, rows: Sequence[Mapping[str, Any]], catalogue: Manifest | None = None,
           known: Mapping[str, str] | None = None) -> list[Shown]:  # fmt: skip
    """Events as people read them. known: titles, where they were looked up already."""
    if known is None:
        known = titles(root, (r["item_id"] for r in rows), catalogue)
    return [Shown(r["item_id"], known.get(r["item_id"]), r["time"], r["event_type"]) for r in rows]


def frequent(root: str, most: int, catalogue: Manifest, vectors: Manifest) -> list[dict[str, Any]]:
    """item, item_id, title, tags and vector of up to `most` items of most train events, by their place."""
    counts = list(batches(root, catalogue, ["item", "count"]))
    if not counts:
        return []
    every = pa.Table.from_batches(counts).sort_by([("count", "descending"), ("item", "ascending")])
    top = ds.field("item").isin(every["item"].slice(0, most).to_pylist())
    found = {r["item"]: r["vector"] for r in select(root, vectors, ["item", "vector"], top)}
    rows = select(root, catalogue, ["item", "item_id", "title", "tags"], top)
    return sorted((r | {"vector": found[r["item"]]} for r in rows if r["item"] in found), key=lambda r: int(r["item"]))


def tags(root: str, manifest: Manifest) -> dict[int, str]:
    """Id -> tag, of VOCABULARY."""
    return {r["id"]: r["value"] for r in select(root, manifest, ["id", "value"], ds.field("feature") == "tag")}


def known_user(root: str, user_id: str) -> None:
    """DataError D820 where no list and no event of this user is there."""
    manifest = current(root, tables.USERS)
    if not select(root, manifest, ["user_id"], ds.field("user_id") == user_id):
        raise DataError("D820", f"no user {user_id!r}", f"table users {manifest.version}",
                        "ids are compared as text: mind zeros and spaces")  # fmt: skip


def similar(root: str, item_id: str, k: int) -> list[Shown]:
    """The k nearest items by the cosine of their vectors, nearest first, ties by catalogue index; titles included.

    DataError D822 where ITEM_VECTORS holds no such item. Items whose vector is all zeros are like none: cosine 0.
    """
    manifest = current(root, tables.ITEM_VECTORS)
    rows = sorted(select(root, manifest, ["item", "item_id", "vector"]), key=lambda r: int(r["item"]))
    at = next((n for n, row in enumerate(rows) if row["item_id"] == item_id), None)
    if at is None:
        raise DataError("D822", f"no item {item_id!r}", f"table item_vectors {manifest.version}",
                        "ids are compared as text: mind zeros and spaces")  # fmt: skip
    vectors = np.array([row["vector"] for row in rows], np.float64)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    cosine = vectors @ vectors[at]
    order = [n for n in np.argsort(-cosine, kind="stable").tolist() if n != at][:k]
    known = titles(root, (rows[n]["item_id"] for n in order))
    return [
        Shown(i := rows[n]["item_id"], known.get(i), rank=r, score=float(cosine[n])) for r, n in enumerate(order, 1)
    ]


def candidates(root: str, role: str, manifest: Manifest | None = None) -> pa.Table:
    """CANDIDATES of a role with a column a number: role, user_id, item_id, label, had, days_since, history, then
    score_NAME and rank_NAME of each recommender, user_NAME, static_N and item_NAME."""
    manifest = manifest or versions.current(root, tables.CANDIDATES)
    place = files.join(versions.folder(root, manifest.table, manifest.version), "data")
    paths = [files.join(place, f.path) for f in manifest.files if f.partition["role"] == role]
    schema = pa.schema([f for f in arrow_schema(tables.CANDIDATES) if f.name != "role"])
    if paths:
        fs, _ = fsspec.core.url_to_fs(paths[0])
        data = ds.dataset([fsspec.core.url_to_fs(p)[1] for p in paths], schema, "parquet", fs, None).to_table()
    else:
        data = schema.empty_table()
    lists = [f.name for f in schema if pa.types.is_list(f.type)]
    out = {"role": pa.array([role] * len(data), pa.string())}
    out |= {name: data[name] for name in data.column_names if name not in lists}
    widths = {name: pc.max(pc.list_value_length(data[name])).as_py() or 0 for name in lists}
    names = {
        "scores": manifest.facts["recommenders"],
        "ranks": manifest.facts["recommenders"],
        "static": range(widths["static"]),
        "user": manifest.facts["user"],
        "item": manifest.facts["item"],
    }
    for name in lists:
        for i, of in enumerate(names[name]) if widths[name] else ():
            out[f"{name.removesuffix('s')}_{of}"] = pc.list_element(data[name], i)
    return pa.table(out)


def _by_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
