"""Items that vote for others: the last items of a user's history, each with a list of weighted others."""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts.units import FIXED
from lstmrec.recommenders import grid, lists, vote_sums


def best(last: DataFrame, rules: DataFrame, decay: float, history: DataFrame, k: int, shown: lists.Shown) -> DataFrame:
    """The same as `lists.best_votes`, from the same: votes travel as arrays and are added up in Python, so that no row
    a vote is made. Where rules say what may be shown to whom, that one does it."""
    if shown.rules is not None or shown.most:
        return lists.best_votes(last, rules, decay, history, k, shown)
    ids = grid.numbered(rules.select("item_id").distinct())
    pair = F.struct(F.col("id").alias("key"), "weight")
    near = rules.join(ids, "item_id", "inner").groupBy("item").agg(F.collect_list(pair).alias("x"))
    factor = F.pow(F.lit(decay), F.col("back")).alias("factor")
    rows = last.join(near, "item", "inner").select(
        "user_id", factor, F.col("x.key").alias("keys"), F.col("x.weight").alias("weights")
    )
    hidden = shown.hidden(history)
    if hidden is not None:
        known = hidden.join(ids, "item_id", "inner").groupBy("user_id").agg(F.collect_list("id").alias("keys"))
        mine = known.join(last.select("user_id").distinct(), "user_id", "left_semi")
        rows = rows.unionByName(mine.selectExpr(
            "user_id", "CAST(NULL AS DOUBLE) AS factor", "keys", "CAST(NULL AS ARRAY<BIGINT>) AS weights"))  # fmt: skip
    ordered = rows.repartition("user_id").sortWithinPartitions("user_id", "factor")
    found = ordered.mapInArrow(partial(vote_sums.best, k=k), vote_sums.DDL).join(ids, "id", "inner")
    return lists.best(found.withColumn("score", F.col("vote") / F.lit(float(FIXED))), k, shown, -F.col("vote"))
