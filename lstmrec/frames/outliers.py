"""Items and users with too few events, and users with too many: counted over the rows still accepted."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.frames.clean import refuse


def refuse_rare_items(at_least: int) -> Callable[[DataFrame], DataFrame]:
    """Refuse events of items with fewer accepted events. One round: what the users lose is not asked again.

    The frame is used twice, so it should be one that lies on disk.
    """

    def with_refusal(frame: DataFrame) -> DataFrame:
        alive = frame.where(F.col("reject_reason").isNull())
        counts = alive.groupBy("item_id").agg(F.count(F.lit(1)).alias("_count"))
        marked = frame.join(counts, on="item_id", how="left")
        return marked.transform(refuse("rare_item", F.col("_count") < at_least, F.col("_count"))).drop("_count")

    return with_refusal


def refuse_by_user_count(at_least: int, at_most: int) -> Callable[[DataFrame], DataFrame]:
    """Refuse every event of users with fewer accepted events than at_least (rare_user) or more than at_most (bot)."""
    alive = F.col("reject_reason").isNull()
    whole = Window.partitionBy("user_id").rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)

    def with_refusal(frame: DataFrame) -> DataFrame:
        counted = frame.withColumn("_count", F.count(F.when(alive, F.lit(1))).over(whole))
        marked = counted.transform(refuse("rare_user", F.col("_count") < at_least, F.col("_count")))
        return marked.transform(refuse("bot", F.col("_count") > at_most, F.col("_count"))).drop("_count")

    return with_refusal
