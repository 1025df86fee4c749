"""Lists that another run made, under this run's filters: how LSTMs of several seeds meet in one evaluation."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config.recommenders import Table
from lstmrec.recommenders import lists

#: What `fit` is given beside the events. another: the entry -> role, user_id, items, reason (`store.another`).
WANTS = ("another",)
#: Fitted tables that lie somewhere already.
GIVEN = ("lists",)


def fit(events: DataFrame, entry: Table, another: Callable[[Table], DataFrame]) -> dict[str, DataFrame]:
    """`lists`: role, user_id, items, reason, as they were read."""
    return {"lists": another(entry)}


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: Table, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason of users (role, user_id): the list that the other run made in the role, without what may
    not be shown, its scores and its reason; popularity behind it, and for whom it had none, each place one below."""
    theirs = fitted["lists"].join(users.select("role", "user_id"), ["role", "user_id"], "left_semi")
    own = theirs.select("user_id", "reason", F.transform("items", lambda x: F.struct(
        x["item_id"].alias("item_id"), x["score"].alias("score"))).alias("own"))  # fmt: skip
    pairs = shown.hidden(history)
    if pairs is not None:
        seen = pairs.groupBy("user_id").agg(F.collect_list("item_id").alias("seen"))
        out = F.coalesce("seen", F.array().cast("array<string>"))
        free = F.filter("own", lambda x: ~F.array_contains(out, x["item_id"]))
        own = own.join(seen, "user_id", "left").select("user_id", "reason", free.alias("own"))
    if not shown.most and shown.rules is None:
        own = own.withColumn("own", F.slice("own", 1, k))
    fill = lists.by_place(lists.popular(history, users, k, shown))
    made = lists.filled(users, own.select("user_id", "own"), fill, history, k, shown).drop("reason")
    return _below(made.join(own, "user_id", "left"))


def _below(made: DataFrame) -> DataFrame:
    """user_id, items, reason: what was filled up scores less than the own items, whose scores may be below 0."""
    mine = F.coalesce("own.item_id", F.array().cast("array<string>"))
    made = made.withColumn("n", F.size(F.filter("items", lambda x: F.array_contains(mine, x["item_id"]))))
    n = F.col("n")  # a column, and the fill alone goes through a lambda: what stands in one is worked out at each item
    last = F.least(F.coalesce(F.get("items", n - 1)["score"], F.lit(0.0)), F.lit(0.0))
    fill = F.transform(F.slice("items", n + 1, F.size("items")), lambda x, i: F.struct(
        x["item_id"].alias("item_id"), (last - (i + 1)).alias("score"), x["rank"].alias("rank")))  # fmt: skip
    items = F.concat(F.slice("items", F.lit(1), n), fill.cast(lists.ITEMS))
    reason = F.when(n > 0, F.col("reason")).otherwise("popularity")
    return made.select("user_id", items.cast(lists.ITEMS).alias("items"), reason.alias("reason"))
