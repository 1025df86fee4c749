"""Which column is what: guessed by name (English, German, and what tables are made of) and by content."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from lstmrec.survey.clock import Clock, clock_of

WORDS = {
    "user": "user customer client member account household visitor person buyer shopper reader listener profile kunde "
            "kunden nutzer benutzer besucher kaeufer mitglied haushalt konto",
    "item": "item product sku article movie film book song track asin isbn listing offer artikel produkt ware buch "
            "titelnr",
    "time": "time timestamp date datetime day at ts when created ordered occurred zeit zeitpunkt zeitstempel datum "
            "uhrzeit bestellt tag epoch",
    "type": "event action type behavior behaviour interaction ereignis aktion vorgang typ art",
    "value": "value price amount revenue sales total paid spend cost rating stars score preis betrag umsatz wert summe "
             "bewertung kosten",
    "quantity": "quantity qty pieces units count menge anzahl stueck",
    "position": "position seq sequence rank order index reihenfolge folge",
    "title": "title name label product_name titel bezeichnung artikelname produktname",
}  # fmt: skip
_COMMA = r"^[-+]?[0-9]{1,3}(\.?[0-9]{3})*,[0-9]+ ?€?$"
_NUMBER = r"^[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$"
_ENOUGH = 0.95


@dataclass(frozen=True)
class Column:
    """What a sample says of a column.

    kind: text, number, list, vector or other. distinct: different values among `filled` ones. values: the most
    frequent ones. comma: numbers written 1.234,56. mean_length: characters of text.
    """

    name: str
    kind: str
    filled: int
    distinct: int
    values: tuple[str, ...] = ()
    comma: bool = False
    whole: bool = False
    mean_length: float = 0.0
    clock: Clock | None = None

    @property
    def unique(self) -> bool:
        return self.filled > 20 and self.distinct == self.filled


def facts(table: pa.Table) -> dict[str, Column]:
    """Every column of a sample."""
    return {name: _facts(name, table[name]) for name in table.column_names}


def _facts(name: str, values: pa.ChunkedArray) -> Column:
    filled = values.drop_null()
    kind, n = filled.type, len(filled)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        numbers = pa.types.is_floating(kind.value_type)
        return Column(name, "vector" if numbers else "list", n, 0)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)
            or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind)
            or pa.types.is_dictionary(kind)):  # fmt: skip
        return Column(name, "other", n, 0, clock=clock_of(filled) if n else None)
    text = pc.utf8_trim_whitespace(pc.cast(filled, pa.string()))
    counted = sorted(((c["counts"], c["values"]) for c in pc.value_counts(text).to_pylist()),
                     key=lambda pair: (-pair[0], pair[1]))  # fmt: skip
    comma, plain = _share(text, _COMMA) >= _ENOUGH, _share(text, _NUMBER) >= _ENOUGH
    return Column(
        name, "number" if comma or plain else "text", n, len(counted), tuple(v for _, v in counted[:20]), comma,
        plain and _share(text, r"^[-+]?[0-9]+$") >= _ENOUGH,
        float(pc.mean(pc.utf8_length(text)).as_py() or 0.0), clock_of(filled) if n else None,
    )  # fmt: skip


def _share(text: pa.ChunkedArray, pattern: str) -> float:
    return float(pc.mean(pc.cast(pc.match_substring_regex(text, pattern), pa.float64())).as_py() or 0.0)


def score(name: str, role: str) -> float:
    """How well a name fits: 3 for a word of it, 2 for one inside a longer word, half a point more for an id's name."""
    words = WORDS[role].split()
    tokens = plain(name)
    best = 3.0 if set(tokens) & set(words) else 0.0
    if not best and any(w in t for w in words if len(w) >= 4 for t in tokens):
        best = 2.0
    ids = {"id", "nr", "no", "number", "nummer", "code", "key"}
    is_id = any(t in ids or t.endswith(("id", "nr", "nummer", "number")) for t in tokens)
    return best + (0.5 if best and is_id else 0.0)


def plain(name: str) -> list[str]:
    """Lower-case words of a name: `KäuferNr.` is kaeufer, nr."""
    text = re.sub(r"(?<=[a-z0-9äöüß])(?=[A-ZÄÖÜ])", " ", name)
    for letter, written in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.lower().replace(letter, written)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return [t for t in re.split(r"[^a-z0-9]+", text) if t]


