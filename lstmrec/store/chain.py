"""Tables kept as a base and deltas: a version holds the rows that moved, and names the versions that hold the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest, digest
from lstmrec.contracts.tables import Table
from lstmrec.frames import carried
from lstmrec.store import collect
from lstmrec.store.commit import Ticket, commit
from lstmrec.store.daily import links
from lstmrec.store.read import read_version

#: Restated items that are looked for by their ids.
_FEW = 1000


def newest(root: str, contract: Table, like: Mapping[str, Any]) -> Manifest | None:
    """The version `head` points to, if it is there, of this major contract, with all that it goes on from, and its
    facts say what `like` does."""
    pointed = versions.log(root, contract.name)
    if not pointed or not versions.stands(root, contract.name, pointed[-1]):
        return None  # never made, or erased
    found = versions.readable(root, contract)
    if found is None or any(found.facts.get(k) != v for k, v in like.items()):
        return None
    return found if versions.lies_there(root, contract, found) else None


def read(spark: SparkSession, root: str, contract: Table, manifest: Manifest) -> DataFrame:
    """All rows: of each key the newest one. Keys of the deltas are few, and travel, all of them at once (a join a delta
    is a Spark job a delta, each time the table is read); rows of the base stay in place."""
    chain = [*(versions.load(root, contract, v) for v in manifest.facts["chain"]), manifest]
    base, *deltas = (read_version(spark, root, contract, m) for m in chain)
    if not deltas:
        return base
    key, rows = list(contract.key), base.withColumn("__at", F.lit(0))
    moved = deltas[0].select(*key, F.lit(1).alias("__newest"))
    for at, delta in enumerate(deltas, 1):
        rows = rows.unionByName(delta.withColumn("__at", F.lit(at)))
        if at > 1:
            moved = moved.unionByName(delta.select(*key, F.lit(at).alias("__newest")))
    newest = moved.groupBy(*key).agg(F.max("__newest").alias("__newest")) if len(deltas) > 1 else moved
    found = rows.join(F.broadcast(newest), key, "left").where(F.col("__at") == F.coalesce("__newest", F.lit(0)))
    return found.select(*contract.names)


@dataclass(frozen=True)
class States:
    """USER_STATES as a run sees them. last: the version it goes on from (none: it begins a chain). turned: how items
    changed since (none: no version); restated: those that are (`carried.turned`), as ids where they are few. split:
    version of SPLIT that the new ones are made from; since: all SPLIT rows of users that moved since the last ones
    (none: it is not known who did). unknown: items that people had and the catalogue has not, perhaps more (none: it
    is not known, or they are many). like: facts of the bundle and the config that the states hold for. longest: deltas,
    before all rows are written anew."""

    spark: SparkSession
    ticket: Ticket
    last: Manifest | None
    turned: DataFrame | None
    restated: DataFrame | Sequence[str]
    split: str
    since: DataFrame | None
    unknown: Sequence[str] | None
    like: Mapping[str, Any]
    longest: int

    @property
    def mark(self) -> str:
        """What is made from the last version is made from no other."""
        return "" if self.last is None else self.last.version

    def before(self) -> DataFrame | None:
        """All rows of the last run."""
        return None if self.last is None else read(self.spark, self.ticket.root, tables.USER_STATES, self.last)

    def digests(self, history: DataFrame) -> DataFrame:
        """`carried.since`, or, where it is not known who moved, `carried.digests` of role serve's history."""
        if self.since is None:
            return carried.digests(history, self.turned)
        return carried.since(self.since, history, self.restated)

    def extend(self, moved: DataFrame, item_vectors: str, told: Mapping[str, int], unknown: Sequence[str] | None
               ) -> DataFrame:  # fmt: skip
        """Commit what moved: as a delta, or, where the chain grew too long, with all other rows as a new base. Returns
        all rows. Keys are not checked: lists made of these rows are proven to be one a user of USERS. unknown: what
        moved users had that the catalogue has not; None: too many to name."""
        t, contract, left = self.ticket, tables.USER_STATES, told.get(carried.GONE, 0)
        chain = [] if self.last is None else [*self.last.facts["chain"], self.last.version]
        if self.last is not None and (len(chain) > self.longest or left):
            rest = read(self.spark, t.root, contract, self.last)
            if left:  # no version is built upon that has users who are nobody's to know any more
                everybody = read_version(self.spark, t.root, tables.USERS, versions.current(t.root, tables.USERS))
                rest = rest.join(everybody.select("user_id"), "user_id", "left_semi")
            moved = rest.join(F.broadcast(moved.select(*contract.key)), list(contract.key), "left_anti").unionByName(
                moved
            )
            chain = []
        facts = {**self.like, "unknown": self._unknown(unknown, not chain), "item_vectors": item_vectors,
                 "split": self.split, "chain": chain, "users": dict(told)}  # fmt: skip
        return read(self.spark, t.root, contract, commit(moved, t, contract, facts=facts, keys=False,
                                                  different=("state", "query")))  # fmt: skip

    def _unknown(self, more: Sequence[str] | None, anew: bool) -> list[str] | None:
        """The fact: what was known of before, and more. Where it was not known, it is found out again with a base."""
        t, most = self.ticket, carried.UNKNOWN_ITEMS
        if self.unknown is None and anew:
            split, known = (read_version(self.spark, t.root, x, versions.current(t.root, x))
                            for x in (tables.SPLIT, tables.ENCODED_ITEMS))  # fmt: skip
            had = split.join(F.broadcast(known.select("item_id")), "item_id", "left_anti").select("item_id").distinct()
            found = [r["item_id"] for r in collect.rows(had.limit(most + 1))]
        elif self.unknown is None or more is None:
            return None
        else:
            found = [*{*self.unknown, *more}]
        return sorted(found) if len(found) <= most else None


