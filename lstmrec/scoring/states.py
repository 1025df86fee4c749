"""DRIVER side of the carry modes: whose state goes on, whose list takes in new items, and what nobody need touch. No
torch, and no action of its own: whatever reads, writes or counts is handed in by the job.

A state is a fixed number of numbers, so a day costs what is new in it: of users with new events the model reads these
alone, and all others keep their list but for items that are new, gone, or shown to others than before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Protocol

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from lstmrec.contracts import tables
from lstmrec.frames import carried, filters
from lstmrec.scoring import roles, udf
from lstmrec.scoring.options import ADVANCED_DDL, KEPT, MOVED, SPENT, Options

#: Where more items than this share of the catalogue moved, or so many, every list is made again: it costs less than to
#: merge them, and no driver has to hold them.
_MANY, _MOST = 0.25, 500_000


class Kept(Protocol):
    """USER_STATES as the job lends them: `store.chain.States`."""

    def before(self) -> DataFrame | None: ...
    def turned(self, now: str) -> tuple[DataFrame, DataFrame]: ...
    def extend(self, moved: DataFrame, item_vectors: str, told: Mapping[str, int]) -> DataFrame: ...


@dataclass(frozen=True)
class States:
    """What is known of users. catalogue: ENCODED_ITEMS; vocabulary, static, profiles: VOCABULARY, ENCODED_USERS,
    USER_PROFILES; whom: user_id, segment (none: no rule asks); hides: the history is not shown again; size: items of
    the catalogue; before: states to go on from. What the job lends: materialise(frame, name) -> frame read back;
    kept(make, ddl, name, rows): see `store.buckets`; rows(frame) of a small frame."""

    catalogue: DataFrame
    vocabulary: DataFrame
    static: DataFrame
    profiles: DataFrame
    whom: DataFrame | None
    hides: bool
    options: Options
    size: int
    before: Kept
    materialise: Callable[[DataFrame, str], DataFrame]
    kept: Callable[[Callable[[int, int], DataFrame], str, str, int], DataFrame]
    rows: Callable[[DataFrame], list[Row]]

    def lists(self, name: str, who: DataFrame, past: DataFrame, keep: bool) -> DataFrame:
        """user_id, items (the best k), known, of users (user_id) by their whole histories (SPLIT rows). keep: go on
        from the states there are, and commit those there will be."""
        before = self.before.before() if keep else None
        history = past.join(who.select("user_id"), "user_id", "left_semi")
        rows = carried.events(history, self.catalogue, self.vocabulary)
        standing = self.materialise(carried.standing(who, rows, self.static, self.whom, before), f"{name}-standing")
        told = self._counted(standing, "kind")
        same = F.col("kind") == carried.SAME
        delta = self._moved(name, standing.where(~same), history, before, told)
        if before is not None and told.get(carried.SAME):
            for part in self._stayed(name, standing.where(same), history, before, told):
                delta = delta.unionByName(part)
        states = self.before.extend(delta, self.options.items, told) if keep else delta
        return self._served(states, who)

    def known(self, who: DataFrame) -> DataFrame:
        """user_id, known (the net looks at demographics, and one is known) of users (user_id): no list is needed."""
        looks = F.lit(bool(udf.switches(self.options)["use_static"]))
        people = self.static.select("user_id", F.exists("static", lambda x: x > 1).alias("one"))
        known = looks & F.coalesce("one", F.lit(False))
        return who.select("user_id").join(people, "user_id", "left").select("user_id", known.alias("known"))

    def _moved(self, name: str, moved: DataFrame, history: DataFrame, before: DataFrame | None,
               told: Mapping[str, int]) -> DataFrame:  # fmt: skip
        """USER_STATES rows of users with new events, of new users, and of those who are others than they were."""
        listed = None
        if before is not None:  # few: what is not theirs is dropped before anything is looked up
            theirs = history.join(moved.select("user_id", "had"), "user_id", "inner")
            listed = carried.listed(carried.events(theirs, self.catalogue, self.vocabulary, "had"))
        fed = roles.beside(
            carried.fed(moved, listed, self.static, self.profiles, before, self.hides), self.whom
        )  # fmt: skip
        return self._ranked(f"{name}-moved", fed, sum(n for kind, n in told.items() if kind != carried.SAME))

    def _stayed(self, name: str, same: DataFrame, history: DataFrame, before: DataFrame, told: dict[str, int]
                ) -> list[DataFrame]:  # fmt: skip
        """USER_STATES rows of users without new events whose lists moved with the catalogue."""
        most, users = min(int(_MANY * self.size), _MOST), told[carried.SAME]
        turned = self.rows(carried.turned(*self.before.turned(self.options.items)).limit(most + 1))
        if not turned:
            return []
        if len(turned) > most:
            told |= {"again": users}
            return [self._again(name, same, history, before, users)]
        items = [r for r in turned if r["item"] is not None]
        gone, new = ([int(r["item"]) for r in items if r[what]] for what in ("gone", "new"))
        own = before.join(same.select("user_id"), "user_id", "left_semi")
        lists = own.select("user_id", "query", "items", "complete")
        back = [int(r["item"]) for r in items if r["new"] and r["old"]]  # only these may be in somebody's history
        if back:
            history = history.join(F.broadcast(self._ids(back)), "item_id", "left_semi")
            lists = self._hiding(lists, history)
        lists = roles.beside(lists, self.whom)
        merged = self.materialise(udf.merged(lists, self.options, gone, new), f"{name}-merged")
        told |= self._counted(merged, "became")
        told[KEPT] = users - told.get(MOVED, 0) - told.get(SPENT, 0)
        parts = []
        if told.get(MOVED):
            fresh = merged.where(F.col("became") == MOVED).select("user_id", "items", "complete")
            moved = own.drop("items", "complete").join(fresh, "user_id", "inner")
            parts.append(moved.select(*tables.USER_STATES.names))
        if told.get(SPENT):
            spent = merged.where(F.col("became") == SPENT)
            parts.append(self._again(name, spent, history, before, told[SPENT]))
        return parts

    def _again(self, name: str, users: DataFrame, history: DataFrame, before: DataFrame, many: int) -> DataFrame:
        """USER_STATES rows of users without new events whose lists are ranked anew."""
        mine = history.join(users.select("user_id"), "user_id", "left_semi")
        fed = roles.beside(self._hiding(carried.again(users, before), mine), self.whom)
        return self._ranked(f"{name}-ranked", fed, many)

    def _ranked(self, name: str, fed: DataFrame, many: int) -> DataFrame:
        once, held = Lock(), list[DataFrame]()

        def bucket(number: int, all_: int) -> DataFrame:
            if all_ == 1:
                return udf.advanced(fed, self.options)
            with once:  # buckets are made side by side, and each looks at all rows
                if not held:
                    held.append(self.materialise(fed, f"{name}-fed"))
            return udf.advanced(held[0].where(F.pmod(F.hash("user_id"), F.lit(all_)) == number), self.options)

        return self.kept(bucket, ADVANCED_DDL, name, many)

    def _hiding(self, frame: DataFrame, history: DataFrame) -> DataFrame:
        """Rows with what may not be shown to their users: the history, or nothing."""
        if not self.hides:
            return frame
        return roles.beside(frame, filters.hidden_lists(history, self.catalogue, "history", None, False))

    def _counted(self, frame: DataFrame, what: str) -> dict[str, int]:
        return {r[what]: int(r["n"]) for r in self.rows(frame.groupBy(what).agg(F.count(F.lit(1)).alias("n")))}

    def _ids(self, items: list[int]) -> DataFrame:
        spark = self.catalogue.sparkSession
        index = spark.createDataFrame([(i,) for i in items], "item int")
        return self.catalogue.join(F.broadcast(index), "item", "left_semi").select("item_id")

    def _served(self, states: DataFrame, who: DataFrame) -> DataFrame:
        """The lists as they are shown."""
        k = self.options.least
        shown = F.transform(F.slice("items", 1, k), lambda x, i: F.struct(
            x["item_id"].alias("item_id"), x["score"].cast("float").alias("score"), (i + 1).alias("rank")))  # fmt: skip
        return states.select("user_id", shown.alias("items")).join(self.known(who), "user_id", "inner")


def of(options: Options, k: int, margin: int) -> Options:
    """Options for lists that are kept: longer than they are shown."""
    return replace(options, k=k + margin, least=k)
