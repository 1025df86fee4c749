"""Lists blended, by reciprocal rank (Cormack, Clarke and Buettcher 2009, "Reciprocal rank fusion outperforms Condorcet
and individual rank learning methods") or by score (CombSUM, Fox and Shaw 1994), each part with a weight.

Scores are stretched over each list by its own smallest and largest, not by mean and deviation: so the worth of an item
that a list does not hold is known, 0, less than that of its last one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config.recommenders import Blend
from lstmrec.contracts.units import FIXED
from lstmrec.frames import targets
from lstmrec.recommenders import blend_votes, lists, ranker

#: What `fit` is given beside the events. parts: entry -> role -> its lists, user_id, items, reason, at least `depth`
#: long; split: all SPLIT rows; climb: searches for weights (`store.climb`).
WANTS = ("parts", "split", "seed", "climb")
#: Fitted tables that lie somewhere already.
GIVEN = ("lists",)
#: Reasons of lists that are wholly the recommender's own; of others what has a score above 0 is, the rest fills up.
WHOLE = ("full_history", "short_history", "profile_only")
_WEIGHTS = "part int, weight int"
Grid = Sequence[Sequence[int]]
Climb = Callable[[Blend, DataFrame, Callable[[DataFrame, Grid], DataFrame]], Sequence[int]]


def fit(events: DataFrame, entry: Blend, parts: Mapping[str, Mapping[str, DataFrame]], split: DataFrame, seed: int,
        climb: Climb) -> dict[str, DataFrame]:  # fmt: skip
    """`lists`: part, role, user_id, items (item_id, score, tie) that count; `weights`: part, weight (2^-20 of all)."""
    every = [own(frame, i, role, entry.depth) for i, name in enumerate(entry.of) for role, frame in parts[name].items()]
    made = reduce(DataFrame.unionByName, every)
    weights: Sequence[float] = [1.0] * len(entry.of)
    if entry.weights == "fit":
        weights = climb(entry, judged(made, split, seed, entry.users), partial(figures, entry=entry))
    elif entry.weights != "equal":
        weights = entry.weights
    rows = [(i, int(w / sum(weights) * FIXED + 0.5)) for i, w in enumerate(weights)]
    return {"lists": made, "weights": events.sparkSession.createDataFrame(rows, _WEIGHTS)}


def own(frame: DataFrame, part: int, role: str, depth: int) -> DataFrame:
    """Lists as `blend_votes` takes them in: the first `depth` items, of them the recommender's own."""
    counts = F.filter(F.slice("items", 1, depth), lambda x: F.col("reason").isin(*WHOLE) | (x["score"] > 0))
    items = F.transform(counts, lambda x: F.struct(
        x["item_id"].alias("item_id"), x["score"].alias("score"), F.xxhash64(x["item_id"]).alias("tie")))  # fmt: skip
    return frame.select(F.lit(part).alias("part"), F.lit(role).alias("role"), "user_id", items.alias("items"))


def judged(made: DataFrame, split: DataFrame, seed: int, most: int) -> DataFrame:
    """fits (weights are fitted on this user, or judged), parts, targets of at most so many validation users each."""
    wanted = targets.targets(split).where("role = 'validation'")
    ids = F.transform("targets", lambda t: t["item_id"]).alias("targets")
    rows = wanted.select("user_id", ids, targets.fits(seed).alias("fits"))
    some = reduce(DataFrame.unionByName, [
        rows.where(half).orderBy(F.xxhash64(F.lit(seed), "user_id"), "user_id").limit(most)
        for half in (F.col("fits"), ~F.col("fits"))
    ])  # fmt: skip
    mine = _by_user(made.where("role = 'validation'").withColumn("weight", F.lit(0)))
    return some.join(mine, "user_id", "left").select("fits", "parts", "targets")


def figures(rows: DataFrame, grid: Grid, entry: Blend) -> DataFrame:
    """place (in the grid of weights), ndcg (sum over users, in 2^-30), users, of rows of `judged`."""
    tried = tuple(tuple(weights) for weights in grid)
    body = partial(blend_votes.figures, grid=tried, by=entry.by, offset=entry.offset, k=entry.k)
    found = rows.select("parts", "targets").mapInArrow(body, blend_votes.FIGURES)
    return found.groupBy("place").agg(F.sum("ndcg").alias("ndcg"), F.sum("users").alias("users"))


def _by_user(rows: DataFrame) -> DataFrame:
    """user_id, parts: the lists of each user, in no order."""
    one = F.struct("part", "weight", "items")
    return rows.groupBy("user_id").agg(F.collect_list(one).alias("parts"))


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: Blend, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason of users (role, user_id). Score: the weighted mean of an item's worth in the parts' lists;
    equal ones by their best place in one of them."""
    weights = F.broadcast(fitted["weights"].where("weight > 0"))
    mine = fitted["lists"].join(users.select("role", "user_id"), ["role", "user_id"], "left_semi")
    rows = _by_user(mine.join(weights, "part", "inner"))
    most = None if shown.rules is not None else k
    body = partial(blend_votes.best, by=entry.by, offset=entry.offset, k=most)
    own_ = rows.mapInArrow(body, ranker.OUT)
    return lists.filled(users, own_, lists.by_place(lists.popular(history, users, k, shown)), history, k, shown)
