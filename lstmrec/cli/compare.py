"""`lstmrec compare`: two runs side by side; no Spark."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import pyarrow.dataset as ds
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lstmrec import lookup, versions
from lstmrec.cli.options import Json
from lstmrec.cli.status import differing
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError


def compare(
    run_a: Annotated[str, typer.Argument(help="root of a run")],
    run_b: Annotated[str, typer.Argument(help="root of another, or ROOT@VERSION of its table recommendations")],
    users: Annotated[int, typer.Option(min=1, help="users whose lists are compared, by hash")] = 2000,
    json_: Json = False,
) -> None:
    """Print what differs in config, test figures and lists."""
    told = compared(run_a, run_b, users)
    if json_:
        print(json.dumps(told, ensure_ascii=False))
        return
    console = Console(highlight=False, soft_wrap=True)
    figures = Table("recommender", "metric", "A", "B", "B - A", box=None, pad_edge=False, title="on test",
                    title_justify="left")  # fmt: skip
    for row in told["metrics"]:
        a, b = (("-" if row[x] is None else f"{row[x]:.4f}") for x in "ab")
        gap = "" if row["gap"] is None else f"{row['gap']:+.4f}"
        figures.add_row(Text(row["recommender"]), row["metric"], a, b, gap)
    lists = Table("recommender", "role", "users", "same list", "items in common", box=None, pad_edge=False,
                  title="lists", title_justify="left")  # fmt: skip
    for row in told["lists"]:
        lists.add_row(Text(row["recommender"]), row["role"], f"{row['users']:,}", f"{row['same']:.1%}",
                      f"{row['overlap']:.1%}")  # fmt: skip
    config = Table("key", "A", "B", box=None, pad_edge=False, title="config", title_justify="left")
    for row in told["config"]:
        config.add_row(Text(row["key"]), Text(str(row["a"])), Text(str(row["b"])))
    for table in (figures, lists, config):
        console.print(table if table.row_count else f"{table.title}: nothing differs")


def compared(a: str, b: str, users: int) -> dict[str, list[dict[str, Any]]]:
    """metrics: recommender, metric, a, b (null: not there), gap. lists: recommender, role, users, same (share of equal
    lists), overlap (mean share of A's items that B's list has). config: key, a, b, of the keys that differ.

    DataError D823 where a run has no metrics and no lists in common with the other.
    """
    one, two = (_lists(run) for run in (a, b))
    out = {"metrics": _metrics(one[0], two[0]), "lists": _overlaps(one, two, users), "config": _config(one[0], two[0])}
    if not out["metrics"] and not out["lists"]:
        raise DataError("D823", "the runs have no recommender in common", f"{a} · {b}", "name roots of two runs")
    return out


def _lists(run: str) -> tuple[str, Any]:
    root, _, version = run.partition("@")
    if version:
        return root, versions.load(root, tables.RECOMMENDATIONS, version)
    return root, versions.current(root, tables.RECOMMENDATIONS)


def _metrics(a: str, b: str) -> list[dict[str, Any]]:
    if not all(versions.log(root, tables.METRICS.name) for root in (a, b)):
        return []
    one, two = (versions.current(root, tables.METRICS).facts.get("test", {}) for root in (a, b))
    out = []
    for name in sorted({*one, *two}):
        for metric in sorted({*one.get(name, {}), *two.get(name, {})}):
            x, y = one.get(name, {}).get(metric), two.get(name, {}).get(metric)
            gap = None if x is None or y is None else y - x
            out.append({"recommender": name, "metric": metric, "a": x, "b": y, "gap": gap})
    return out


def _overlaps(a: tuple[str, Any], b: tuple[str, Any], users: int) -> list[dict[str, Any]]:
    parts = [{(f.partition["recommender"], f.partition["role"]) for f in manifest.files} for _, manifest in (a, b)]
    out = []
    for name, role in sorted(parts[0] & parts[1]):
        asked = lookup.some_users(a[0], name, role, users, a[1])
        one, two = (_items(root, manifest, name, role, asked) for root, manifest in (a, b))
        both = [u for u in asked if u in one and u in two]
        same = sum(one[u] == two[u] for u in both) / max(len(both), 1)
        shares = [len({*one[u]} & {*two[u]}) / max(len(one[u]), 1) for u in both]
        out.append({"recommender": name, "role": role, "users": len(both), "same": same,
                    "overlap": sum(shares) / max(len(both), 1)})  # fmt: skip
    return out


def _items(root: str, manifest: Any, name: str, role: str, users: list[str]) -> dict[str, list[str]]:
    rows = lookup.select(root, manifest, ["user_id", "items"], ds.field("user_id").isin(users),
                         {"recommender": [name], "role": [role]})  # fmt: skip
    return {r["user_id"]: [i["item_id"] for i in r["items"]] for r in rows}


def _config(a: str, b: str) -> list[dict[str, Any]]:
    one, two = (_settings(root) for root in (a, b))
    return [{"key": key, "a": _at(one, key), "b": _at(two, key)} for key in differing(one, two)]


def _settings(root: str) -> dict[str, Any]:
    """What the newest version of every table that can be read was made with."""
    found: dict[str, Any] = {}
    for table in tables.ALL:
        if made := versions.readable(root, table):
            found |= made.config
    return found


def _at(data: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key; top keys may have dots of their own."""
    for top in sorted(data, key=len, reverse=True):
        if key == top:
            return data[top]
        if key.startswith(f"{top}.") and isinstance(data[top], Mapping):
            return _at(data[top], key[len(top) + 1 :])
    return None
