"""EASE: the linear item-to-item model with a zero diagonal, in closed form (Steck 2019, "Embarrassingly shallow
autoencoders for sparse data")."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config.recommenders import Ease
from lstmrec.contracts.units import FIXED
from lstmrec.recommenders import ease_solve, grid, item_knn, lists

#: What `fit` is given beside the events. keep: (frame, name) -> the same, written down, since it is used thrice.
WANTS = ("keep",)


def fit(events: DataFrame, entry: Ease, keep: Callable[[DataFrame, str], DataFrame]) -> dict[str, DataFrame]:
    """`weights`: id (from 0 in the order of ties), item_id, keys, weights (2^-20) of the `max_items` items that most
    users have; keys null: weights holds one for every item. Counts are made part by part of the catalogue, the inverse
    in one task."""
    pairs = grid.newest(events, entry.max_user_items)
    order = [-F.col("users"), *lists.ties()]
    users = pairs.groupBy("item_id").agg(F.count(F.lit(1)).alias("users"))
    ids = keep(grid.numbered(users.orderBy(*order).limit(entry.max_items).select("item_id")), f"{entry.name}-ids")
    counts = item_knn.parted(item_knn.baskets(pairs, ids)).repartition("part").mapInArrow(
        ease_solve.gram, ease_solve.COUNTS_DDL
    )  # fmt: skip
    together = counts.repartition(1).sortWithinPartitions("id")
    solve = partial(ease_solve.solved, l2=entry.l2, neighbours=entry.neighbours, fixed=FIXED)
    return {"weights": together.mapInArrow(solve, ease_solve.WEIGHTS_DDL).join(ids, "id", "inner")}


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: Ease, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason. Score: sum over the distinct items of the history of their weights, where above 0."""
    weights = fitted["weights"]
    mine = history.join(users.select("user_id"), "user_id", "left_semi").select("user_id", "item_id").distinct()
    known = mine.join(weights.select("item_id", "id"), "item_id", "inner")
    own = grid.best(users, weights, grid.payload(known, "user_id", "id"), history, ease_solve.scorer, k, shown)
    return lists.filled(users, own, lists.by_place(lists.popular(history, users, k, shown)), history, k, shown)