def guess_events(columns: Mapping[str, Column]) -> dict[str, str | None]:
    """user, item, time, position, type, value and quantity of an event table, None where nothing looks like it."""
    taken: set[str] = set()

    def best(role: str, fits: Collection[str], least: float = 2.0) -> str | None:
        ranked = sorted((-_fit(columns[c], role), n, c) for n, c in enumerate(columns) if c in fits and c not in taken)
        if ranked and -ranked[0][0] >= least:
            taken.add(ranked[0][2])
            return ranked[0][2]
        return None

    clocks = {c.name for c in columns.values() if c.clock is not None}
    keys = {c.name for c in columns.values() if c.kind in ("text", "number") and c.distinct > 1 and not c.comma}
    # A clock by its type or text needs no name; a number that could be an instant does.
    sure = {c for c in clocks if columns[c].kind != "number"}
    out: dict[str, str | None] = {"time": best("time", clocks) or best("time", sure, -9)}
    out["user"], out["item"] = best("user", keys), best("item", keys)
    out["type"] = best("type", {c for c in keys if columns[c].kind == "text" and columns[c].distinct <= 50})
    numbers = {c.name for c in columns.values() if c.kind == "number"}
    out["value"], out["quantity"] = best("value", numbers), best("quantity", numbers)
    out["position"] = None if out["time"] else best("position", {c for c in numbers if columns[c].whole})
    loose = [c for c in keys if columns[c].distinct > 10 and not columns[c].unique and columns[c].clock is None]
    for role in ("user", "item"):  # by content alone: names of ids that repeat, in the table's order
        if out[role] is None:
            out[role] = next((c for c in columns if c in loose and c not in taken), None)
            taken |= {out[role] or ""}
    return out


def _fit(column: Column, role: str) -> float:
    fit = score(column.name, role)
    if role in ("user", "item"):
        fit -= 2.0 * column.unique + 1.5 * (column.distinct <= 2)
        fit -= 0.5 * (column.kind == "text" and column.mean_length > 30)  # a title is no id
    return fit


def guess_key(columns: Mapping[str, Column], sample: pa.Table, values: Collection[str], role: str) -> tuple[str, float]:
    """The column of an items or users table that holds the events' ids, and the share of `values` found in it."""
    found = []
    for n, column in enumerate(columns.values()):
        if column.kind in ("text", "number"):
            there = set(pc.utf8_trim_whitespace(pc.cast(sample[column.name].drop_null(), pa.string())).to_pylist())
            share = len(there & set(values)) / max(len(values), 1)
            found.append((-2 * share - score(column.name, role) / 3, n, column.name, share))
    found.sort()
    return (found[0][2], found[0][3]) if found else (next(iter(columns)), 0.0)


def guess_items(columns: Mapping[str, Column], key: str) -> dict[str, list[str]]:
    """title (one at most), tags, text, numeric and vectors of a catalogue."""
    rest = [c for c in columns.values() if c.name != key and c.filled]
    texts = sorted((c for c in rest if c.kind == "text"), key=lambda c: -score(c.name, "title"))
    title = texts[0].name if texts and score(texts[0].name, "title") else None
    tags = [c.name for c in rest if c.name != title and (c.kind == "list" or _category(c))]
    long = [c.name for c in rest if c.kind == "text" and c.name not in (title, *tags) and c.mean_length > 20]
    return {
        "title": [title] if title else [], "tags": tags, "text": [*([title] if title else []), *long],
        "numeric": [c.name for c in rest if c.kind == "number" and not _is_id(c) and c.clock is None],
        "vectors": [c.name for c in rest if c.kind == "vector"],
    }  # fmt: skip


def guess_users(columns: Mapping[str, Column], key: str) -> list[str]:
    """Demographics: columns of few values."""
    return [c.name for c in columns.values() if c.name != key and (_category(c) or (c.whole and 1 < c.distinct <= 120))]


def _category(column: Column) -> bool:
    return column.kind == "text" and 1 < column.distinct <= max(column.filled // 3, 1) and column.mean_length <= 40


def _is_id(column: Column) -> bool:
    tokens: Sequence[str] = plain(column.name)
    return (column.unique and column.whole) or any(
        t in ("id", "nr", "code", "key") or t.endswith("nummer") for t in tokens
    )
