"""What a re-ranker learns from: the union of several recommenders' lists, point in time, with labels.

Two stages as in Covington et al. 2016 ("Deep Neural Networks for YouTube Recommendations"): recommenders that each rank
everything nominate candidates, a second model ranks these few by all that is known. Every feature is of the role's
history; the label alone is of what came after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.profile import ProfileConfig
from lstmrec.contracts import tables
from lstmrec.contracts.ids import FIRST
from lstmrec.contracts.units import DAY_US
from lstmrec.frames import affinity, profiles

#: Columns of ITEM_PROFILES that are features, in the order of `item`.
ITEM = tuple(c.name for c in tables.ITEM_PROFILES.columns if c.name not in ("role", "item_id"))


def nominated(lists: DataFrame, names: Sequence[str], roles: Sequence[str], per: int) -> DataFrame:
    """role, user_id, item_id, history, scores, ranks (both in the order of names, null where a recommender has it not):
    the first `per` items of each list of RECOMMENDATIONS."""
    mine = lists.where(F.col("role").isin(*roles) & F.col("recommender").isin(*names))
    each = mine.select("role", "user_id", "history", "recommender", F.inline(F.slice("items", 1, per)))
    told = F.struct("recommender", F.struct("score", "rank"))
    by = each.groupBy("role", "user_id", "item_id").agg(
        F.max("history").alias("history"), F.map_from_entries(F.collect_list(told)).alias("by")
    )
    of = [F.try_element_at("by", F.lit(name)) for name in names]
    return by.select(
        "role", "user_id", "item_id", "history",
        F.array(*[o["score"] for o in of]).cast("array<float>").alias("scores"),
        F.array(*[o["rank"] for o in of]).cast("array<int>").alias("ranks"),
    )  # fmt: skip


def labelled(rows: DataFrame, split: DataFrame) -> DataFrame:
    """Adds label: 1 where the user had the item in the role's own events, else 0; null for serve, whose future is not
    known."""
    after = split.select("role", "user_id", "item_id", F.lit(1).alias("hit")).distinct()
    hit = F.when(F.col("role") != "serve", F.coalesce("hit", F.lit(0)))
    return rows.join(after, ["role", "user_id", "item_id"], "left").withColumn("label", hit).drop("hit")


def had(rows: DataFrame, split: DataFrame, roles: Sequence[str], ends: Mapping[str, int | None]) -> DataFrame:
    """Adds had (events of the user with the item before the cut) and days_since the last of them (null: never, or
    without a clock). ends: role -> its cut in microseconds."""
    parts = []
    for role in roles:
        past = split.where(F.col("role").isin(*tables.HISTORY[role])).groupBy("user_id", "item_id")
        counted = past.agg(F.count(F.lit(1)).cast("int").alias("had"), F.max("time").alias("last"))
        end = F.lit(ends.get(role)).cast("bigint")
        days = (end - F.col("last")) / float(DAY_US)
        parts.append(counted.select(F.lit(role).alias("role"), "user_id", "item_id", "had", days.alias("days_since")))
    every = reduce(DataFrame.unionByName, parts)
    return rows.join(every, ["role", "user_id", "item_id"], "left").fillna(0, ["had"])


def profiled(rows: DataFrame, split: DataFrame, items: DataFrame, conf: ProfileConfig, tags: int) -> DataFrame:
    """user_id, history, user: the numbers of USER_PROFILES for each user with so many events known, which is where the
    lists were made (the table has them where windows start). items: ENCODED_ITEMS; tags: those with affinities."""
    cuts = rows.select("user_id", F.lit("cut").alias("role"), F.col("history").alias("start"), "history").distinct()
    masks = affinity.masks(items, range(FIRST, FIRST + tags)) if tags else None
    raw = profiles.raw(split, cuts, conf, masks, tags)
    return raw.select("user_id", F.col("boundary").alias("history"), F.col("raw").alias("user"))


def featured(rows: DataFrame, users: DataFrame, static: DataFrame, items: DataFrame) -> DataFrame:
    """CANDIDATES rows: beside these the user's profile at the cut, demographics, and the item's profile there.

    users: what `profiled` makes, static: ENCODED_USERS, items: ITEM_PROFILES.
    """
    numbers = F.array(*[_number(name) for name in ITEM]).alias("item")
    rows = rows.join(users, ["user_id", "history"], "left").join(static.select("user_id", "static"), "user_id", "left")
    rows = rows.join(items.select("role", "item_id", numbers), ["role", "item_id"], "left")
    return rows.select(*tables.CANDIDATES.names)


def figures(rows: DataFrame, split: DataFrame) -> DataFrame:
    """role, users, rows, positives, targets (distinct pairs of the role's own events of these users): how much of what
    came next a re-ranker could put first at all is positives by targets."""
    counted = rows.groupBy("role").agg(
        F.count_distinct("user_id").alias("users"), F.count(F.lit(1)).alias("rows"), F.sum("label").alias("positives")
    )
    who = rows.select("role", "user_id").distinct()
    due = split.select("role", "user_id", "item_id").distinct().join(who, ["role", "user_id"], "left_semi")
    return counted.join(due.groupBy("role").agg(F.count(F.lit(1)).alias("targets")), "role", "left").orderBy("role")


def _number(name: str) -> Column:
    return F.col(name).cast("double")
