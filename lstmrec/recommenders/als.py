"""ALS: factors of implicit counts by alternating least squares (Hu, Koren and Volinsky 2008, "Collaborative filtering
for implicit feedback datasets"), each side's shrinkage times its number of pairs (Zhou et al. 2008, section 3.1).

Spark MLlib fits the items' factors. Users are folded in: their vectors are solved anew from the history up to the cut,
so that new events count and whoever was not fitted on has a list too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config.recommenders import Als
from lstmrec.contracts.units import FIXED
from lstmrec.recommenders import als_solve, baskets, grid, lists

#: What `fit` is given beside the events. keep: (frame, name) -> the same, written down, since it is used thrice.
#: factors: (rows of user, item, rating; the entry) -> id (the item), features: it fits, which no transform can
#: (`store.als`).
WANTS = ("keep", "factors")


def fit(events: DataFrame, entry: Als, keep: Callable[[DataFrame, str], DataFrame],
        factors: Callable[[DataFrame, Als], DataFrame]) -> dict[str, DataFrame]:  # fmt: skip
    """`factors`: id (from 0 in the order of ties), item_id, keys (none), weights (the vector, in 2^-20)."""
    every = events.groupBy("user_id", "item_id").agg(F.count(F.lit(1)).alias("n"))
    counts = baskets.peers(every, entry.max_users)
    order = [-F.col("users"), *lists.ties()]
    users = counts.groupBy("item_id").agg(F.count(F.lit(1)).alias("users"))
    ids = grid.numbered(users.orderBy(*order).limit(entry.max_items).select("item_id"))
    known = keep(counts.join(ids, "item_id", "inner"), f"{entry.name}-counts")
    numbers = known.agg(F.sort_array(F.collect_set("user_id")).alias("all")).select(
        F.posexplode("all").alias("user", "user_id")
    )
    rows = known.join(numbers, "user_id", "inner")
    found = factors(rows.select("user", F.col("id").alias("item"), F.col("n").cast("float").alias("rating")), entry)
    whole = F.transform("features", lambda x: lists.fixed(x).cast("int")).alias("weights")
    named = found.join(known.select("id", "item_id").distinct(), "id", "inner")
    return {"factors": named.select("id", "item_id", F.lit(None).cast("array<int>").alias("keys"), whole)}


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: Als, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason. Score: the preference that the factors predict, where above 0."""
    factors = fitted["factors"]
    mine = history.join(users.select("user_id"), "user_id", "left_semi")
    counts = mine.groupBy("user_id", "item_id").agg(F.count(F.lit(1)).alias("n"))
    known = counts.join(factors.select("item_id", "id"), "item_id", "inner")
    votes = partial(als_solve.scorer, reg=entry.reg, alpha=entry.alpha)
    own = grid.best(users, factors, grid.payload(known, "user_id", "id", F.col("n")), history, votes, k, shown,
                    unit=FIXED**2)  # fmt: skip
    return lists.filled(users, own, lists.by_place(lists.popular(history, users, k, shown)), history, k, shown)
