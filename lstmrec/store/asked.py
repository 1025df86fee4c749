"""What `score.filters` and `score.ladder` ask for, read once: rules about items, users' segments, pinned places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lstmrec import files
from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.frames import filters
from lstmrec.store import collect
from lstmrec.store.source import fingerprint, read_source, readable
from lstmrec.store.work import Desk

_ALL = "everything is banned or not eligible"


@dataclass(frozen=True)
class Asked:
    """rules: rows of `frames.filters.rules`, which lie in the folder `place` (none: every item may be shown). pins:
    (place in the list, item_id, everybody, segments). most: how many items of each capped tag. whom: user_id, segment.
    values: user_id, group, for segment_popularity. facts: for the manifest."""

    rules: DataFrame | None = None
    place: str = ""
    pins: tuple[tuple[int, str, bool, tuple[str, ...]], ...] = ()
    most: tuple[int, ...] = ()
    whom: DataFrame | None = None
    values: DataFrame | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def sources(conf: Config) -> dict[str, str]:
    """What identifies the tables of items."""
    return {f"source:filters.{key}": fingerprint(conf.root, table, f"score.filters.{key}")
            for key, table in conf.score.filters.tables.items()}  # fmt: skip


def settled(spark: SparkSession, conf: Config, catalogue: DataFrame, items: DataFrame, users: DataFrame, d: Desk
            ) -> Asked:  # fmt: skip
    """Read the tables and write the rules down. catalogue: ENCODED_ITEMS, items: ITEMS, users: USERS.

    ConfigError C701 where the data has not what is asked for; DataError D711 for unknown ids or tags that are to stop
    the run, D712 where no item is left to show, D713 for a pinned item without a place.
    """
    f, whom, values = conf.score.filters, None, None
    _sensible(conf)
    if f.eligible and f.eligible.attribute:
        whom = d.materialise(filters.segments(users, f.eligible.attribute, "segment"), "segments")
    if conf.score.ladder.attribute:
        values = d.materialise(filters.segments(users, conf.score.ladder.attribute, "group"), "values")
    if not f.rules:
        return Asked(whom=whom, values=values)
    found = _found(spark, conf, catalogue)
    tags = [(r["tag"], r["key"]) for r in collect.rows(filters.tags(items, f.per_tag))] if f.per_tag else []
    unknown = {r["key"]: (int(r["ids"]), list(r["some"])) for r in collect.rows(filters.unknown(catalogue, found))
               } if found else {}  # fmt: skip
    if lost := sorted(set(f.per_tag) - {key for _, key in tags} - {"*"}):
        unknown["per_tag"] = (len(lost), lost[:5])
    if unknown and f.unknown_items == "stop":
        said = "; ".join(f"{key}: {n:,}, as {', '.join(map(str, some))}" for key, (n, some) in sorted(unknown.items()))
        raise DataError("D711", f"not in the catalogue: {said}", "score.filters",
                        "take them out, or --set score.filters.unknown_items=warn")  # fmt: skip
    tags.sort()
    rules = d.materialise(filters.rules(catalogue, items, found, [tag for tag, _ in tags]), "rules")
    pins = tuple((int(r["pin"]), str(r["item_id"]), bool(r["everybody"]), tuple(r["segments"]))
                 for r in collect.rows(rules.where("pin IS NOT NULL").orderBy("pin", "item_id")))  # fmt: skip
    shown = collect.rows(rules.selectExpr("count_if(everybody) AS all", "count_if(size(segments) > 0) AS some"))[0]
    if not shown["all"] and not shown["some"]:
        raise DataError("D712", f"no item of the catalogue may be shown: {_ALL}", "score.filters",
                        "check the ids in the tables")  # fmt: skip
    facts = {"shown": int(shown["all"]), "shown_to_some": int(shown["some"]), "pinned": len(pins), "capped": len(tags),
             "unknown": {key: n for key, (n, _) in sorted(unknown.items())}}  # fmt: skip
    return Asked(rules, files.join(d.folder, "rules"), pins, tuple(f.per_tag[key] for _, key in tags), whom, values,
                 facts)  # fmt: skip


def _found(spark: SparkSession, conf: Config, catalogue: DataFrame) -> dict[str, DataFrame]:
    """What is asked for of eligible, banned and pinned items."""
    f, found = conf.score.filters, dict[str, DataFrame]()
    for key, table in f.tables.items():
        where, name = f"score.filters.{key}", key.removesuffix("_table")
        with readable(table, where):
            rows = filters.named(read_source(spark, table, where), table, where, conf.clean.unicode)
            if name == "pinned":
                for r in collect.rows(rows.where("pin IS NULL OR pin < 1").limit(1)):
                    raise DataError("D713", f"item {r['item_id']} is pinned to place {r['pin']}", where,
                                    "places are whole numbers from 1")  # fmt: skip
        found[name] = rows
    for name, given in (("banned", f.banned), ("pinned", f.pinned)):
        if given:
            rows = filters.listed(catalogue, given)
            found[name] = found[name].unionByName(rows) if name in found else rows
    return found


def _sensible(conf: Config) -> None:
    f, attributes = conf.score.filters, conf.clean.users.attributes if conf.clean.users else []
    asks = {"score.filters.eligible.attribute": f.eligible.attribute if f.eligible else None,
            "score.ladder.attribute": conf.score.ladder.attribute}  # fmt: skip
    for key, attribute in asks.items():
        if attribute is not None and attribute not in attributes:
            raise ConfigError("C701", f"users have no attribute {attribute}", key,
                              f"clean.users.attributes: {', '.join(attributes) or 'none'}")  # fmt: skip
