"""What all recommenders share: popularity in order, a user's best own items, and lists of k filled up with popularity.

Everything summed is an integer (fixed point 2^-20), so that a list does not change with the shuffle. Ties: score
falling, then xxhash64(item_id), then item_id.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts.units import FIXED
from lstmrec.frames import filters
from lstmrec.recommenders import walk

ITEMS = "array<struct<item_id:string,score:float,rank:int>>"
_SCORED = "array<struct<item_id:string,score:float>>"
#: Parts of the users that walk down the popular items by themselves: each holds all of these.
PARTS = 16


@dataclass(frozen=True)
class Shown:
    """What lists may hold: what `score.filters` comes to. seen: `history`, `none`, or days before the cut.

    rules: rows of `frames.filters.rules` (none: every item there is; else only items that stand there); whom:
    user_id, segment (none: no user has one); most: how many items of each capped tag a list may hold. cut_us: the
    role's cut, if it has one.
    """

    seen: str | int = "none"
    rules: DataFrame | None = None
    whom: DataFrame | None = None
    most: tuple[int, ...] = ()
    cut_us: int | None = None

    def hidden(self, history: DataFrame) -> DataFrame | None:
        """(user_id, item_id) not to be shown, as far as it is the user's history that says so."""
        return filters.hidden(history, self.seen, self.cut_us)

    def segments(self, users: DataFrame) -> DataFrame:
        """The rows with the user's `segment`, null where there is none."""
        if self.whom is None:
            return users.withColumn("segment", F.lit(None).cast("string"))
        return users.join(self.whom, "user_id", "left")


def fixed(weight: Column) -> Column:
    """A weight as an integer of 2^-20; null becomes 0."""
    return F.coalesce(F.floor(weight * F.lit(float(FIXED)) + F.lit(0.5)), F.lit(0)).cast("bigint")


def ties() -> list[Column]:
    """The last sort keys everywhere."""
    return [F.xxhash64("item_id").alias("tie"), F.col("item_id")]


def counts(history: DataFrame, since_us: int | None = None) -> DataFrame:
    """item_id -> `count` of its events, and `recent` of those at or after an instant (all, without one)."""
    recent = F.lit(True) if since_us is None else F.coalesce(F.col("time") >= F.lit(since_us), F.lit(False))
    return history.groupBy("item_id").agg(F.count(F.lit(1)).alias("count"), F.count_if(recent).alias("recent"))


def popular(history: DataFrame, users: DataFrame, k: int, shown: Shown, since_us: int | None = None) -> DataFrame:
    """One row, `popular`: array<struct<item_id, score = recent count>>, best first.

    As long as any list may need: 2k; where seen items are hidden k + the longest history; all with rules. users: who
    gets a list, and perhaps `history`, how many events each has.
    """
    return in_order(counts(history, since_us), history, users, k, shown)


def in_order(items: DataFrame, history: DataFrame, users: DataFrame, k: int, shown: Shown) -> DataFrame:
    """`popular` of (item_id, recent, count), one row each value of `group` where there is one. history: whose items
    may be hidden; users: see there."""
    keys = [(-F.col("recent")).alias("r"), (-F.col("count")).alias("c"), *ties()]
    group = ["group"] if "group" in items.columns else []
    every = F.sort_array(F.collect_list(F.struct(*keys))).alias("all")
    if shown.rules is not None:
        short = items.groupBy(*group).agg(every)
    elif shown.seen != "none":
        if "history" not in users.columns:
            users = history.groupBy("user_id").agg(F.count(F.lit(1)).alias("history"))
        longest = users.agg(F.coalesce(F.max("history"), F.lit(0)).alias("longest"))
        sized = items.groupBy(*group).agg(every).crossJoin(F.broadcast(longest))
        short = sized.select(*group, F.slice("all", F.lit(1), (F.col("longest") + k).cast("int")).alias("all"))
    elif group:
        short = items.groupBy(*group).agg(every).select(*group, F.slice("all", 1, 2 * k).alias("all"))
    else:
        short = items.orderBy(*keys).limit(2 * k).agg(every)
    scored = F.transform("all", lambda x: F.struct(x["item_id"].alias("item_id"), (-x["r"]).alias("score")))
    return short.select(*group, scored.cast(_SCORED).alias("popular"))


def by_place(popular: DataFrame) -> DataFrame:
    """The same list scored -1, -2, ...: below any positive score, as a fill."""
    placed = F.transform("popular", lambda x, i: F.struct(x["item_id"].alias("item_id"), (-i - 1).alias("score")))
    return popular.select(placed.cast(_SCORED).alias("popular"))


def best(candidates: DataFrame, k: int, shown: Shown, *keys: Column) -> DataFrame:
    """user_id -> `own`: the first k of (user_id, item_id, score) by ascending keys, then the usual ties; all where
    tags are capped, since any of them may be passed over."""
    named = [key.alias(f"k{i}") for i, key in enumerate(keys)]
    ranked = F.sort_array(F.collect_list(F.struct(*named, *ties(), F.col("score"))))
    ranked = ranked if shown.most else F.slice(ranked, 1, k)
    own = F.transform(ranked, lambda x: F.struct(x["item_id"].alias("item_id"), x["score"].alias("score")))
    return candidates.groupBy("user_id").agg(own.cast(_SCORED).alias("own"))


