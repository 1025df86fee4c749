"""What still holds users who are to be forgotten, and its removal: versions, what killed jobs left, run records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any, Literal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstmrec import files, versions
from lstmrec.config.run import Config
from lstmrec.config.split import instant_us
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.contracts.tables import Table
from lstmrec.contracts.units import DAY_US
from lstmrec.frames import erased as frames
from lstmrec.store import collect, erased, prune
from lstmrec.store.commit import Ticket, seal, stage
from lstmrec.store.read import read_version

#: Tables of every flow: their newest versions and the published ones are made anew by a run, never here.
_MADE = (tables.EVENTS, tables.REJECTS, tables.CORE, tables.USERS, tables.SEEN, tables.SPLIT, tables.ENCODED_USERS,
         tables.WINDOWS, tables.USER_PROFILES, tables.RECOMMENDATIONS)  # fmt: skip
#: Of what a bundle was made of, tables that have users: days and exports read facts of these, and rows of CORE alone.
_PINNED = (tables.EVENTS, tables.CORE, tables.ENCODED_USERS, tables.USER_PROFILES, tables.SEQUENCES)
Key = tuple[str, str]


@dataclass(frozen=True)
class Held:
    """A version (or another folder or file below the root: then version is empty) that holds such users, and what
    becomes of it: it is removed, a bundle's table is written anew without them, or it waits for `erase.keep_days`."""

    table: str
    version: str
    bytes: int
    does: Literal["remove", "rewrite", "wait"]


def found(spark: SparkSession, conf: Config, names: Mapping[str, str]) -> list[Held]:
    """Everything below the root that holds users of `erase.table`, by table, then version. names: how a page may call
    them -> their id (`report.people.named`).

    ConfigError C840 where there is no `erase.table`, or the config itself names one of them; DataError D842 where the
    newest or the published tables hold some: only a run makes those without them.
    """
    gone, root = erased.asked(spark, conf), conf.root
    if gone.frame is None:
        raise ConfigError("C840", "no erase.table says whom to forget", "erase.table", "see docs/howto/erase.md")
    if conf.report.show_user in names.values():
        raise ConfigError("C840", "the config names a user who is to be forgotten", "report.show_user", "take it out")
    there = {t.name: dict(prune.whole(root, t)) for t in tables.ALL}
    hit = {(t.name, v) for t in tables.ALL for v in _scanned(spark, root, t, there[t.name], gone.frame)}
    hit |= {("rejects", v) for v, m in there["rejects"].items() if m and m.facts.get("erasure") != gone.mark}
    hit |= {("report", v) for v, m in there["report"].items() if m and _shown(root, m, names)}
    hit |= {(t, v) for t, of in there.items() for v, m in of.items() if m and _asked_for(m.config) in names.values()}
    hit = _built_upon(hit, there)
    if made := sorted({t for t, _ in hit & _stays(root, there)}):
        raise DataError("D842", f"the newest or published tables still hold such users: {', '.join(made)}", root,
                        "make and publish them anew first: lstmrec run; then erase")  # fmt: skip
    waits = {(t, v) for t, v in hit if _age(conf, there[t][v]) < conf.erase.keep_days}
    waits |= {(t, v) for t, w in waits for v in _chain(there[t][w]) if (t, v) in hit}
    pins = {(t.name, v) for t in _PINNED for v in _pinned(root, t, there)}
    out = [Held(t, v, _size(root, t, v), "wait" if (t, v) in waits else "rewrite" if (t, v) in pins else "remove")
           for t, v in sorted(hit)]  # fmt: skip
    unfinished = [Held(t, v, _size(root, t, v), "remove")
                  for t, of in there.items() for v, m in sorted(of.items()) if m is None]  # fmt: skip
    return out + unfinished + [*_remains(root)] + [*_told(conf, names)]


def do(spark: SparkSession, conf: Config, held: Iterable[Held]) -> None:
    """Rewrite, then remove. What is broken off goes on with the next call."""
    gone = erased.asked(spark, conf)
    for one in held:
        if one.does == "rewrite":
            _rewrite(spark, conf.root, tables.table(one.table), one.version, gone)
        if one.does != "wait" and one.version:
            prune.remove(conf.root, prune.Old(one.table, one.version, one.bytes, whole=True))
        elif one.does != "wait":
            files.remove(files.join(conf.root, one.table))


def names(spark: SparkSession, conf: Config, named: Any) -> dict[str, str]:
    """How a page may call each such user -> the id. named: `report.people.named`."""
    gone = erased.asked(spark, conf)
    ids = [] if gone.frame is None else [str(r["user_id"]) for r in collect.rows(gone.frame)]
    return {named(i, 0, way, conf.seed): i for i in ids for way in ("open", "hashed")}


