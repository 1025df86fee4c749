"""First-order Markov chain: what followed the user's last item at once, rare transitions shrunk away (Ludewig and
Jannach 2018, section 3.1.2: MC)."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.config.recommenders import Markov
from lstmrec.recommenders import lists, rules, votes


def fit(events: DataFrame, entry: Markov) -> dict[str, DataFrame]:
    """`rules`: item, item_id (what followed it), weight = times / (times the item was followed + shrink), in 2^-20: the
    `neighbours` heaviest of each item."""
    order = Window.partitionBy("user_id").orderBy("index")
    steps = events.select(F.col("item_id").alias("item"), F.lead("item_id").over(order).alias("item_id"))
    counted = steps.where("item_id IS NOT NULL").groupBy("item", "item_id").agg(F.count(F.lit(1)).alias("n"))
    every = counted.groupBy("item").agg(F.sum("n").alias("all"))
    weight = lists.fixed(F.col("n") / (F.col("all") + entry.shrink)).alias("weight")
    weighed = counted.join(every, "item", "inner").select("item", "item_id", weight)
    return {"rules": rules.heaviest(weighed, entry.neighbours)}


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: Markov, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason. Score: the shrunk share of the times that the item followed the last one."""
    newest = Window.partitionBy("user_id").orderBy(F.col("index").desc())
    mine = history.join(users.select("user_id"), "user_id", "left_semi")
    last = mine.withColumn("back", F.row_number().over(newest) - 1).where("back = 0")
    last = last.select("user_id", F.col("item_id").alias("item"), "back")
    own = votes.best(last, fitted["rules"], 1.0, history, k, shown)
    return lists.filled(users, own, lists.by_place(lists.popular(history, users, k, shown)), history, k, shown)
