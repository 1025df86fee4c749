"""A leak audit at the edges: a second root whose future is another, and what of the past moved there.

The second root lies below the run's own and is removed afterwards; the run's tables and their names
stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lstmrec import files, versions
from lstmrec.config.clean import CleanConfig, EventSource
from lstmrec.config.run import Config
from lstmrec.config.split import SplitConfig
from lstmrec.config.split import told as instant
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.tables import Table
from lstmrec.frames import core, past, perturb
from lstmrec.store import checks, collect, door
from lstmrec.store.commit import Ticket, commit
from lstmrec.store.read import read

_ALL = 2**31 - 1


@dataclass(frozen=True)
class Finding:
    """One table with a changed future beside the same without: rows on both sides, what moved, the first example."""

    cut: str
    table: str
    rows: int
    moved: dict[str, int] = field(default_factory=dict)
    example: str = ""

    @property
    def plain(self) -> dict[str, Any]:
        return asdict(self)


@contextmanager
def scratch(root: str) -> Iterator[str]:
    """A fresh folder below ROOT/_audit, removed in the end, however it ends; on this machine, where a root is locked,
    with what a killed audit left."""
    above = files.join(root, "_audit")
    place = files.join(above, versions.new_version("audit"))
    stale = above if files.is_local(root) else place
    files.remove(stale)
    try:
        yield place
    finally:
        files.remove(stale)


def stands(job: Any, conf: Config) -> bool:
    """Whether the newest of all that the job gives was made from what is there now, as the config has it."""
    try:
        key = door.ticket(job, conf).skip_key
        return all(versions.current(conf.root, t).skip_key == key for t in job.GIVES)
    except DataError:
        return False


def copied(spark: SparkSession, conf: Config, root: str, wanted: Iterable[Table]) -> None:
    """The newest versions of these tables in another root, facts included."""
    for table in wanted:
        _put(read(spark, conf.root, table), conf, root, table)


def changed(spark: SparkSession, conf: Config, base: str, root: str, cut: str, wanted: Iterable[Table], *,
            catalogue: bool = True) -> Config:  # fmt: skip
    """Lay s1's tables into `root` with everything after the cut changed; returns the config to walk there.

    conf: of the run, whose s1 tables are read. base: the root where s2 of the same events stands. wanted: the tables
    of s1 that later jobs read. By time the cuts are pinned: a share of other events would lie elsewhere. catalogue:
    whether what is said of items first seen later changes too, which validation ranks as well.
    """
    here = read(spark, conf.root, tables.EVENTS)
    split = read(spark, base, tables.SPLIT)
    known = split.where(split["role"].isin(*tables.HISTORY[cut]))
    ends = {r["role"]: (r["time"], r["start"]) for r in collect.rows(read(spark, base, tables.CUTS))}
    if conf.split.by == "time":
        end = ends[cut][0]
        known = here.where(here["time"].isNull() | (here["time"] < end))
        events = here.transform(perturb.by_time(end, conf.as_of_us, conf.seed))
    else:
        later = ("validation", "test") if cut == "validation" else ("test",)
        events = split.transform(perturb.by_place(later, conf.seed, conf.split.items is None))
    items = read(spark, conf.root, tables.ITEMS)
    made = {
        "events": events,
        "items": items.transform(perturb.items(known.select("item_id").distinct())) if catalogue else items,
        "users": read(spark, conf.root, tables.USERS).transform(perturb.users(known.select("user_id").distinct())),
    }
    for table in {*wanted, tables.EVENTS, tables.ITEMS, tables.USERS}:
        _put(made.get(table.name, read(spark, conf.root, table)), conf, root, table)
    return conf.model_copy(update={"root": root, "split": _pinned(conf.split, ends)})


def fitted(conf: Config) -> str:
    """Whether s1 fits rules (k-core, bots): on `all` events, on those before an instant (`early`), or not (empty)."""
    if not core.asks(conf.clean):
        return ""
    return core.ALL if conf.clean.fit_before == core.ALL else "early"


def refitted(conf: Config, root: str, place: str) -> Config:
    """The config of an s1 in `place` whose log is the EVENTS of `root`, with the rules that are fitted alone."""
    made = versions.current(root, tables.EVENTS)
    source = {"path": [files.join(versions.folder(root, made.table, made.version), "data")], "time_unit": "us",
              "event_id": "event_id", "event_type": "event_type", "position": "position"}  # fmt: skip
    kept = {key: getattr(conf.clean, key) for key in ("bots", "core", "fit_before", "time_min", "max_id_length")}
    clean = CleanConfig(events=EventSource(**source), duplicates="exact", max_reject_share=1.0, **kept)
    return conf.model_copy(update={"root": place, "clean": clean})


def cores(spark: SparkSession, cut: str, base: str, other: str) -> Finding:
    """Who is in the core of two roots."""
    was, now = (read(spark, root, tables.CORE) for root in (base, other))
    return _one(cut, tables.CORE, was, now)


def compared(spark: SparkSession, cut: str, base: str, other: str) -> list[Finding]:
    """Every audited table of two roots: the rows that the cut's past decides, side by side."""
    sides = []
    for root in (base, other):
        first = collect.rows(past.untrained(read(spark, root, tables.ENCODED_ITEMS)))[0]["first"]
        frames = {t.name: read(spark, root, t) for t in past.AUDITED}
        sides.append(past.side(cut, frames, _ALL if first is None else first))
    return [_one(cut, contract, rows, sides[1][name][1]) for name, (contract, rows) in sides[0].items()]


def bundles(base: str, other: str) -> Finding:
    """The trained net and its validation metric in two roots."""
    a, b = (versions.current(root, tables.BUNDLE) for root in (base, other))
    told = ("ndcg_10", "best_epoch")
    moved = {name: 1 for name in told if a.facts.get(name) != b.facts.get(name)}
    if a.fingerprint != b.fingerprint:
        moved["digest"] = 1
    said = " · ".join(f"{n} {a.facts.get(n)} -> {b.facts.get(n)}" for n in told)
    return Finding("test", tables.BUNDLE.name, len(a.files), moved, said if moved else "")


def _one(cut: str, contract: Table, base: DataFrame, other: DataFrame) -> Finding:
    was, now = (collect.rows(past.prints(contract, f, checks.canonical))[0] for f in (base, other))
    if (was["rows"], was["hash"]) == (now["rows"], now["hash"]):
        return Finding(cut, contract.name, int(was["rows"]))
    found = collect.rows(past.moved(contract, base, other, checks.canonical))[0]
    names = [c.name for c in contract.columns if c.name not in contract.key]
    moved = {name: int(found[f"n{i}"]) for i, name in enumerate(names)}
    moved |= {"(rows gone)": int(found["gone"]), "(rows new)": int(found["new"])}
    return Finding(cut, contract.name, int(was["rows"]), {k: n for k, n in moved.items() if n}, found["example"] or "")


def _pinned(conf: SplitConfig, ends: dict[str, tuple[int | None, int | None]]) -> SplitConfig:
    """By time: the same instants, said as such."""
    if conf.by != "time":
        return conf
    starts = {f"{role}_from": instant(ends[role][1] or 0) for role in ("validation", "test")}
    return conf.model_copy(update={**starts, "test_share": None, "validation_share": None})


def _put(frame: DataFrame, conf: Config, root: str, table: Table) -> None:
    known = versions.current(conf.root, table)
    ticket = Ticket(root, "audit", 1, "a" * 64, conf.as_of)
    commit(frame, ticket, table, facts=known.facts)
