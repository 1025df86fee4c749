"""The catalogue and everybody as numbers, by what was fitted: nothing here looks at more than a row but tags."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.normalise import NormaliseConfig
from lstmrec.contracts import tables
from lstmrec.frames import vectors, vocabulary
from lstmrec.frames.facts import Facts
from lstmrec.frames.scalers import scaled
from lstmrec.frames.text import buckets


def apply_items(catalogue: DataFrame, words: DataFrame, facts: Facts) -> DataFrame:
    """ENCODED_ITEMS of a catalogue (`catalogue.fit_catalogue`) and VOCABULARY.

    numeric: the scaled values, 0 where missing, then as many indicators. vectors: of `vectors.encoded`. Without
    known tags no item has any.
    """
    conf, tags = facts.conf, vocabulary.TAG in facts.sizes
    nothing = F.array().cast("array<int>")
    made = catalogue
    if tags:
        made = catalogue.join(vocabulary.tag_ids(catalogue, words, conf), on="item", how="left")
    values = [scaled(s) for s in facts.scalers]
    numbers = [F.coalesce(v, F.lit(0.0)).cast("float") for v in values]
    missing = [F.when(v.isNull(), 1.0).otherwise(0.0).cast("float") for v in values]
    made = made.select(
        *["item", "item_id", "title", "id", "count"],
        (F.coalesce("tag_ids", nothing) if tags else nothing).alias("tags"),
        buckets(F.col("text"), conf.text_buckets, conf.text_max, conf.text_chars).alias("text"),
        F.array(*numbers, *missing).cast("array<float>").alias("numeric"),
        vectors.encoded(facts.vectors).alias("vectors"),
    )
    return made.select(*tables.ENCODED_ITEMS.names)


def apply_users(users: DataFrame, words: DataFrame, attributes: Sequence[str], conf: NormaliseConfig) -> DataFrame:
    """ENCODED_USERS: an id per attribute. A vocabulary goes to every task, so that users are not shuffled."""
    made = users
    ids: list[Column] = []
    for n, name in enumerate(attributes):
        own = words.where(F.col("feature") == vocabulary.USER + name)
        own = own.select(F.col("value").alias(f"_value{n}"), F.col("id").alias(f"_id{n}"))
        value = F.col("attributes")[name]
        made = made.join(F.broadcast(own), value == F.col(f"_value{n}"), how="left")
        ids.append(vocabulary.id_of(value, F.col(f"_id{n}"), conf))
    return made.select("user_id", F.array(*ids).cast("array<int>").alias("static"))
