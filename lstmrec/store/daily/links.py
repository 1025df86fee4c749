"""Tables that grow from day to day: what a day goes on from, who moved since, and how what moved is committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lstmrec import versions
from lstmrec.config.split import instant_us
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.contracts.tables import Table
from lstmrec.store import checks
from lstmrec.store.commit import Ticket, commit, seal, stage
from lstmrec.store.erased import Gone
from lstmrec.store.read import read_version

#: Versions of a table that are looked at, newest first.
_LOOK = 400


def before(root: str, contract: Table, as_of_us: int, like: Callable[[Manifest], bool]) -> Manifest | None:
    """The whole version of the latest as_of before this one that is `like` what is asked for: the same one whenever a
    day is made again, and whatever days were made meanwhile."""
    best: Manifest | None = None
    for version in list(dict.fromkeys(reversed(versions.log(root, contract.name))))[:_LOOK]:
        if not versions.stands(root, contract.name, version):
            continue
        found = versions.load(root, contract, version)
        at = instant_us(found.as_of)
        if at < as_of_us and (best is None or at > instant_us(best.as_of)) and like(found):
            best = found
    if best is None or not all(versions.stands(root, contract.name, v) for v in best.facts.get("chain", ())):
        return None
    return best


def since(spark: SparkSession, root: str, contract: Table, now: Manifest, then: str) -> DataFrame | None:
    """All rows that those have now who moved after version `then`; None where `now` does not go on from there."""
    chain = [*now.facts.get("chain", ()), now.version]
    if then not in chain:
        return None
    return _last(spark, root, contract, now, chain[chain.index(then) + 1 :])


def lately(spark: SparkSession, root: str, contract: Table, now: Manifest, until: Callable[[Manifest], int], us: int
           ) -> DataFrame:  # fmt: skip
    """Rows of `now`, among them all that are later than an instant: those of the versions it goes on from that may hold
    such rows. until: the instant (microseconds) that no row of a version is later than; it rises along a chain."""
    links = [*(versions.load(root, contract, v) for v in now.facts.get("chain", ())), now]
    return _last(spark, root, contract, now, [m.version for m in links if until(m) > us])


def _last(spark: SparkSession, root: str, contract: Table, now: Manifest, links: Sequence[str]) -> DataFrame:
    """What `now` has from its last versions alone: none of them, or some and then its own."""
    if not links:
        return spark.createDataFrame([], contract.ddl)
    return read_version(spark, root, contract, Manifest(**{**vars(now), "facts": {"chain": links[:-1]}}))


def had(spark: SparkSession, root: str, contract: Table, last: Manifest, users: DataFrame) -> DataFrame:
    """All rows that `users` have in version `last`: a search of the whole table, to be made once."""
    key = contract.grows
    return read_version(spark, root, contract, last).join(users.select(key), key, "left_semi").select(*contract.names)


def extend(spark: SparkSession, t: Ticket, contract: Table, last: Manifest, users: DataFrame, rows: DataFrame,
           longest: int, *, facts: Mapping[str, Any], were: DataFrame | None = None, rows_in: int | None = None,
           rows_rejected: int = 0, keys: bool = True, different: Sequence[str] = (), total: int | None = None
           ) -> Manifest:  # fmt: skip
    """Commit what moved since `last`: as a version that goes on from it, or, where its chain is `longest`, whole.

    users: whose rows moved, on the desk: Spark then knows how many they are, and which side is to travel. rows: all
    rows that they have now. were: all that they had in `last`, and others' too; without it they are looked for. Keys
    are checked among `rows`, unless not to. different: see `stage`; total: see `seal`.
    """
    key, chain = contract.grows, [*last.facts.get("chain", ()), last.version]
    facts = dict(facts)
    if len(chain) > longest:
        rest = read_version(spark, t.root, contract, last).join(users.select(key), key, "left_anti")
        rest = rest.select(*contract.names).unionByName(rows)
        staged = stage(rest, t, contract, buckets=last.buckets, different=different)
        return seal(staged, t, contract, facts=facts | {"chain": []}, rows_rejected=rows_rejected, keys=keys,
                    total=total)  # fmt: skip
    if were is None:
        were = had(spark, t.root, contract, last, users)
    else:
        were = were.join(users.select(key), key, "left_semi").select(*contract.names)
    gone = checks.fingerprint(were, contract)
    staged = stage(rows, t, contract, buckets=last.buckets, different=different)
    return seal(staged, t, contract, facts=facts | {"chain": chain}, onto=(last.fingerprint, gone), rows_in=rows_in,
                rows_rejected=rows_rejected, keys=keys, total=total)  # fmt: skip


def again(spark: SparkSession, t: Ticket, contract: Table, pinned: Manifest, gone: Gone | None = None) -> Manifest:
    """Commit the rows of a fitted table once more, with its facts. DataError D350 where they are others by now (unless
    users were erased since). gone: who is to be in it no more."""
    rows, anew = read_version(spark, t.root, contract, pinned), gone is not None and gone.frame is not None
    rows = gone.core(rows) if gone is not None else rows
    facts = {k: v for k, v in pinned.facts.items() if k != versions.INSTEAD}
    made = commit(rows, t, contract, facts=facts)
    if made.fingerprint != pinned.fingerprint and not anew and versions.INSTEAD not in pinned.facts:
        raise DataError("D350", f"{contract.name} {pinned.version} holds other rows than were fitted",
                        f"table {contract.name}", "restore it, or train again")  # fmt: skip
    return made
