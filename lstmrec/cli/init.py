"""`lstmrec init`: from a table nobody has described to a config that `lstmrec run` takes unedited; no Spark."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lstmrec import files
from lstmrec.cli.shown import clean
from lstmrec.config.load import load
from lstmrec.contracts.errors import ConfigError
from lstmrec.survey import columns as found
from lstmrec.survey import draft, scan
from lstmrec.survey.clock import Clock, clock_of
from lstmrec.survey.table import opened

NONE = "none"
_ROLES = {"user": "who", "item": "what", "time": "when", "type": "what they did", "value": "what it was worth"}
_MUST = ("user", "item")
_OVERLAP = 0.5
_EACH = 5_000_000


def _column(role: str) -> Any:
    return typer.Option(f"--{role}-col", metavar="COLUMN", help=f"{_ROLES[role]}; `{NONE}` for none")


def init(
    events: Annotated[str, typer.Argument(help="CSV or Parquet: a file, a folder or a glob of events")],
    items: Annotated[str | None, typer.Option(help="table of items, CSV or Parquet")] = None,
    users: Annotated[str | None, typer.Option(help="table of users, CSV or Parquet")] = None,
    user_col: Annotated[str | None, _column("user")] = None,
    item_col: Annotated[str | None, _column("item")] = None,
    time_col: Annotated[str | None, _column("time")] = None,
    type_col: Annotated[str | None, _column("type")] = None,
    value_col: Annotated[str | None, _column("value")] = None,
    time_unit: Annotated[str | None, typer.Option(help="s, ms, us or ns, of a number; guessed unless said")] = None,
    sep: Annotated[str | None, typer.Option(help="separator of CSV; guessed unless said")] = None,
    root: Annotated[str | None, typer.Option(help="folder of the run's tables")] = None,
    out: Annotated[str | None, typer.Option(help="the config to write; NAME.yaml unless said")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="take every guess, ask nothing")] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="print what was chosen as one JSON object; asks nothing")
    ] = False,
) -> None:
    """Look at your table, guess which column is what, and write a config to run."""
    console = Console(highlight=False, soft_wrap=True, quiet=json_)
    ask = _asker(yes or json_)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(events.rstrip("/*?")).stem).strip("-") or "events"
    place = out or f"{name}.yaml"
    if files.exists(place):
        raise ConfigError("C051", f"{place} is there already", place, "--out another.yaml")
    table = opened(events, sep)
    sample = table.sample()
    facts = found.facts(sample)
    _show(console, facts)
    given = {"user": user_col, "item": item_col, "time": time_col, "type": type_col, "value": value_col}
    chosen = _choose(facts, given, ask)
    clock = _clock(sample, facts, chosen, time_unit)
    shown = draft.Events(table, facts, chosen, clock)
    items = items or ask("table of items (path)", NONE, None)
    users = users or ask("table of users (path)", NONE, None)
    catalogue = _side(console, items, "item", sample, chosen, sep)
    people = _side(console, users, "user", sample, chosen, sep)
    root = root or ask("folder of the run", f"runs/{name}", None) or f"runs/{name}"
    who, what, when = str(chosen["user"]), str(chosen["item"]), chosen["time"]
    counted = scan.count(table, who, what, when, clock, _teller(console))
    repeats = scan.repeats(sample, who, what, when)
    data = draft.config(root, shown, catalogue, people, counted, repeats)
    files.create(place, draft.text(data, shown, counted, repeats).encode())
    load([place])  # what was written is what will be read: a fault of ours shows here
    if json_:
        print(json.dumps({"config": place, "root": root, "events": counted.events, "users": counted.users,
                          "items": counted.items, "as_of": data["as_of"], "columns": chosen}))  # fmt: skip
    _end(console, place, counted)


Ask = Callable[[str, str, Callable[[str], str] | None], str | None]


def _asker(silent: bool) -> Ask:
    """A question with its guess, which Enter takes; None for `none`."""

    def ask(question: str, guess: str, check: Callable[[str], str] | None) -> str | None:
        answer = guess if silent else typer.prompt(question, default=guess, value_proc=check, err=True)
        return None if answer == NONE else str(answer)

    return ask


def _choose(facts: Mapping[str, found.Column], given: Mapping[str, str | None], ask: Ask) -> dict[str, str | None]:
    """Column of each role: as told, or as asked. ConfigError C052 for no column, or where one is missing or twice."""
    guesses = found.guess_events(facts)

    def check(answer: str) -> str:
        if answer != NONE and answer not in facts:
            raise typer.BadParameter(f"no column {answer!r}; there are {', '.join(facts)}, or {NONE}")
        return answer

    chosen: dict[str, str | None] = {}
    for role, means in _ROLES.items():
        told = given[role]
        if told is not None and told != NONE and told not in facts:
            raise ConfigError("C052", f"no column {told!r}", f"--{role}-col", f"columns there: {', '.join(facts)}")
        guess = guesses[role] if guesses[role] not in [v for k, v in given.items() if k != role] else None
        chosen[role] = _none(told) if told is not None else ask(f"{role} column ({means})", guess or NONE, check)
        if role in _MUST and chosen[role] is None:
            raise ConfigError("C052", f"nothing here looks like the {role} column", "",
                              f"--{role}-col COLUMN, one of: {', '.join(facts)}")  # fmt: skip
    if chosen["user"] == chosen["item"]:
        raise ConfigError("C052", f"{chosen['user']!r} cannot be both user and item", "", "--user-col and --item-col")
    for role in ("quantity", "position"):
        chosen[role] = guesses[role] if guesses[role] not in chosen.values() else None
    if chosen["time"]:
        chosen["position"] = None
    elif chosen["position"] is None:
        whole = [c.name for c in facts.values() if c.whole]
        chosen["position"] = found.guess_events({n: replace(facts[n], clock=None) for n in whole})["position"]
    return chosen


def _none(told: str) -> str | None:
    return None if told == NONE else told


def _clock(sample: pa.Table, facts: Mapping[str, found.Column], chosen: Mapping[str, str | None], unit: str | None
           ) -> Clock | None:  # fmt: skip
    """How the time column is read. ConfigError C053 where it is no instant we know, or there is no order at all."""
    name = chosen["time"]
    if name is None:
        if chosen["position"] is None:
            raise ConfigError("C053", "events have no order: neither a time nor a position column", "",
                              f"--time-col COLUMN, one of: {', '.join(facts)}")  # fmt: skip
        return None
    if unit is not None:
        if unit not in ("s", "ms", "us", "ns"):
            raise ConfigError("C053", f"--time-unit {unit} is none", hint="s, ms, us or ns")
        return Clock(unit=unit)
    clock = clock_of(sample[name])
    if clock is None:
        raise ConfigError("C053", f"cannot read {name} as instants, such as {', '.join(facts[name].values[:3])}",
                          "--time-col", "--time-unit for a number; for text SQL in clean.events.time of a config of "
                          "your own: try_to_timestamp(COLUMN, 'dd-MM-yyyy')")  # fmt: skip
    return clock


def _side(console: Console, path: str | None, role: str, sample: pa.Table, chosen: Mapping[str, str | None],
          sep: str | None) -> draft.Side | None:  # fmt: skip
    """An items or users table, its key by which of its columns holds the events' ids."""
    if path is None:
        return None
    table = opened(path, sep)
    rows = table.sample()
    facts = found.facts(rows)
    ids = pc.unique(pc.utf8_trim_whitespace(pc.cast(sample[str(chosen[role])].drop_null(), pa.string()))).to_pylist()
    key, share = found.guess_key(facts, rows, set(ids), role)
    uses = found.guess_items(facts, key) if role == "item" else {"attributes": found.guess_users(facts, key)}
    listed = "; ".join(f"{use}: {', '.join(names)}" for use, names in uses.items() if names)
    console.print(Text(f"{role}s: {path} by {clean(key)} · {clean(listed)}"))
    if share < _OVERLAP:
        console.print(Text(f"  only {share:.0%} of the events' {role}s are in it: is {clean(key)} the same id?",
                           style="yellow"))  # fmt: skip
    return draft.Side(table, facts, key, uses)


def _show(console: Console, facts: Mapping[str, found.Column]) -> None:
    table = Table("column", "looks like", "different", "for example", box=None, pad_edge=False)
    for c in facts.values():
        kind = "instant" if c.clock is not None and c.kind != "number" else c.kind
        example = clean(", ".join(c.values[:3]))
        table.add_row(Text(clean(c.name)), kind, f"{c.distinct:,}", Text(example[:60] + "..." * (len(example) > 60)))
    console.print(table)


def _teller(console: Console) -> Callable[[int], None]:
    said = [_EACH]

    def tell(rows: int) -> None:
        if rows >= said[0]:
            console.print(Text(f"{rows:,} rows read"))
            said[0] = rows + _EACH

    return tell


def _end(console: Console, place: str, counted: scan.Counted) -> None:
    most = "or more " if counted.users == scan.MOST else ""
    console.print(Text(f"{counted.events:,} events of {counted.users:,} {most}users over {counted.span:,} days"))
    if counted.unreadable:
        console.print(Text(f"{counted.unreadable:,} events without a readable time: they are refused", style="yellow"))
    console.print(Text(f"wrote {place}.  Next: lstmrec run --config {place}"))