def states(spark: SparkSession, t: Ticket, conf: Config, vocabulary: DataFrame, vectors: Manifest,
           materialise: Callable[[DataFrame, str], DataFrame], **like: Any) -> States:  # fmt: skip
    """To go on from, where `score.mode` is update: the newest version, if its facts are `like` this, and it was made
    with the event types of VOCABULARY and with the numbers of the config that lists and bits depend on; else a chain
    begins. vectors: today's version of ITEM_VECTORS."""
    words = collect.rows(vocabulary.where("feature = 'event_type'").select("value", "id"))
    like |= {"types": digest(sorted([str(r["value"]), int(r["id"])] for r in words))}
    like |= {"k": conf.score.k, "margin": conf.score.margin, "batch": conf.score.batch}
    last = newest(t.root, tables.USER_STATES, like) if conf.score.mode == "update" else None
    turned, since, split = None, None, versions.current(t.root, tables.SPLIT)
    restated: DataFrame | Sequence[str] = ()
    unknown: Sequence[str] | None = ()
    then = None if last is None else _vectors_of(t.root, last)
    if last is None or then is None:
        last = None
    else:
        turned = materialise(_turned(spark, t.root, then, vectors), "items-turned")
        since = links.since(spark, t.root, tables.SPLIT, split, last.facts.get("split", ""))
        unknown = last.facts.get("unknown")
        if since is not None:
            since, restated = since.where(F.col("role").isin(*tables.HISTORY["serve"])), turned.where("restated")
            if unknown is not None:  # an item that nobody had before the catalogue did need not be looked for
                restated = restated.where(F.col("old") | F.col("item_id").isin(list(unknown)))
            few = collect.rows(restated.select("item_id", "old").limit(_FEW + 1))
            if len(few) <= _FEW:
                restated = [r["item_id"] for r in few]
                came = {r["item_id"] for r in few if not r["old"]}  # the catalogue has them now
                unknown = None if unknown is None else [item for item in unknown if item not in came]
    return States(spark, t, last, turned, restated, split.version, since, unknown, like, conf.score.compact)


def _vectors_of(root: str, states: Manifest) -> Manifest | None:
    """The version of ITEM_VECTORS that states were made with; None where it is damaged or gone."""
    version, contract = str(states.facts["item_vectors"]), tables.ITEM_VECTORS
    found = versions.load(root, contract, version) if versions.stands(root, contract.name, version) else None
    return found if found is not None and versions.lies_there(root, contract, found) else None


def _turned(spark: SparkSession, root: str, then: Manifest, vectors: Manifest) -> DataFrame:
    """`carried.turned` from version `then` of ITEM_VECTORS to `vectors`: of the items that moved alone, where that goes
    on from this and none of those that were there changed its place."""
    was, now = (read_version(spark, root, tables.ITEM_VECTORS, m) for m in (then, vectors))
    later = links.since(spark, root, tables.ITEM_VECTORS, vectors, then.version)
    chain = [*vectors.facts.get("chain", ()), vectors.version]
    if later is None or any(
        versions.load(root, tables.ITEM_VECTORS, v).facts.get("placed", 1)
        for v in chain[chain.index(then.version) + 1 :]
    ):
        return carried.turned(was, now)
    return carried.turned(was.join(F.broadcast(later.select("item_id")), "item_id", "left_semi"), later)
