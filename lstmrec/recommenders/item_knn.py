"""Items that the same users had: cosine over users (Sarwar et al. 2001), voted for by the last items of the history."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config.recommenders import ItemKnn
from lstmrec.contracts.units import FIXED
from lstmrec.recommenders import grid, lists, votes
from lstmrec.recommenders.neighbours import nearest

#: Parts of the catalogue: each sees every basket that holds one of its items, so more parts cost more shuffle.
PARTS = 16


def fit(events: DataFrame, entry: ItemKnn) -> dict[str, DataFrame]:
    """`neighbours`: item, item_id, weight (cosine in 2^-20). Users count by their newest `max_user_items` items."""
    pairs = grid.newest(events, entry.max_user_items)
    ids = _numbered(pairs)
    parts = parted(baskets(pairs, ids))
    users = ids.agg(F.sort_array(F.collect_list(F.struct("id", "users"))).alias("all")).select(
        F.explode(F.sequence(F.lit(0), F.lit(PARTS - 1))).alias("part"),
        F.lit(None).cast("array<int>").alias("mine"), F.col("all.users").alias("basket"),
    )  # fmt: skip
    rows = parts.unionByName(users).repartition("part").sortWithinPartitions("part", F.col("mine").isNotNull())
    found = rows.mapInArrow(nearest(entry.neighbours, entry.shrink, FIXED), "item int, other int, weight bigint")
    near = found.join(ids.select(F.col("id").alias("other"), "item_id"), "other", "inner")
    named = near.join(ids.select(F.col("id").alias("item"), F.col("item_id").alias("name")), "item", "inner")
    return {"neighbours": named.select(F.col("name").alias("item"), "item_id", "weight")}


def baskets(pairs: DataFrame, ids: DataFrame) -> DataFrame:
    """basket: the ids of each user's items, ascending. pairs: user_id, item_id; ids: item_id, id."""
    mine = pairs.join(ids, "item_id", "inner").groupBy("user_id")
    return mine.agg(F.sort_array(F.collect_list("id")).alias("basket"))


def parted(baskets: DataFrame) -> DataFrame:
    """part (of the catalogue), mine (the ids of the basket that belong to it), basket: all rows where mine has any."""
    part = F.transform("basket", lambda i: F.pmod(F.hash(i), F.lit(PARTS)))
    return (
        baskets.select("basket", F.explode(F.array_distinct(part)).alias("part"))
        .withColumn("mine", F.filter("basket", lambda i: F.pmod(F.hash(i), F.lit(PARTS)) == F.col("part")))
        .select("part", "mine", "basket")
    )  # fmt: skip


def _numbered(pairs: DataFrame) -> DataFrame:
    """item_id, id (from 0 by falling users, then the usual ties), users."""
    key = F.struct((-F.col("n")).alias("n"), *lists.ties())
    ordered = pairs.groupBy("item_id").agg(F.count(F.lit(1)).cast("int").alias("n")).agg(
        F.sort_array(F.collect_list(key)).alias("all")
    )  # fmt: skip
    numbered = ordered.select(F.posexplode("all").alias("id", "x"))
    return numbered.select(F.col("x.item_id").alias("item_id"), "id", (-F.col("x.n")).alias("users"))


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: ItemKnn, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason. Score: sum over the last `recent` distinct items of cosine * decay^(steps back)."""
    mine = history.join(users.select("user_id"), "user_id", "left_semi")
    last = grid.newest(mine, entry.recent)
    recent = last.select("user_id", F.col("item_id").alias("item"), (F.col("back") - 1).alias("back"))
    own = votes.best(recent, fitted["neighbours"], entry.decay, history, k, shown)
    fill = lists.by_place(lists.popular(history, users, k, shown))
    return lists.filled(users, own, fill, history, k, shown)
