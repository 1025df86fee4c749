"""Content: cosine of items' tags, text and vectors to the mean of the user's last items; no ids, so new items count.

Terms are weighed by inverse document frequency (Sparck Jones 1972) and each kind brought to unit length, as in
content-based filtering by vector space (Lops et al. 2011, "Content-based recommender systems", section 3.3.1).
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.recommenders import Content
from lstmrec.contracts.units import FIXED
from lstmrec.recommenders import content_votes, grid, lists

#: What `fit` is given beside the events.
WANTS = ("encoded",)


def fit(events: DataFrame, entry: Content, encoded: DataFrame) -> dict[str, DataFrame]:
    """`vectors`: id, item_id, keys (features), weights (unit length, in 2^-20) of every row of ENCODED_ITEMS.

    Given vectors come with the mark that there is one, as they are encoded: it counts as one more number of them.
    """
    share = {"tags": entry.tags, "text": entry.text, "vectors": entry.vectors}
    kinds = [kind for kind in _KINDS if share[kind] > 0]
    ids = grid.numbered(encoded.select("item_id"))
    if kinds:
        weight = reduce(lambda w, kind: w.when(F.col("kind") == kind, share[kind]), kinds, F.when(F.lit(False), 0.0))
        parts = _unit(
            reduce(DataFrame.unionByName, [_terms(encoded, kind) for kind in kinds]), weight, "item_id", "kind"
        )
        whole = _unit(parts, F.lit(1.0), "item_id")
    else:
        whole = encoded.selectExpr("item_id", "0 as feature", "0L as weight").where("false")
    vectors = grid.payload(whole, "item_id", "feature", F.col("weight"))
    return {"vectors": ids.join(vectors, "item_id", "left")}


#: Kind -> its place: features of all kinds are numbered side by side.
_KINDS = {"tags": 0, "text": 1, "vectors": 2}


def _terms(encoded: DataFrame, kind: str) -> DataFrame:
    """item_id, kind, feature, weight (2^-20): idf = ln((1 + n) / (1 + items with it)) + 1, or the number itself."""
    feature = (F.col("term") * len(_KINDS) + _KINDS[kind]).alias("feature")
    if kind == "vectors":
        some = encoded.select("item_id", F.posexplode("vectors").alias("term", "x"))
        found = some.select("item_id", F.lit(kind).alias("kind"), feature, lists.fixed(F.col("x")).alias("weight"))
        return found.where("weight <> 0")
    # 1 stands for everything unknown, which says nothing.
    some = encoded.select("item_id", F.explode(F.array_distinct(kind)).alias("term")).where("term > 1")
    size = encoded.agg(F.count(F.lit(1)).alias("n"))
    known = some.groupBy("term").agg(F.count(F.lit(1)).alias("items")).crossJoin(F.broadcast(size))
    idf = known.select("term", lists.fixed(F.log((1 + F.col("n")) / (1 + F.col("items"))) + 1).alias("weight"))
    return some.join(idf, "term", "inner").select("item_id", F.lit(kind).alias("kind"), feature, "weight")


def _unit(terms: DataFrame, length: Column, *key: str) -> DataFrame:
    """The terms of each key at such a length; weights stay whole numbers of 2^-20."""
    square = terms.groupBy(*key).agg(F.sum(F.col("weight") * F.col("weight")).alias("square"))
    scaled = lists.fixed(F.col("weight") / F.sqrt("square") * length)
    found = terms.join(square, list(key), "inner").withColumn("weight", scaled).drop("square")
    return found.where("weight <> 0")


def score(users: DataFrame, history: DataFrame, fitted: dict[str, DataFrame], entry: Content, cut_us: int | None,
          k: int, shown: lists.Shown) -> DataFrame:  # fmt: skip
    """user_id, items, reason. Score: cosine to the sum over the last `recent` distinct items of decay^(steps back)
    times their vectors, where above 0."""
    vectors = fitted["vectors"]
    known = liked(users, history, entry).join(vectors.select("item_id", "id"), "item_id", "inner")
    mine = grid.payload(known, "user_id", "id", F.col("weight"))
    own = grid.best(users, vectors, mine, history, content_votes.scorer, k, shown, unit=FIXED**2)
    return lists.filled(users, own, lists.by_place(lists.popular(history, users, k, shown)), history, k, shown)


def liked(users: DataFrame, history: DataFrame, entry: Content) -> DataFrame:
    """user_id, item_id, weight (2^-20) of each user's last distinct items."""
    last = grid.newest(history.join(users.select("user_id"), "user_id", "left_semi"), entry.recent)
    weight = lists.fixed(F.pow(F.lit(entry.decay), F.col("back") - 1))
    return last.select("user_id", "item_id", weight.alias("weight"))
