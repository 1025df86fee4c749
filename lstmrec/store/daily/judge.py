"""Which published lists a day judges, and how days before it were judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lstmrec import versions
from lstmrec.config import variants
from lstmrec.config.run import Config
from lstmrec.config.split import instant_us
from lstmrec.config.variants import Variants
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest, digest
from lstmrec.contracts.tables import Table
from lstmrec.frames import clean
from lstmrec.store.daily import links
from lstmrec.store.published import publications

#: Days that are looked through for what is known of an experiment.
_LOOK = 400


@dataclass(frozen=True)
class Trial:
    """The experiment that lists were made in. key: what must be the same for days to be one; before: what the newest
    day before this one says of it (facts.variants of JUDGED, which goes on from all days before: those may be pruned),
    empty on the first; print: a digest of all that."""

    variants: Variants
    key: str
    before: Mapping[str, Any]

    @property
    def print(self) -> str:
        return digest([self.key, dict(self.before)])


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


def moved(spark: SparkSession, conf: Config, since: int) -> DataFrame:
    """All rows of SPLIT of users among whom are all that have an event after an instant (microseconds): of a SPLIT that
    goes on from day to day, what its last versions hold."""

    def latest(m: Manifest) -> int:
        return clean.latest_us(conf.clean, instant_us(m.as_of))

    return links.lately(spark, conf.root, tables.SPLIT, versions.current(conf.root, tables.SPLIT), latest, since)


def names(lists: Manifest) -> list[str]:
    """Recommenders with lists of role serve."""
    return sorted({f.partition["recommender"] for f in lists.files if f.partition["role"] == "serve"})


def earlier(conf: Config, days: int) -> list[Manifest]:
    """JUDGED of the days before this one, newest first, at most so many, the newest version of each."""
    found: dict[str, Manifest] = {}
    for made in versions.newest(conf.root, tables.JUDGED):
        if instant_us(made.as_of) < conf.as_of_us:
            found.setdefault(made.as_of, made)
    return sorted(found.values(), key=lambda m: -instant_us(m.as_of))[:days]


def trial(conf: Config, lists: Manifest | None, k: int) -> Trial | None:
    """Of the lists as they were made, whatever the config asks for today; None where they were in none. Another salt or
    share, recommender, k, test, seed or number of resamples begins anew: what is changed on the way is another
    experiment."""
    asked = variants.parse(lists.config) if lists is not None else None
    if asked is None:
        return None
    e = conf.evaluate
    key = digest([asked.model_dump(mode="json"), k, e.sequential.model_dump(mode="json"), conf.seed, e.bootstrap])
    for made in earlier(conf, _LOOK):
        if (known := made.facts.get("variants", {})).get("key") == key:
            return Trial(asked, key, known)
    return Trial(asked, key, {})


def _whole(root: str, contract: Table, version: str) -> Manifest | None:
    return versions.load(root, contract, version) if versions.stands(root, contract.name, version) else None
