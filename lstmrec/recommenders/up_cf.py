"""UP-CF: recency-aware user popularity, collaboratively filtered (Faggioli et al. 2020, "Recency aware collaborative
filtering for next basket recommendation")."""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config.recommenders import UpCf
from lstmrec.recommenders import baskets, lists, user_knn


def fit(events: DataFrame, entry: UpCf) -> dict[str, DataFrame]:
    """`peers`: user_id, item_id, weight (2^-20) of the users who can be neighbours."""
    return {"peers": baskets.peers(weights(events, entry), entry.max_users)}


def weights(events: DataFrame, entry: UpCf) -> DataFrame:
    """user_id, item_id, weight: the share of the user's last baskets that hold the item, in 2^-20."""
    last = baskets.placed(events).where(F.col("back") < entry.baskets)
    return baskets.summed(last, 1 / F.least("baskets", F.lit(entry.baskets)))


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: UpCf, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason. Score: the user's own share, plus the nearest users' times similarity^locality."""
    votes = partial(user_knn.up_cf, neighbours=entry.neighbours, alpha=entry.alpha, locality=entry.locality)
    return baskets.best(users, history, weights(history, entry), fitted["peers"], votes, k, shown)
