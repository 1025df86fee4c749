"""Values of tags, event types and demographics: how often each is there, which have an id, and the id of each.

Ids of a feature: 0 padding, 1 unknown, then `tail_buckets` hash buckets (tags and demographics), then the known values.
The tail stands first so that a grown vocabulary moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.config.normalise import NormaliseConfig
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.contracts.ids import FIRST, UNKNOWN
from lstmrec.frames.tally import ROLES

TAG, TYPE, USER = "tag", "event_type", "user:"
_LATER = 1 << 30  # above every id: where tail buckets sort, so that known values come first
_LAST = 2 * _LATER - 1  # and after them, the unknown
_SHAPES = ("tail_buckets", "text_buckets", "text_chars")


def tag_counts(catalogue: DataFrame) -> DataFrame:
    """feature, value, count (catalogue items with train events that have the tag), train, validation, test (events of
    items that have it)."""
    rows = catalogue.select("count", "validation", "test", F.explode("tags").alias("value"))
    sold = F.count_if(F.col("count") > 0).alias("count")
    events = [F.sum("count" if role == "train" else role).alias(role) for role in ROLES]
    return _named(TAG, rows.groupBy("value").agg(sold, *events))


def type_counts(tallied: DataFrame) -> DataFrame:
    """The same of event types, from `tally.tally`: count is train events."""
    found = tallied.groupBy(F.col("event_type").alias("value")).agg(*[F.sum(role).alias(role) for role in ROLES])
    return _named(TYPE, found.withColumn("count", F.col("train")))


def user_counts(users: DataFrame, active: DataFrame, attributes: Sequence[str]) -> DataFrame:
    """The same of demographics, by users with events of the role; a null value is of users without the attribute."""
    pairs = [F.struct(F.lit(USER + a).alias("feature"), F.col("attributes")[a].alias("value")) for a in attributes]
    rows = users.join(active, on="user_id", how="inner").select(*ROLES, F.inline(F.array(*pairs)))
    found = rows.groupBy("feature", "value").agg(*[F.sum(role).alias(role) for role in ROLES])
    return found.select("feature", "value", F.col("train").alias("count"), *ROLES)


def fit_vocabulary(counted: DataFrame, conf: NormaliseConfig, base: DataFrame | None = None) -> DataFrame:
    """VOCABULARY of counts (feature, value, count), ids by falling count, then value.

    base: an older VOCABULARY, whose values keep their ids; new ones come after them. At most `max_values` a feature.
    Sorted within a feature: the limit is pushed below the sort, so that no task holds a million zip codes.
    """
    least = F.when(F.col("feature") == TAG, conf.min_tag_count)
    least = least.when(F.col("feature") != TYPE, conf.min_value_count).otherwise(1)
    start = F.when(F.col("feature") == TYPE, FIRST).otherwise(FIRST + conf.tail_buckets)
    new = counted.select("feature", "value", "count").where("value IS NOT NULL").where(F.col("count") >= least)
    if base is None:
        return _placed(new, start, start, conf)
    old = base.select("feature", "value", "id")
    following = F.broadcast(old.groupBy("feature").agg((F.max("id") + 1).alias("_next")))
    later = new.join(old, on=["feature", "value"], how="left_anti").join(following, on="feature", how="left")
    now = counted.select("feature", "value", "count")
    kept = old.join(now, on=["feature", "value"], how="left").withColumn("count", F.coalesce("count", F.lit(0)))
    return kept.select(*tables.VOCABULARY.names).unionByName(_placed(later, F.coalesce("_next", start), start, conf))


def sizes(vocabulary: DataFrame) -> DataFrame:
    """feature, size (past its largest id), n (known values)."""
    return vocabulary.groupBy("feature").agg((F.max("id") + 1).alias("size"), F.count(F.lit(1)).alias("n"))


def id_of(value: Column, known: Column, conf: NormaliseConfig) -> Column:
    """The id of a value: its own, else its hash bucket, else 1; 1 for null."""
    return F.when(value.isNull(), UNKNOWN).otherwise(F.coalesce(known, _tail(value, conf)))


def tag_ids(catalogue: DataFrame, vocabulary: DataFrame, conf: NormaliseConfig) -> DataFrame:
    """item, tag_ids: distinct ids of its tags, at most `tags_max`: known ones by id, then buckets, then 1. Shuffles
    one row a tag of an item, by item; the vocabulary is sent to every task where it is small."""
    own = vocabulary.where(F.col("feature") == TAG).select(F.col("value").alias("tag"), "id")
    tags = catalogue.select("item", F.explode("tags").alias("tag")).join(own, on="tag", how="left")
    unseen = _tail(F.col("tag"), conf) + _LATER if conf.tail_buckets else F.lit(_LAST)
    place = F.coalesce("id", unseen)
    found = tags.groupBy("item").agg(F.array_sort(F.collect_set(place)).alias("_places"))
    kept = F.slice("_places", 1, conf.tags_max)
    ids = F.transform(kept, lambda p: F.when(p == _LAST, UNKNOWN).when(p >= _LATER, p - _LATER).otherwise(p))
    return found.select("item", ids.alias("tag_ids"))


def growable(conf: NormaliseConfig, base: Mapping[str, Any]) -> None:
    """ConfigError C332 where a base (its `normalise` config) spreads what has no id of its own over other buckets."""
    fields = NormaliseConfig.model_fields
    mine = conf.model_dump(mode="json")
    for name in _SHAPES:
        theirs = base.get(name, fields[name].default)
        if theirs != mine[name]:
            raise ConfigError("C332", f"{name} is {mine[name]}, and {theirs} in what is grown",
                              f"normalise.grow_from: {conf.grow_from}", f"--set normalise.{name}={theirs}")  # fmt: skip


def _placed(new: DataFrame, following: Column, start: Column, conf: NormaliseConfig) -> DataFrame:
    order = Window.partitionBy("feature").orderBy(F.col("count").desc(), "value")
    ranked = new.withColumn("_place", F.row_number().over(order))
    made = ranked.where(F.col("_place") <= conf.max_values)
    made = made.withColumn("id", (following + F.col("_place") - 1).cast("int"))
    return made.where(F.col("id") < start + conf.max_values).select(*tables.VOCABULARY.names)


def _named(feature: str, found: DataFrame) -> DataFrame:
    return found.select(F.lit(feature).alias("feature"), "value", "count", *ROLES)


def _tail(value: Column, conf: NormaliseConfig) -> Column:
    if not conf.tail_buckets:
        return F.lit(UNKNOWN)
    return (F.pmod(F.xxhash64(value), F.lit(conf.tail_buckets).cast("bigint")) + FIRST).cast("int")
