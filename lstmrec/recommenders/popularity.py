"""The most popular items, all time or of the last days before the cut; a rule without parameters."""

from __future__ import annotations

from pyspark.sql import DataFrame

from lstmrec.config.recommenders import Popularity
from lstmrec.contracts.units import DAY_US
from lstmrec.recommenders import lists


def fit(events: DataFrame, entry: Popularity) -> dict[str, DataFrame]:
    """Nothing: it counts up to the role's cut."""
    return {}


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: Popularity, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason. Score: events (of the last `days`); items without any go last, by all-time count."""
    since = None if entry.days is None or cut_us is None else cut_us - entry.days * DAY_US
    return lists.filled(users, None, lists.popular(history, users, k, shown, since), history, k, shown)
