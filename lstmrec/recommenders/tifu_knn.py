"""TIFU-kNN: temporal item frequencies and the users whose are alike (Hu et al. 2020, "Modeling personalized item
frequency information for next-basket recommendation", section 4)."""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config.recommenders import TifuKnn
from lstmrec.recommenders import baskets, lists, user_knn


def fit(events: DataFrame, entry: TifuKnn) -> dict[str, DataFrame]:
    """`peers`: user_id, item_id, weight (2^-20) of the users who can be neighbours."""
    return {"peers": baskets.peers(weights(events, entry), entry.max_users)}


def weights(events: DataFrame, entry: TifuKnn) -> DataFrame:
    """user_id, item_id, weight (2^-20): the mean over groups, decayed, of the mean over their baskets, decayed. Groups
    are counted from the newest basket, so that the oldest may be short."""
    group, groups = F.floor(F.col("back") / entry.group), F.ceil(F.col("baskets") / entry.group)
    size = F.least(F.lit(entry.group), F.col("baskets") - group * entry.group)
    within = F.pow(F.lit(entry.within), F.col("back") % entry.group) / size
    return baskets.summed(baskets.placed(events), within * F.pow(F.lit(entry.between), group) / groups)


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: TifuKnn, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason. Score: alpha times the own weight, plus (1 - alpha) times the neighbours' mean one."""
    votes = partial(user_knn.tifu, neighbours=entry.neighbours, alpha=entry.alpha)
    return baskets.best(users, history, weights(history, entry), fitted["peers"], votes, k, shown)