def _scanned(spark: SparkSession, root: str, contract: Table, there: Mapping[str, Manifest | None], gone: DataFrame
             ) -> list[str]:  # fmt: skip
    """Versions of a table with rows of theirs, by one look at the column of users in all its files."""
    who = "user_id" if "user_id" in contract.names else "id" if "kind" in contract.names else ""
    paths = [files.join(versions.folder(root, contract.name, v), "data", f.path)
             for v, m in there.items() if m for f in m.files]  # fmt: skip
    if not who or not paths:
        return []
    kind = "kind string, " if who == "id" else ""
    rows = spark.read.schema(f"{kind}`{who}` string").parquet(*paths)
    rows = rows.where("kind = 'user'") if kind else rows
    at = F.regexp_extract(F.input_file_name(), f"/{contract.name}/([^/]+)/data/", 1)
    rows = rows.select(at.alias("version"), F.col(who).alias("user_id"))
    return [str(r["version"]) for r in collect.rows(frames.theirs(rows, gone).select("version").distinct())]


def _shown(root: str, report: Manifest, names: Mapping[str, str]) -> bool:
    """Whether one of them is an example user of a page."""
    told = files.whole_json(files.join(versions.folder(root, "report", report.version), "facts.json")) or {}
    return any(p.get("name") in names for p in told.get("people", ()))


def _asked_for(config: Mapping[str, Any]) -> Any:
    return (config.get("report") or {}).get("show_user")


def _chain(found: Manifest | None) -> list[str]:
    return list(found.facts.get("chain", ())) if found else []


def _built_upon(hit: set[Key], there: Mapping[str, Mapping[str, Manifest | None]]) -> set[Key]:
    """With the versions that go on from one of these: they cannot be read without it."""
    return hit | {(t, v) for t, of in there.items() for v, m in of.items() if {(t, c) for c in _chain(m)} & hit}


def _stays(root: str, there: Mapping[str, Mapping[str, Manifest | None]]) -> set[Key]:
    """Newest and published versions of the tables that every run makes, with what they go on from."""
    out: set[Key] = set()
    for contract in _MADE:
        for name in ("head", "live"):
            for version in versions.log(root, contract.name, name)[-1:]:
                out |= {(contract.name, v) for v in (version, *_chain(there[contract.name].get(version)))}
    return out


def _pinned(root: str, contract: Table, there: Mapping[str, Mapping[str, Manifest | None]]) -> Iterator[str]:
    """What days apply of bundles that are there, what these were trained on, and the sequences that s7 asks for."""
    if contract is tables.SEQUENCES:
        yield from versions.log(root, contract.name)[-1:]
    for bundle in (b for b in there["bundle"].values() if b):
        if (version := bundle.facts.get("fitted", {}).get(contract.name)) is not None:
            yield versions.instead_of(root, contract, str(version))
        of = bundle.parents.get(contract.name)
        yield from (v for v, m in there[contract.name].items() if m and m.fingerprint == of)


def _age(conf: Config, found: Manifest | None) -> float:
    return float("inf") if found is None else (conf.as_of_us - instant_us(found.as_of)) / DAY_US


def _size(root: str, *below: str) -> int:
    return sum(files.walk(files.join(root, *below)).values())


def _remains(root: str) -> Iterator[Held]:
    """What killed jobs left, but for checkpoints, which hold nobody. Whoever calls holds the root's lock."""
    for job in files.names(files.join(root, "_work")):
        for name in files.names(files.join(root, "_work", job)) if job != "train" else ():
            yield Held(f"_work/{job}/{name}", "", _size(root, "_work", job, name), "remove")
    if size := _size(root, "_audit"):
        yield Held("_audit", "", size, "remove")


def _told(conf: Config, names: Mapping[str, str]) -> Iterator[Held]:
    """Records of runs whose config asked for one of them, and a page at the root that shows one."""
    for run in files.names(files.join(conf.root, "_runs")):
        asked = files.whole_json(files.join(conf.root, "_runs", run, "config.json")) or {}
        if _asked_for(asked) in names.values():
            young = conf.as_of_us - instant_us(asked["as_of"]) < conf.erase.keep_days * DAY_US
            yield Held(f"_runs/{run}", "", _size(conf.root, "_runs", run), "wait" if young else "remove")
    page = files.join(conf.root, "report.html")
    if files.exists(page) and any(name in unescape(files.read_text(page)) for name in names):
        yield Held("report.html", "", _size(conf.root, "report.html"), "remove")


def _rewrite(spark: SparkSession, root: str, contract: Table, version: str, gone: erased.Gone) -> None:
    """A version that stands in for one that a bundle was fitted with: CORE without them, of the others the facts."""
    old = versions.fitted(root, contract, version)
    rows = spark.createDataFrame([], contract.ddl)
    if contract is tables.CORE:
        rows = gone.core(read_version(spark, root, contract, old))
    t = Ticket(root, old.job, old.job_version, old.skip_key, old.as_of, old.parents, old.config)
    first = old.facts.get(versions.INSTEAD, {}).get("version", version)  # it stood in for another itself
    facts = dict(old.facts) | {versions.INSTEAD: {"version": first, "fingerprint": old.fingerprint}, "chain": []}
    seal(stage(rows, t, contract), t, contract, facts=facts, keys=False, name=versions.INSTEAD)


def told(held: Iterable[Held]) -> str:
    """One JSON object: versions and bytes by what becomes of them, and each of them."""
    every = list(held)
    sums = {does: sum(h.bytes for h in every if h.does == does) for does in ("remove", "rewrite", "wait")}
    rows = [{"table": h.table, "version": h.version, "bytes": h.bytes, "does": h.does} for h in every]
    return json.dumps({"bytes": sums, "held": rows})
