"""Session kNN, weighed by place: V-SKNN (Ludewig and Jannach 2018, "Evaluation of session-based recommendation
algorithms", section 3.2.2)."""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.config.recommenders import SessionKnn
from lstmrec.contracts.units import FIXED
from lstmrec.recommenders import grid, lists, session_votes

_HOUR_US = 3_600_000_000


def sessions(events: DataFrame, entry: SessionKnn) -> DataFrame:
    """The events with `session`, from 0, oldest first: a new one begins after `gap_hours` without an event."""
    if entry.gap_hours is None:
        return events.withColumn("session", F.lit(0))
    order = Window.partitionBy("user_id").orderBy("index")
    begins = F.col("time") - F.lag("time").over(order) > F.lit(round(entry.gap_hours * _HOUR_US))
    so_far = order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    marked = events.withColumn("begins", F.coalesce(begins, F.lit(False)).cast("int"))
    return marked.withColumn("session", F.sum("begins").over(so_far).cast("int")).drop("begins")


def fit(events: DataFrame, entry: SessionKnn) -> dict[str, DataFrame]:
    """`peers`: id (from 0, the newest session first, then by hash), user_id, session, item_id: each item once, of the
    `max_sessions` newest sessions of two items or more."""
    items = sessions(events, entry).groupBy("user_id", "session", "item_id").agg(F.max("time").alias("time"))
    each = items.groupBy("user_id", "session").agg(F.max("time").alias("time"), F.count(F.lit(1)).alias("items"))
    key = F.struct(
        (-F.col("time")).alias("t"), F.xxhash64("user_id").alias("h"), "user_id", (-F.col("session")).alias("s")
    )
    newest = each.where("items > 1").select(key.alias("key")).orderBy("key").limit(entry.max_sessions)
    every = newest.agg(F.sort_array(F.collect_list("key")).alias("all")).select(F.posexplode("all").alias("id", "x"))
    ids = every.select("id", F.col("x.user_id").alias("user_id"), (-F.col("x.s")).alias("session"))
    return {"peers": items.join(ids, ["user_id", "session"], "inner").select("id", "user_id", "session", "item_id")}


def current(history: DataFrame, entry: SessionKnn) -> DataFrame:
    """user_id, session, item_id, weight: the newest distinct items of each user's last session; the weight falls in
    equal steps from 1 (2^20) at the newest."""
    last = Window.partitionBy("user_id").rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    every = sessions(history, entry).withColumn("last", F.max("session").over(last)).where("session = last")
    mine = grid.newest(every.drop("last"), entry.recent).withColumn("n", F.count(F.lit(1)).over(last))
    weight = lists.fixed((F.col("n") - F.col("back") + 1) / F.col("n"))
    number = every.groupBy("user_id").agg(F.max("session").alias("session"))
    return mine.select("user_id", "item_id", weight.alias("weight")).join(number, "user_id", "inner")


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: SessionKnn, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason. Score: over the sessions most like the user's last one, the sum of similarity (weights of
    the shared items) times the weight of the newest shared item. No session is its own neighbour."""
    peers = fitted["peers"]
    items = grid.numbered(history.select("item_id").distinct())
    key = items.select("item_id", F.col("id").alias("key"))
    others = grid.payload(peers.join(key, "item_id", "inner"), "id", "key")
    mine = current(history.join(users.select("user_id"), "user_id", "left_semi"), entry)
    keys = grid.payload(mine.join(key, "item_id", "inner"), "user_id", "key", F.col("weight"))
    own = mine.select("user_id", "session").distinct().join(
        peers.select("user_id", "session", "id").distinct(), ["user_id", "session"], "left"
    )  # fmt: skip
    whose = keys.join(own.select("user_id", "id"), "user_id", "left")
    nothing = F.lit(None).cast("array<int>")
    catalogue = items.select("id", "item_id", nothing.alias("keys"), nothing.alias("weights"))
    votes = partial(session_votes.scorer, sample=entry.sample, neighbours=entry.neighbours)
    found = grid.best(users, catalogue, whose, history, votes, k, shown, others, unit=FIXED**2)
    return lists.filled(users, found, lists.by_place(lists.popular(history, users, k, shown)), history, k, shown)
