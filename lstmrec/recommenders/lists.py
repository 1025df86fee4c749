"""What all recommenders share: popularity in order, a user's best own items, and lists of k filled up with popularity.

Everything summed is an integer (fixed point 2^-20), so that a list does not change with the shuffle. Ties: score
falling, then xxhash64(item_id), then item_id.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

FIXED = 1 << 20
DAY_US = 86_400_000_000
ITEMS = "array<struct<item_id:string,score:float,rank:int>>"
_SCORED = "array<struct<item_id:string,score:float>>"


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


def popular(history: DataFrame, k: int, hide_seen: bool, since_us: int | None = None) -> DataFrame:
    """One row, `popular`: array<struct<item_id, score = recent count>>, best first.

    As long as any list may need: 2k, or where seen items are hidden k + the longest distinct history.
    """
    keys = [(-F.col("recent")).alias("r"), (-F.col("count")).alias("c"), *ties()]
    items = counts(history, since_us)
    if hide_seen:
        own = history.groupBy("user_id").agg(F.count_distinct("item_id").alias("n"))
        longest = own.agg(F.coalesce(F.max("n"), F.lit(0)).alias("longest"))
        sized = items.agg(F.sort_array(F.collect_list(F.struct(*keys))).alias("all")).crossJoin(F.broadcast(longest))
        short = sized.select(F.slice("all", F.lit(1), (F.col("longest") + k).cast("int")).alias("all"))
    else:
        short = items.orderBy(*keys).limit(2 * k).agg(F.sort_array(F.collect_list(F.struct(*keys))).alias("all"))
    scored = F.transform("all", lambda x: F.struct(x["item_id"].alias("item_id"), (-x["r"]).alias("score")))
    return short.select(scored.cast(_SCORED).alias("popular"))


def by_place(popular: DataFrame) -> DataFrame:
    """The same list scored -1, -2, ...: below any positive score, as a fill."""
    placed = F.transform("popular", lambda x, i: F.struct(x["item_id"].alias("item_id"), (-i - 1).alias("score")))
    return popular.select(placed.cast(_SCORED).alias("popular"))


def seen(history: DataFrame) -> DataFrame:
    """user_id -> `seen`, the distinct items of the history."""
    return history.groupBy("user_id").agg(F.collect_set("item_id").alias("seen"))


def best(candidates: DataFrame, k: int, *keys: Column) -> DataFrame:
    """user_id -> `own`: the first k of (user_id, item_id, score) by ascending keys, then the usual ties."""
    named = [key.alias(f"k{i}") for i, key in enumerate(keys)]
    ranked = F.slice(F.sort_array(F.collect_list(F.struct(*named, *ties(), F.col("score")))), 1, k)
    own = F.transform(ranked, lambda x: F.struct(x["item_id"].alias("item_id"), x["score"].alias("score")))
    return candidates.groupBy("user_id").agg(own.cast(_SCORED).alias("own"))


def unseen(candidates: DataFrame, history: DataFrame, hide_seen: bool) -> DataFrame:
    """Candidates without what the user had, where that is hidden."""
    if not hide_seen:
        return candidates
    return candidates.join(history.select("user_id", "item_id").distinct(), ["user_id", "item_id"], "left_anti")


def best_votes(
    last: DataFrame, rules: DataFrame, decay: float, history: DataFrame, k: int, hide_seen: bool
) -> DataFrame:
    """user_id -> `own` of votes: (user_id, item, back) times (item, item_id, weight in 2^-20)."""
    vote = F.floor(F.col("weight") * F.pow(F.lit(decay), F.col("back")) + F.lit(0.5)).cast("bigint")
    votes = last.join(rules, "item", "inner").groupBy("user_id", "item_id").agg(F.sum(vote).alias("vote"))
    positive = unseen(votes.where("vote > 0"), history, hide_seen)
    return best(positive.withColumn("score", F.col("vote") / F.lit(float(FIXED))), k, -F.col("vote"))


def filled(users: DataFrame, own: DataFrame | None, popular: DataFrame, history: DataFrame, k: int, hide_seen: bool
           ) -> DataFrame:  # fmt: skip
    """user_id, items, reason: the user's own list, filled up to k from `popular`; every row of `users` once.

    reason: `history` where the user's own history gave an item, else `popularity`.
    """
    frame = users.select("user_id")
    if own is None:
        frame = frame.withColumn("own", F.lit(None).cast(_SCORED))
    else:
        frame = frame.join(own, "user_id", "left")
    if hide_seen:
        frame = frame.join(seen(history), "user_id", "left")
    else:
        frame = frame.withColumn("seen", F.lit(None).cast("array<string>"))
    frame = frame.crossJoin(F.broadcast(popular)).select(
        "user_id", "popular", F.coalesce("own", F.array().cast(_SCORED)).alias("own"),
        F.coalesce("seen", F.array().cast("array<string>")).alias("seen"),
    )  # fmt: skip
    out = F.concat("seen", F.col("own.item_id"))
    # the first k of the popular items that are not out lie among the first k + size(out)
    ids = F.slice(F.col("popular.item_id"), F.lit(1), F.lit(k) + F.size(out))
    rest = F.slice(F.array_except(ids, out), F.lit(1), F.lit(k) - F.size("own"))
    fill = F.transform(rest, lambda x: F.get("popular", F.array_position(F.col("popular.item_id"), x).cast("int") - 1))
    ranked = F.transform(
        F.concat("own", fill),
        lambda x, i: F.struct(x["item_id"].alias("item_id"), x["score"].alias("score"), (i + 1).alias("rank")),
    )
    reason = F.when(F.size("own") > 0, F.lit("history")).otherwise(F.lit("popularity"))
    return frame.select("user_id", ranked.cast(ITEMS).alias("items"), reason.alias("reason"))
