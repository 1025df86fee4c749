"""Which published lists a day judges, and how days before it were judged."""

from __future__ import annotations

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.config.split import instant_us
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.contracts.tables import Table
from lstmrec.store.published import publications


def published(conf: Config) -> Manifest | None:
    """Of all lists that were published and are there, those of the latest as_of before this one, as published last:
    the same ones whenever the day is made again."""
    name, best = tables.RECOMMENDATIONS.name, None
    for version in dict.fromkeys(e[name] for e in reversed(publications(conf.root)) if name in e):
        found = _whole(conf.root, tables.RECOMMENDATIONS, version)
        if found is None or instant_us(found.as_of) >= conf.as_of_us or not names(found):
            continue
        if best is None or instant_us(found.as_of) > instant_us(best.as_of):
            best = found
    return best


def span(conf: Config, lists: Manifest) -> tuple[int, int]:
    """Events after the first of these instants (microseconds), up to the second, judge the lists."""
    return instant_us(lists.as_of), conf.as_of_us


def names(lists: Manifest) -> list[str]:
    """Recommenders with lists of role serve."""
    return sorted({f.partition["recommender"] for f in lists.files if f.partition["role"] == "serve"})


def earlier(conf: Config, days: int) -> list[Manifest]:
    """JUDGED of the days before this one, newest first, at most so many, the newest version of each."""
    found: dict[str, Manifest] = {}
    for version in dict.fromkeys(reversed(versions.log(conf.root, tables.JUDGED.name))):
        made = _whole(conf.root, tables.JUDGED, version)
        if made is not None and instant_us(made.as_of) < conf.as_of_us:
            found.setdefault(made.as_of, made)
    return sorted(found.values(), key=lambda m: -instant_us(m.as_of))[:days]


def _whole(root: str, contract: Table, version: str) -> Manifest | None:
    return versions.load(root, contract, version) if versions.stands(root, contract.name, version) else None
