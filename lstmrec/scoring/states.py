"""DRIVER side of the carry modes: whose state goes on, whose list takes in new items, and what nobody need touch. No
torch, and no action of its own: whatever reads, writes or counts is handed in by the job.

A state is a fixed number of numbers, so a day costs what is new in it: of users with new events the model reads these
alone, and all others keep their list but for items that are new, gone, or shown to others than before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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
#: How many times as many users must stay as they were for those who did not to be few: then it is they who travel.
_FEW = 4


class Kept(Protocol):
    """USER_STATES as the job lends them: `store.chain.States`."""

    @property
    def turned(self) -> DataFrame | None: ...
    @property
    def since(self) -> DataFrame | None: ...
    @property
    def mark(self) -> str: ...
    def before(self) -> DataFrame | None: ...
    def digests(self, history: DataFrame) -> DataFrame: ...
    def extend(self, moved: DataFrame, item_vectors: str, told: Mapping[str, int], unknown: Sequence[str] | None
               ) -> DataFrame: ...  # fmt: skip


def due(split: DataFrame, everybody: DataFrame, asked: Sequence[str], static: DataFrame, whom: DataFrame | None,
        looks: bool, kept: Kept) -> DataFrame:  # fmt: skip
    """`carried.standing` of everybody who is due a list in one of the roles asked for; in role serve, as `kept` knows
    them (and with null for a role those whom it knows and who are due none). looks: the net looks at demographics; else
    none are known. The other arguments are those of `roles.users` and of `States`."""
    parts = []
    for role in asked:
        who, past = roles.due(split, everybody, role), roles.history(split, role)
        before = kept.before() if role == "serve" else None
        known = carried.digests(past, None) if before is None else kept.digests(past)
        stays = before is not None and kept.since is not None
        parts.append(carried.standing(who, static, whom, known, before, stays))
    found = roles.together(parts)
    return found if looks else found.withColumn("known", F.lit(False))


@dataclass(frozen=True)
class States:
    """What is known of users. users: what `due` found; catalogue: ENCODED_ITEMS; vocabulary, static, profiles:
    VOCABULARY, ENCODED_USERS, USER_PROFILES; whom: user_id, segment (none: no rule asks); looks: the net looks at
    demographics; hides: the history is not shown again; size: items of the catalogue; before: states to go on from.
    What the job lends: materialise(frame, name) -> frame read back; kept(make, ddl, name, rows): see `store.buckets`;
    rows(frame) of a small frame."""

    users: DataFrame
    catalogue: DataFrame
    vocabulary: DataFrame
    static: DataFrame
    profiles: DataFrame
    whom: DataFrame | None
    looks: bool
    hides: bool
    options: Options
    size: int
    before: Kept
    materialise: Callable[[DataFrame, str], DataFrame]
    kept: Callable[[Callable[[int, int], DataFrame], str, str, int], DataFrame]
    rows: Callable[[DataFrame], list[Row]]

    def lists(self, name: str, role: str, past: DataFrame) -> DataFrame:
        """user_id, items (the best k), history, known (see `due`) of everybody due in a role, by their whole histories
        (SPLIT rows). Those of serve go on from the states there are, and all that there are then are committed."""
        keep = role == "serve"
        # Buckets of another contract's states, or of a run that went on from other ones, are not these.
        name += f"-{tables.USER_STATES.major}" + (f"-from-{self.before.mark}" if keep and self.before.mark else "")
        before = self.before.before() if keep else None
        mine = F.col("role") == role
        who = self.users.where(mine | F.col("role").isNull() if keep else mine)
        kinds, history = Counter[str](), past if keep else past.join(who.select("user_id"), "user_id", "left_semi")
        if before is not None:
            found = self.rows(who.groupBy("kind", "near").agg(F.count(F.lit(1)).alias("n")))
            for r in found:
                kinds[r["kind"]] += int(r["n"])
            if self.before.since is not None and all(
                r["near"] for r in found if r["kind"] in (carried.WHOLE, carried.ON)
            ):
                history = self.before.since  # all events of users that moved are among those of the last days
        forgotten = {carried.GONE: kinds[carried.GONE]} if kinds[carried.GONE] else {}
        stay, same = kinds[carried.SAME], F.col("kind") == carried.SAME
        few = stay > _FEW * (kinds.total() - stay)
        moved = who.where(~same & (F.col("kind") != carried.GONE))
        delta, told, unknown = self._moved(name, moved.drop("role", "known", "near"), history, before, few)
        if before is not None and stay:
            others, those = (who.where(kind).select("user_id") for kind in (~same, same))
            own = before.join(F.broadcast(others), "user_id", "left_anti") if few else before.join(
                those, "user_id", "left_semi"
            )  # fmt: skip
            told[carried.SAME] = stay
            for part in self._stayed(name, own, past, told):
                delta = delta.unionByName(part)
        if keep:
            delta = self.before.extend(delta, self.options.items, told | forgotten, unknown)
        return self._served(delta, who)

    def _moved(self, name: str, moved: DataFrame, history: DataFrame, before: DataFrame | None, few: bool
               ) -> tuple[DataFrame, dict[str, int], list[str] | None]:  # fmt: skip
        """(USER_STATES rows of users with new events, of new users, and of those who are others than they were; how
        many are of which kind; what they had that the catalogue has not, unless that is much)."""
        moved = moved.withColumnRenamed("history", "events")
        static, profiles = self.static, self.profiles
        if before is not None:
            history = history.join(carried.few(moved.select("user_id", "had"), few), "user_id", "inner")
        read = carried.read(moved, history, self.catalogue, self.vocabulary, before is not None)
        read = self.materialise(read, f"{name}-read")
        count = [F.count(F.lit(1)).alias("n"), F.count_if(F.size("unknown") > 0).alias("unknown")]
        found = self.rows(read.groupBy("kind").agg(*count))
        if before is not None:  # of all users these few alone are to travel
            mine = carried.few(read.select("user_id"), few)
            static, profiles = (frame.join(mine, "user_id", "left_semi") for frame in (static, profiles))
            before = before.join(carried.few(read.where("had > 0").select("user_id"), few), "user_id", "left_semi")
        fed = carried.fed(read, static, profiles, before, self.hides)
        told = {r["kind"]: int(r["n"]) for r in found}
        made = self._ranked(f"{name}-moved", roles.beside(fed, self.whom), sum(told.values()))
        return made, told, self._unknown(read) if any(r["unknown"] for r in found) else []

    def _unknown(self, read: DataFrame) -> list[str] | None:
        ids = read.select(F.explode("unknown").alias("item_id")).distinct()
        found = self.rows(ids.limit(carried.UNKNOWN_ITEMS + 1))
        return None if len(found) > carried.UNKNOWN_ITEMS else [r["item_id"] for r in found]

    def _stayed(self, name: str, own: DataFrame, history: DataFrame, told: dict[str, int]) -> list[DataFrame]:
        """USER_STATES rows of users without new events (`own`: theirs of the last run) whose lists moved with the
        catalogue."""
        most, users = min(int(_MANY * self.size), _MOST), told[carried.SAME]
        assert self.before.turned is not None
        turned = self.rows(self.before.turned.limit(most + 1))
        if not turned:
            return []
        if len(turned) > most:
            told |= {"again": users}
            return [self._again(name, own, history, users)]
        items, left = [r for r in turned if r["item"] is not None], [r["item_id"] for r in turned if r["item"] is None]
        gone, new = ([int(r["item"]) for r in items if r[what]] for what in ("gone", "new"))
        told[KEPT] = users
        may = self.materialise(udf.movable(own, self.options, gone, new, left), f"{name}-movable")
        (found,) = self.rows(may.agg(F.count(F.lit(1)).alias("n")))
        if not found["n"]:
            return []
        lists = own.select("user_id", "query", "items", "complete")
        if users > _FEW * found["n"]:
            lists = lists.join(F.broadcast(may), "user_id", "left_semi")
        back = [int(r["item"]) for r in items if r["new"] and r["old"]]  # only these may be in somebody's history
        if back:
            lists = self._hiding(lists, history.join(F.broadcast(self._ids(back)), "item_id", "left_semi"))
        lists = roles.beside(lists, self.whom)
        merged = self.materialise(udf.merged(lists, self.options, gone, new), f"{name}-merged")
        told |= self._counted(merged, "became")
        told[KEPT] = users - told.get(MOVED, 0) - told.get(SPENT, 0)
        parts, few = [], users > _FEW * (users - told[KEPT])
        if told.get(MOVED):
            fresh = merged.where(F.col("became") == MOVED).select("user_id", "items", "complete")
            moved = own.drop("items", "complete").join(carried.few(fresh, few), "user_id", "inner")
            parts.append(moved.select(*tables.USER_STATES.names))
        if told.get(SPENT):
            spent = merged.where(F.col("became") == SPENT).select("user_id")
            theirs = own.join(carried.few(spent, few), "user_id", "left_semi")
            parts.append(self._again(name, theirs, history, told[SPENT]))
        return parts

    def _again(self, name: str, own: DataFrame, history: DataFrame, many: int) -> DataFrame:
        """USER_STATES rows of users without new events whose lists are ranked anew."""
        mine = history.join(own.select("user_id"), "user_id", "left_semi")
        fed = roles.beside(self._hiding(carried.again(own), mine), self.whom)
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
        """The lists as they are shown; joined to their users only where demographics count."""
        k = self.options.least
        shown = F.transform(F.slice("items", 1, k), lambda x, i: F.struct(
            x["item_id"].alias("item_id"), x["score"].cast("float").alias("score"), (i + 1).alias("rank")))  # fmt: skip
        lists = states.select("user_id", shown.alias("items"), F.col("events").alias("history"))
        if not self.looks:
            return lists.withColumn("known", F.lit(False))
        return lists.join(who.select("user_id", "known"), "user_id", "inner")


def of(options: Options, k: int, margin: int) -> Options:
    """Options for lists that are kept: longer than they are shown."""
    return replace(options, k=k + margin, least=k)
