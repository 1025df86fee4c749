"""Profile: what users of the same demographics have, each attribute's share shrunk towards everybody's (James and Stein
1961 in its simplest form: a prior of `shrink` users); needs no event of the user."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.recommenders import Profile
from lstmrec.contracts.units import FIXED
from lstmrec.recommenders import content_votes, grid, lists

#: What `fit` is given beside the events.
WANTS = ("people",)
#: Shares among users: items that few have are told apart.
_SHARE = 1 << 30


def fit(events: DataFrame, entry: Profile, people: DataFrame) -> dict[str, DataFrame]:
    """`shares`: id (from 0 in the order of ties), item_id, keys (none), weights (one: the share of train users who have
    the item, in 2^-30); `groups`: id, group, keys (items), weights: in 2^-20 what counts of everybody's share, then in
    2^-30 the shares of the keys; `whose`: user_id, group: one row an attribute that is known of the user.

    A group is users of one value of one attribute: share = (its users with the item + shrink * everybody's share) /
    (its users + shrink).
    """
    pairs = events.select("user_id", "item_id").distinct()
    whose = people.select("user_id", F.explode("attributes").alias("name", "value"))
    if entry.attributes is not None:
        whose = whose.where(F.col("name").isin(entry.attributes))
    whose = whose.where("value IS NOT NULL").select("user_id", F.to_json(F.array("name", "value")).alias("group"))
    active = pairs.select("user_id").distinct()
    everybody = active.agg(F.count(F.lit(1)).alias("users"))
    counted = pairs.groupBy("item_id").agg(F.count(F.lit(1)).alias("n")).crossJoin(F.broadcast(everybody))
    share = F.array(_fixed(F.col("n") / F.col("users")))
    none = F.lit(None).cast("array<int>").alias("keys")
    shares = grid.numbered(counted).select("id", "item_id", none, share.alias("weights"))
    sizes = whose.join(active, "user_id", "left_semi").groupBy("group").agg(F.count(F.lit(1)).alias("users"))
    mine = whose.join(pairs, "user_id", "inner").groupBy("group", "item_id").agg(F.count(F.lit(1)).alias("n"))
    weighed = mine.join(sizes, "group", "inner").join(shares.select("item_id", F.col("id").alias("key")), "item_id")
    keys = grid.payload(weighed, "group", "key", _fixed(F.col("n") / (F.col("users") + entry.shrink)))
    order = sizes.agg(F.sort_array(F.collect_list("group")).alias("all")).select(
        F.posexplode("all").alias("id", "group")
    )
    prior = lists.fixed(F.lit(entry.shrink) / (F.col("users") + entry.shrink)).cast("int")
    groups = sizes.join(order, "group", "inner").join(keys, "group", "inner")
    whole = groups.select("id", "group", "keys", F.concat(F.array(prior), "weights").alias("weights"))
    return {"shares": shares, "groups": whole, "whose": whose}


def _fixed(share: Column) -> Column:
    return F.floor(share * F.lit(float(_SHARE)) + F.lit(0.5)).cast("int")


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: Profile, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason (segment_popularity where an attribute of the user is known to train). Score: the sum over
    the user's groups of the share of users who have the item."""
    own = votes(users, history, fitted, k, shown)
    found = lists.filled(users, own, lists.by_place(lists.popular(history, users, k, shown)), history, k, shown)
    reason = F.when(F.col("reason") == "history", "segment_popularity").otherwise(F.col("reason"))
    return found.select("user_id", "items", reason.alias("reason"))


def votes(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], k: int, shown: lists.Shown) -> DataFrame:
    """user_id, own: what `lists.filled` takes, for users whose group is known. history: what these users had."""
    known = fitted["whose"].join(fitted["groups"].select("group", "id"), "group", "inner")
    mine = grid.payload(known, "user_id", "id")
    return grid.best(users, fitted["shares"], mine, history, content_votes.shares, k, shown, fitted["groups"],
                     unit=_SHARE * FIXED)  # fmt: skip
