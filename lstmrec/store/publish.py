"""The name `live`: it moves only when every gate has passed, for all tables together, and can go back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby

from lstmrec import files, versions
from lstmrec.config.publish import CatalogConfig
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError, GateError, ResourceError
from lstmrec.store import catalog as catalogs
from lstmrec.store.gates import Gate, gates
from lstmrec.store.published import numbered
from lstmrec.store.published import publications as publications  # what others ask this module for

#: What readers outside the road read. The lists go last: whoever sees a new list finds all that explains it.
PUBLISHED = (
    tables.SPLIT, tables.USERS, tables.ENCODED_ITEMS, tables.BUNDLE, tables.ITEM_VECTORS, tables.METRICS,
    tables.REPORT, tables.RECOMMENDATIONS,
)  # fmt: skip


def publish(conf: Config) -> list[Gate]:
    """Move `live` to the newest versions of what is published, then the views of `publish.catalog` (which takes a Spark
    session: the active one, or one made here). GateError G001 and nothing moved when a gate fails; `catalog.views`."""
    found = gates(conf)
    failed = [g for g in found if g.level == "fail"]
    if failed:
        raise GateError("G001", "; ".join(f"{g.name}: {g.figure}, limit {g.limit}, {g.said}" for g in failed),
                        conf.root, "nothing was published; mend it and run again")  # fmt: skip
    heads = {t.name: log[-1] for t in PUBLISHED if (log := versions.log(conf.root, t.name))}
    if conf.flow == "daily":  # a day serves the bundle that was judged, with what was said of it
        for kept in (tables.BUNDLE, tables.METRICS, tables.REPORT):
            if live := versions.log(conf.root, kept.name, "live"):
                heads[kept.name] = live[-1]
    with catalogs.views(conf.root, conf.publish.catalog) as follow:
        _move(conf.root, heads)
        follow()
    return found


def rollback(root: str, table: str | None = None, *, catalog: CatalogConfig | None = None) -> dict[str, str]:
    """Back to the publication before the one that is live (of one table only, where named); returns table -> version.

    It steps before the first time the live one was published, so that going back twice never returns to what was
    taken back. One that was broken off is completed instead; one that was erased or pruned is passed over. DataError
    D830 where there is nothing earlier. catalog: `publish.catalog`, whose views follow.
    """
    with catalogs.views(root, catalog) as follow:
        moved = _back(root, table)
        follow()
    return moved


def _back(root: str, table: str | None) -> dict[str, str]:
    entries = publications(root)
    if table is not None:
        entries = [{table: e[table]} for e in entries if table in e]
    entries = [e for e, _ in groupby(entries)]
    entries = [e for e in entries if e == entries[-1] or _whole(root, e)]
    if entries and entries[-1] in entries[:-1] and not _arrived(root, entries[-1]):
        _move(root, publications(root)[-1])
        return entries[-1]
    if not entries or entries.index(entries[-1]) == 0:
        raise DataError("D830", f"nothing was published before {'what is live' if entries else 'now'}", root,
                        "publish a run first: lstmrec publish")  # fmt: skip
    before = entries[entries.index(entries[-1]) - 1]
    _move(root, (publications(root)[-1] | before))
    return before


def _whole(root: str, entry: Mapping[str, str]) -> bool:
    """Whether all of a publication is there but the page, which nobody reads tables by."""
    return all(versions.stands(root, name, v) for name, v in entry.items() if name != tables.REPORT.name)


def _arrived(root: str, entry: Mapping[str, str]) -> bool:
    return all(versions.log(root, name, "live")[-1:] == [version] for name, version in entry.items())


def _move(root: str, heads: Mapping[str, str]) -> None:
    entries = publications(root)
    if not entries or entries[-1] != dict(heads):
        place = files.join(root, "_published")
        path = files.join(place, f"{max((int(n[:-5]) for n in numbered(place)), default=-1) + 1:06d}.json")
        if not files.create(path, json.dumps(dict(heads), sort_keys=True).encode()):
            raise ResourceError("R104", "another run published at the same time", path, "publish again")
    for name in (t.name for t in PUBLISHED if t.name in heads):
        versions.append(root, name, heads[name], "live")
