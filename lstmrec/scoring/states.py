"""DRIVER side of the carry modes: whose state goes on, whose list takes in new items, and what nobody need touch. No
torch, and no action of its own: whatever reads, writes or counts is handed in by the job.

A state is a fixed number of numbers, so a day costs what is new in it: of users with new events the model reads these
alone, and all others keep their list but for items that are new, gone, or shown to others than before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from lstmrec.contracts import tables
from lstmrec.frames import carried, filters
from lstmrec.scoring import roles, udf
from lstmrec.scoring.options import ADVANCED_DDL, KEPT, SPENT, Options

#: With more new items than this share of the catalogue every list is made again: it costs less than to merge them.
_MANY = 0.25


class Kept(Protocol):
    """USER_STATES as the job lends them: `store.chain.States`."""

    def before(self) -> DataFrame | None: ...
    def turned(self, now: str) -> tuple[DataFrame, DataFrame]: ...
    def extend(self, moved: DataFrame, item_vectors: str, told: Mapping[str, int]) -> DataFrame: ...


@dataclass(frozen=True)
class States:
    """What is known of users. catalogue: ENCODED_ITEMS; vocabulary, static, profiles: VOCABULARY, ENCODED_USERS,
    USER_PROFILES; whom: user_id, segment (none: no rule asks); hides: the history is not shown again; before: states
    to go on from. What the job lends: materialise(frame, name) -> frame read back; kept(make, ddl, name, rows): see
    `store.buckets`; rows(frame) of a small frame."""

    catalogue: DataFrame
    vocabulary: DataFrame
    static: DataFrame
    profiles: DataFrame
    whom: DataFrame | None
    hides: bool
    options: Options
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
        delta = self._moved(name, standing.where(~same), rows, history, before, told)
        if before is not None:
            for part in self._stayed(name, standing.where(same), history, before, told):
                delta = delta.unionByName(part)
        states = self.before.extend(delta, self.options.items, told) if keep else delta
        return self._served(states.join(who.select("user_id"), "user_id", "left_semi"))

    def _moved(self, name: str, moved: DataFrame, rows: DataFrame, history: DataFrame, before: DataFrame | None,
               told: Mapping[str, int]) -> DataFrame:  # fmt: skip
        """USER_STATES rows of users with new events, of new users, and of those who are others than they were."""
        fed = self._beside(carried.fed(moved, rows, self.static, self.profiles, before), history, moved)
        fed = self.materialise(fed, f"{name}-fed")
        many = sum(n for kind, n in told.items() if kind != carried.SAME)
        made = self._ranked(f"{name}-states", fed, many)
        return made.join(moved.select("user_id", "events", "last", "fed", "static"), "user_id", "inner").select(
            *tables.USER_STATES.names
        )  # fmt: skip

    def _stayed(self, name: str, same: DataFrame, history: DataFrame, before: DataFrame, told: dict[str, int]
                ) -> list[DataFrame]:  # fmt: skip
        """USER_STATES rows of users without new events whose lists moved with the catalogue."""
        turned = self.materialise(carried.turned(*self.before.turned(self.options.items)), f"{name}-turned")
        counts = self.rows(turned.agg(F.count(F.lit(1)).alias("all"), F.count_if("new").alias("new")))[0]
        if not counts["all"]:
            return []
        size = self.rows(self.catalogue.agg(F.count(F.lit(1)).alias("n")))[0]["n"]
        own = before.join(same.select("user_id"), "user_id", "left_semi")
        if counts["new"] > _MANY * size:
            told |= {"again": told.get(carried.SAME, 0)}
            return [self._again(name, same, history, before, told["again"])]
        items = self.rows(turned.where("item IS NOT NULL"))
        gone, new = ([int(r["item"]) for r in items if r[what]] for what in ("gone", "new"))
        lists = own.select("user_id", "query", "items", "complete")
        back = [int(r["item"]) for r in items if r["new"] and r["old"]]  # only these may be in somebody's history
        lists = self._beside(lists, history.join(F.broadcast(self._ids(back)), "item_id", "left_semi"), None)
        merged = self.materialise(udf.merged(lists, self.options, gone, new), f"{name}-merged")
        told |= self._counted(merged, "became")
        fresh = merged.where(~F.col("became").isin(KEPT, SPENT)).select("user_id", "items", "complete")
        moved = own.drop("items", "complete").join(fresh, "user_id", "inner").select(*tables.USER_STATES.names)
        spent = merged.where(F.col("became") == SPENT)
        return [moved, self._again(name, spent, history, before, told.get(SPENT, 0))] if told.get(SPENT) else [moved]

    def _again(self, name: str, users: DataFrame, history: DataFrame, before: DataFrame, many: int) -> DataFrame:
        """USER_STATES rows of users without new events whose lists are ranked anew."""
        fed = self.materialise(self._beside(carried.again(users, before), history, users), f"{name}-again")
        made = self._ranked(f"{name}-again", fed, many).drop("state", "query")
        return before.drop("items", "complete").join(made, "user_id", "inner").select(*tables.USER_STATES.names)

    def _ranked(self, name: str, fed: DataFrame, many: int) -> DataFrame:
        def bucket(number: int, all_: int) -> DataFrame:
            mine = F.pmod(F.hash("user_id"), F.lit(all_)) == number
            return udf.advanced(fed if all_ == 1 else fed.where(mine), self.options)

        return self.kept(bucket, ADVANCED_DDL, name, many)

    def _beside(self, frame: DataFrame, history: DataFrame, users: DataFrame | None) -> DataFrame:
        """Rows with what may not be shown to their users: the whole history is hidden, or nothing."""
        if self.hides:
            mine = history if users is None else history.join(users.select("user_id"), "user_id", "left_semi")
            frame = roles.beside(frame, filters.hidden_lists(mine, self.catalogue, "history", None, False))
        return roles.beside(frame, self.whom)

    def _counted(self, frame: DataFrame, what: str) -> dict[str, int]:
        return {r[what]: int(r["n"]) for r in self.rows(frame.groupBy(what).agg(F.count(F.lit(1)).alias("n")))}

    def _ids(self, items: list[int]) -> DataFrame:
        spark = self.catalogue.sparkSession
        index = spark.createDataFrame([(i,) for i in items], "item int")
        return self.catalogue.join(F.broadcast(index), "item", "left_semi").select("item_id")

    def _served(self, states: DataFrame) -> DataFrame:
        """The lists as they are shown; known: the net looks at demographics, and one is known."""
        k = self.options.least
        shown = F.transform(F.slice("items", 1, k), lambda x, i: F.struct(
            x["item_id"].alias("item_id"), x["score"].cast("float").alias("score"), (i + 1).alias("rank")))  # fmt: skip
        looks = F.lit(bool(udf.switches(self.options)["use_static"]))
        known = looks & F.coalesce(F.exists("demographics", lambda x: x > 1), F.lit(False))
        people = self.static.select("user_id", F.col("static").alias("demographics"))
        return states.select("user_id", shown.alias("items")).join(people, "user_id", "left").select(
            "user_id", "items", known.alias("known")
        )  # fmt: skip


def of(options: Options, k: int, margin: int) -> Options:
    """Options for lists that are kept: longer than they are shown."""
    return replace(options, k=k + margin, least=k)
