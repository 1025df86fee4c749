"""What was found about a table, as a config file with comments that `lstmrec run` takes unedited."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lstmrec.survey import plan
from lstmrec.survey.clock import Clock
from lstmrec.survey.columns import Column, plain
from lstmrec.survey.scan import Counted
from lstmrec.survey.table import Opened


@dataclass(frozen=True)
class Events:
    """The event table and its columns by role (user, item, time, position, type, value, quantity)."""

    table: Opened
    columns: Mapping[str, Column]
    chosen: Mapping[str, str | None]
    clock: Clock | None


@dataclass(frozen=True)
class Side:
    """An items or users table: its key, and the columns of each use (guess_items; attributes of users)."""

    table: Opened
    columns: Mapping[str, Column]
    key: str
    uses: Mapping[str, Sequence[str]] = field(default_factory=dict)


def config(root: str, events: Events, items: Side | None, users: Side | None, counted: Counted, repeats: float
           ) -> dict[str, Any]:  # fmt: skip
    """The config as plain data."""
    cut, _ = plan.split(counted)
    sequence = plan.sequence(counted, repeats, cut)
    kind = events.chosen.get("type")
    types = events.columns[kind].distinct if kind else 1
    has = items.uses if items else {}
    inputs = ["id", *(name for name in ("tags", "text", "numeric", "vectors") if has.get(name))]
    attributes = list(users.uses.get("attributes", ())) if users else []
    clean: dict[str, Any] = {"events": _events(events)}
    if items:
        clean["items"] = _source(items) | {"item_id": items.key} | _items(items)
    if users:
        clean["users"] = _source(users) | {"user_id": users.key, "attributes": attributes}
    return {
        "root": root, "as_of": plan.as_of(counted) if counted.days else "2000-01-01T00:00:00Z", "clean": clean,
        "split": cut, "sequence": sequence,
        "train": plan.train(counted, events.clock is not None, types, inputs, bool(attributes)),
        "score": plan.score(cut, sequence["history"]), "report": {"ids": "hashed"},
    }  # fmt: skip


def number(column: Column) -> str:
    """The column, or SQL for numbers written 1.234,56."""
    return f"translate({quoted(column.name)}, ',. €', '.')" if column.comma else column.name


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return "`" + name.replace("`", "``") + "`"


def _events(events: Events) -> dict[str, Any]:
    chosen, columns = events.chosen, events.columns
    out: dict[str, Any] = _source(events) | {"user_id": chosen["user"], "item_id": chosen["item"]}
    out["time"] = events.clock.sql(str(chosen["time"])) if events.clock and chosen["time"] else None
    if events.clock and events.clock.unit:
        out["time_unit"] = events.clock.unit
    for key, role in (("position", "position"), ("event_type", "type")):
        if chosen.get(role):
            out[key] = chosen[role]
    for role in ("value", "quantity"):
        if name := chosen.get(role):
            out[role] = number(columns[name])
    return out


def _source(side: Events | Side) -> dict[str, Any]:
    table = side.table
    return {"format": table.format, "path": [table.path]} | ({"options": table.options} if table.options else {})


def _items(items: Side) -> dict[str, Any]:
    out: dict[str, Any] = {"title": items.uses["title"][0]} if items.uses.get("title") else {}
    out |= {key: list(items.uses[key]) for key in ("tags", "text") if items.uses.get(key)}
    numbers = {_slug(n): _cast(items.columns[n]) for n in items.uses.get("numeric", ())}
    vectors = {_slug(n): n for n in items.uses.get("vectors", ())}
    return out | ({"numeric": numbers} if numbers else {}) | ({"vectors": vectors} if vectors else {})


def _cast(column: Column) -> str:
    return f"try_cast({number(column) if column.comma else quoted(column.name)} as double)"


def _slug(name: str) -> str:
    text = "_".join(plain(name)) or "number"
    return text if re.match("[a-z]", text) else f"n_{text}"


def text(data: Mapping[str, Any], events: Events, counted: Counted, repeats: float) -> str:
    """The config as YAML, each part after what it is there for."""
    why = _reasons(events, counted, repeats)
    lines = [
        f"# {events.table.path}: {counted.events:,} events, {counted.users:,} users, {counted.items:,} items.",
        "# Written by `lstmrec init`; every other key has a default: docs/reference/config.md.",
    ]
    for key, value in data.items():
        lines += ["", *(f"# {line}" for line in why.get(key, ()))] if key in why else []
        lines += _yaml(key, value, 0)
    return "\n".join(lines) + "\n"


def _reasons(events: Events, counted: Counted, repeats: float) -> dict[str, list[str]]:
    cut, because = plan.split(counted)
    named = events.chosen.get("type")
    kinds = f" Types found: {', '.join(events.columns[named].values[:8])}." if named else ""
    stray = f" {counted.stray:,} later ones stand alone after a month of silence: refused as future." * (
        counted.stray > 0
    )
    return {
        "root": ["Where tables, lists and the report go."],
        "as_of": ["What counts as now: the second after the last event." + stray] if counted.days else
                 ["Names the run only: the events have no clock."],
        "clean": [f"Which column is what: a name, or SQL.{kinds}"] + (
            ["Weigh types by events.weights: {TYPE: 2.0}; a weight of 0 leaves a type out."] if named else []),
        "split": [f"{because}: " + ("the last days test, those before validate." if cut["by"] == "time" else
                                    "each user's last event tests, the one before validates.")],
        "sequence": [f"{repeats:.0%} of the pairs of user and item in the sample come again, so what a user had is "
                     + ("learnt from." if repeats >= 0.15 else "not shown again."),
                     "history: filter hides it, learn gives it a score of its own, ignore does nothing."],
        "train": [f"Sizes for {counted.events:,} events in one process. More ranks: launch: horovodrun, ranks: 4,",
                  "reader: petastorm. A GPU is used where there is one."],
        "score": ["Lists of k items by the model, and by what it has to beat."],
        "report": ["hashed: the page names no user; open shows ids, off no users at all."],
    }  # fmt: skip


def _yaml(key: str, value: Any, depth: int) -> list[str]:
    """Block style for mappings of mappings, flow style for what fits a line; text is quoted as JSON does it."""
    pad = "  " * depth
    if isinstance(value, dict) and value and (len(_flow(value)) > 90 or any(
            isinstance(v, dict | list) for v in value.values())):  # fmt: skip
        return [f"{pad}{_name(key)}:", *(line for k, v in value.items() for line in _yaml(k, v, depth + 1))]
    if isinstance(value, list) and len(_flow(value)) > 90:
        return [f"{pad}{_name(key)}:", *(f"{pad}  - {_flow(v)}" for v in value)]
    return [f"{pad}{_name(key)}: {_flow(value)}"]


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_name(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(v) for v in value) + "]"
    if isinstance(value, str) and re.fullmatch(r"[a-z][a-z_]*", value) and value not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def _name(key: str) -> str:
    return key if re.fullmatch(r"[a-z][a-z0-9_]*", key) and key not in _WORDS else json.dumps(key, ensure_ascii=False)
