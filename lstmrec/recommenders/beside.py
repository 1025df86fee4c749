"""What a bundle is held against where it is measured: plain lists for any users, and likeness to what they had."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame

from lstmrec.config.recommenders import Content, Profile
from lstmrec.config.run import Config
from lstmrec.recommenders import content, grid, lists, profile

#: (users, SPLIT rows to count, SPLIT rows of their own histories, their USERS rows) -> user_id, items.
Plain = Callable[[DataFrame, DataFrame, DataFrame, DataFrame], DataFrame]
#: (users, SPLIT rows of their histories, ENCODED_ITEMS) -> (item, keys, weights of the catalogue), (user_id, keys,
#: weights: catalogue indexes of what they had); `content_votes.over` scores the one by the other.
Near = Callable[[DataFrame, DataFrame, DataFrame], tuple[DataFrame, DataFrame]]


def plain(conf: Config) -> dict[str, Plain]:
    """`popularity`, and `profile` where the config has such an entry."""
    k, shown = conf.score.k, lists.Shown(conf.score.filters.hides(conf.sequence.history))

    def popular(users: DataFrame, every: DataFrame, own: DataFrame, people: DataFrame) -> DataFrame:
        return lists.filled(users, None, lists.popular(every, users, k, shown), own, k, shown)

    found: dict[str, Plain] = {"popularity": popular}
    entry = next((e for e in conf.score.recommenders if isinstance(e, Profile)), None)
    if entry is None:
        return found

    def alike(users: DataFrame, every: DataFrame, own: DataFrame, people: DataFrame) -> DataFrame:
        votes = profile.votes(users, own, profile.fit(every, entry, people), k, shown)
        return lists.filled(users, votes, lists.by_place(lists.popular(every, users, k, shown)), own, k, shown)

    return found | {"profile": alike}


def near(conf: Config) -> Near | None:
    """By the config's entry of the kind `content`; None without one."""
    entry = next((e for e in conf.score.recommenders if isinstance(e, Content)), None)
    if entry is None:
        return None

    def placed(users: DataFrame, history: DataFrame, encoded: DataFrame) -> tuple[DataFrame, DataFrame]:
        index = encoded.select("item_id", "item")
        catalogue = content.fit(history, entry, encoded)["vectors"].join(index, "item_id", "inner")
        liked = content.liked(users, history, entry).join(index, "item_id", "inner")
        return catalogue.select("item", "keys", "weights"), grid.payload(liked, "user_id", "item", liked["weight"])

    return placed
