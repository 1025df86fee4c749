"""The fit of ALS, which acts: Spark MLlib on rows that lie in a fixed order, its factors written once.

MLlib sums doubles in the order in which blocks arrive. With one block that order is the rows' own, which is fixed here:
the same bits in every run, under any partitioning. With more blocks two fits may differ in their last bits; what was
fitted lies on the desk, every list is made of that, and its digest is in the facts and in the lists' `model`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec import files
from lstmrec.config.recommenders import Als
from lstmrec.store import collect
from lstmrec.store.session import checkpoints
from lstmrec.store.work import Desk

_FACTORS = "id int, features array<float>"


@dataclass(frozen=True)
class Factors:
    """Calling it fits. seed: where the first factors come from. told: entry -> what was fitted."""

    desk: Desk
    seed: int
    told: dict[str, Any] = field(default_factory=dict)

    def __call__(self, ratings: DataFrame, entry: Als) -> DataFrame:
        """id, features of the items of rows user, item (numbers from 0), rating (events); no rows, no factors."""
        from pyspark.ml.recommendation import ALS  # a second of imports that only this needs

        rows = self.desk.materialise(ratings, f"{entry.name}-ratings")
        if collect.empty(rows):
            return rows.sparkSession.createDataFrame([], _FACTORS)
        laid = rows.repartition(entry.blocks, "user").sortWithinPartitions("user", "item")
        als = ALS(
            rank=entry.rank, maxIter=entry.iterations, regParam=entry.reg, alpha=entry.alpha, implicitPrefs=True,
            numUserBlocks=entry.blocks, numItemBlocks=entry.blocks, seed=self.seed, userCol="user", itemCol="item",
            ratingCol="rating",
        )  # fmt: skip
        with checkpoints(rows.sparkSession, files.join(self.desk.folder, f"{entry.name}-lineage")):
            factors = self.desk.materialise(als.fit(laid).itemFactors, f"{entry.name}-factors")
        parts = F.xxhash64("id", "features").cast("decimal(38,0)")
        found = collect.rows(factors.agg(F.count(F.lit(1)).alias("items"), F.sum(parts).alias("digest")))[0]
        self.told[entry.name] = {"items": int(found["items"]), "factors": f"{int(found['digest']) % (1 << 64):016x}"}
        return factors