def allowed(candidates: DataFrame, history: DataFrame, shown: Shown) -> DataFrame:
    """Candidates (user_id, item_id ...) that the user's list may hold, caps aside."""
    columns, pairs = candidates.columns, shown.hidden(history)
    if pairs is not None:
        candidates = candidates.join(pairs, ["user_id", "item_id"], "left_anti")
    if shown.rules is None:
        return candidates
    open_ = shown.rules.where("pin IS NULL").select("item_id", "everybody", "segments")
    both = shown.segments(candidates.join(open_, "item_id", "inner"))
    here = F.coalesce(F.array_contains("segments", F.col("segment")), F.lit(False))
    return both.where(F.col("everybody") | here).select(*columns)


def best_votes(last: DataFrame, rules: DataFrame, decay: float, history: DataFrame, k: int, shown: Shown) -> DataFrame:
    """user_id -> `own` of votes: (user_id, item, back) times (item, item_id, weight in 2^-20)."""
    vote = F.floor(F.col("weight") * F.pow(F.lit(decay), F.col("back")) + F.lit(0.5)).cast("bigint")
    votes = last.join(rules, "item", "inner").groupBy("user_id", "item_id").agg(F.sum(vote).alias("vote"))
    positive = allowed(votes.where("vote > 0"), history, shown)
    return best(positive.withColumn("score", F.col("vote") / F.lit(float(FIXED))), k, shown, -F.col("vote"))


def filled(users: DataFrame, own: DataFrame | None, popular: DataFrame, history: DataFrame, k: int, shown: Shown
           ) -> DataFrame:  # fmt: skip
    """user_id, items, reason: the user's own list, filled up to k from `popular`; every row of `users` once.

    Where `popular` has a `group`, so have users, and each is filled from its own. What `shown` forbids is left out.
    reason: `history` where the user's own history gave an item, else `popularity`.
    """
    grouped = "group" in popular.columns
    frame = users.select("user_id", *(["group"] if grouped else []))
    if own is None:
        frame = frame.withColumn("own", F.lit(None).cast(_SCORED))
    else:
        frame = frame.join(own, "user_id", "left")
    pairs = shown.hidden(history)
    if pairs is not None:
        if shown.rules is None:  # a history is long, and of what is popular it holds little
            pairs = pairs.join(F.broadcast(popular.select(F.explode("popular.item_id").alias("item_id")).distinct()),
                               "item_id", "left_semi")  # fmt: skip
        frame = frame.join(pairs.groupBy("user_id").agg(F.collect_list("item_id").alias("seen")), "user_id", "left")
    else:
        frame = frame.withColumn("seen", F.lit(None).cast("array<string>"))
    nothing = {"own": F.array().cast(_SCORED), "seen": F.array().cast("array<string>")}
    frame = frame.withColumns({name: F.coalesce(name, none) for name, none in nothing.items()})
    if shown.rules is not None:
        return _walked(frame, popular, shown, k)
    # the ids as an array of their own: in the lambda below they would be taken out anew for every item
    popular = popular.withColumn("ids", F.col("popular.item_id"))
    frame = frame.join(F.broadcast(popular), "group", "inner") if grouped else frame.crossJoin(F.broadcast(popular))
    out = F.concat("seen", F.col("own.item_id"))
    # the first k of the popular items that are not out lie among the first k + size(out)
    first = F.slice("ids", F.lit(1), F.lit(k) + F.size(out))
    rest = F.slice(F.array_except(first, out), F.lit(1), F.lit(k) - F.size("own"))
    fill = F.transform(rest, lambda x: F.get("popular", F.array_position("ids", x).cast("int") - 1))
    ranked = F.transform(
        F.concat("own", fill),
        lambda x, i: F.struct(x["item_id"].alias("item_id"), x["score"].alias("score"), (i + 1).alias("rank")),
    )
    reason = F.when(F.size("own") > 0, F.lit("history")).otherwise(F.lit("popularity"))
    return frame.select("user_id", ranked.cast(ITEMS).alias("items"), reason.alias("reason"))


def _walked(users: DataFrame, popular: DataFrame, shown: Shown, k: int) -> DataFrame:
    """`filled` with rules about items: each user walks down the own list, then the popular items (`recommenders.walk`).

    users: user_id, own, seen, and `group` where `popular` has it.
    """
    assert shown.rules is not None
    rules = shown.rules.select("item_id", "everybody", "segments", "pin", "caps")
    group = F.col("group") if "group" in popular.columns else F.lit("").alias("group")
    order = popular.select(group, F.posexplode("popular").alias("place", "x")).select("group", "place", "x.*")
    order = order.join(rules, "item_id", "inner")
    # Items that nobody had: a list may hold them, and pinned ones take of their tags' room.
    others = rules.join(order.select("item_id").distinct(), "item_id", "left_anti").select(
        F.lit(None).cast("string").alias("group"),
        F.lit(-1).alias("place"),
        F.lit(0.0).cast("float").alias("score"),
        "*",
    )
    parts = F.explode(F.sequence(F.lit(0), F.lit(PARTS - 1))).alias("part")
    order = order.unionByName(others).select(parts, "*")
    who = shown.segments(users).withColumn("part", F.pmod(F.hash("user_id"), F.lit(PARTS)))
    rows = order.unionByName(who, allowMissingColumns=True).select(*walk.COLUMNS)
    sorted_rows = rows.repartition("part").sortWithinPartitions("part", F.col("user_id").isNotNull(), "place")
    return sorted_rows.mapInArrow(partial(walk.lists, k=k, most=shown.most), walk.DDL)
