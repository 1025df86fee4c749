"""What moved since the states were made: of users (new events, other demographics) and of items. Pure frames."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts.ids import UNKNOWN
from lstmrec.frames import sequences

#: What is done with a user: read everything, go on from the state, or leave the state alone.
WHOLE, ON, SAME = "whole", "on", "same"
_MASK = (1 << 40) - 1  # digests are sums of so much of a hash: 2^23 events add up without an overflow


def events(history: DataFrame, catalogue: DataFrame, vocabulary: DataFrame) -> DataFrame:
    """user_id, index, item, type, second (see `sequences.encoded`), hash (of what the net sees), of SPLIT rows."""
    rows = sequences.encoded(history, catalogue, vocabulary)
    known = F.when(F.col("item") != UNKNOWN, F.col("item_id"))
    seen = F.xxhash64("index", known, "type", "second").bitwiseAND(F.lit(_MASK))
    return rows.select("user_id", "index", "item", "type", "second", seen.alias("hash"))


def standing(who: DataFrame, rows: DataFrame, static: DataFrame, whom: DataFrame | None, states: DataFrame | None
             ) -> DataFrame:  # fmt: skip
    """Of users due (user_id): events, last, fed, static (digests: see USER_STATES), had (events that the state holds),
    kind: WHOLE, ON or SAME. rows: `events`; static: ENCODED_USERS; whom: user_id, segment; states: USER_STATES."""
    people = who.select("user_id").join(static, "user_id", "left")
    people = people.withColumn("segment", F.lit(None).cast("string")) if whom is None else people.join(
        whom, "user_id", "left"
    )  # fmt: skip
    people = people.select("user_id", F.xxhash64("static", F.coalesce("segment", F.lit(""))).alias("static"))
    if states is None:
        known = people.select("user_id", *(F.lit(None).cast("bigint").alias(n) for n in ("had", "was", "from")))
    else:
        known = states.select("user_id", F.col("events").cast("bigint").alias("had"), F.col("fed").alias("was"),
                              F.col("static").alias("from"))  # fmt: skip
    counted = rows.join(known.select("user_id", "had"), "user_id", "left") if states is not None else rows.withColumn(
        "had", F.lit(None).cast("bigint")
    )  # fmt: skip
    counted = counted.groupBy("user_id").agg(
        F.count(F.lit(1)).cast("int").alias("events"), F.max_by("second", "index").alias("last"),
        F.sum("hash").alias("fed"),
        F.sum(F.when(F.col("index") < F.col("had"), F.col("hash")).otherwise(0)).alias("then"),
    )  # fmt: skip
    all_ = people.join(counted, "user_id", "left").fillna(0, ["events", "last", "fed", "then"])
    all_ = all_.join(known, "user_id", "left")
    on = (F.col("events") > F.col("had")) & (F.col("then") == F.col("was"))
    same = (F.col("events") == F.col("had")) & (F.col("fed") == F.col("was"))
    at_all = F.col("had").isNotNull() & (F.col("static") == F.col("from"))
    kind = F.when(at_all & same, SAME).when(at_all & on, ON).otherwise(WHOLE)
    had = F.when(kind == WHOLE, F.lit(0)).otherwise(F.col("had")).cast("int")
    return all_.select("user_id", "events", "last", "fed", "static", had.alias("had"), kind.alias("kind"))


def fed(moved: DataFrame, rows: DataFrame, static: DataFrame, profiles: DataFrame, states: DataFrame | None
        ) -> DataFrame:  # fmt: skip
    """`options.FED` rows of users of `standing` that moved: their events since `had`, and where they go on from.
    profiles: USER_PROFILES, of which the one after the last event is looked at."""
    new = rows.join(moved.select("user_id", "had"), "user_id", "inner").where(F.col("index") >= F.col("had"))
    listed = new.groupBy("user_id").agg(
        F.sort_array(F.collect_list(F.struct("index", "item", "type", "second"))).alias("e")
    )
    after = profiles.select("user_id", F.col("boundary").alias("events"), F.col("encoded").alias("profile"))
    out = (
        moved.drop("static").join(listed, "user_id", "left").join(static.select("user_id", "static"), "user_id", "left")
    )
    out = out.join(after, ["user_id", "events"], "left")
    if states is None:
        out = out.withColumns({"state": F.lit(None).cast("array<float>"), "before": F.lit(0).cast("bigint")})
    else:
        kept = states.select("user_id", "state", F.col("last").alias("before"))
        out = out.join(kept, "user_id", "left")
    goes_on = F.col("had") > 0
    return out.select(
        "user_id", *(_list(f"e.{name}", kind).alias(alias) for name, kind, alias in
                     (("item", "int", "items"), ("type", "int", "types"), ("second", "bigint", "times"))),
        F.when(goes_on, F.col("before")).otherwise(F.lit(0)).alias("last"), goes_on.alias("had"),
        _list("static", "int").alias("static"), _list("profile", "float").alias("profile"),
        F.when(goes_on, F.col("state")).alias("state"), F.lit(None).cast("array<float>").alias("query"),
    )  # fmt: skip


def again(users: DataFrame, states: DataFrame) -> DataFrame:
    """`options.FED` rows of users (user_id) whose lists are made again, from the user vectors there are."""
    kinds = {"items": "int", "types": "int", "times": "bigint", "static": "int", "profile": "float"}
    none = {name: F.array().cast(f"array<{kind}>") for name, kind in kinds.items()}
    vectors = states.select("user_id", "query").join(users.select("user_id"), "user_id", "left_semi")
    return vectors.select(
        "user_id", *(column.alias(name) for name, column in none.items()), F.lit(0).cast("bigint").alias("last"),
        F.lit(False).alias("had"), F.lit(None).cast("array<float>").alias("state"), "query",
    )  # fmt: skip


def inputs(made: DataFrame, before: DataFrame | None, rules: DataFrame | None) -> DataFrame:
    """ITEM_VECTORS rows of what the tower made: an item is fed to states as it was the first time. before:
    ITEM_VECTORS of the last run with this bundle; rules: rows of `filters.rules`."""
    if before is None:
        rows = made.withColumn("input", F.lit(None).cast("array<float>"))
    else:
        first = before.select("item_id", F.coalesce("input", "vector").alias("first"))
        rows = made.join(first, "item_id", "left").withColumn(
            "input", F.when(F.col("first") != F.col("vector"), F.col("first"))
        )  # fmt: skip
    if rules is None:
        return rows.select(
            "item", "item_id", "vector", "bias", "input", F.lit(None).cast("array<string>").alias("whom")
        )
    nobody = F.array().cast("array<string>")
    whom = F.when(F.col("pin").isNotNull(), nobody).when(~F.col("everybody"), F.col("segments"))
    rows = rows.join(rules.select("item", whom.alias("whom")), "item", "left")
    return rows.select("item", "item_id", "vector", "bias", "input", "whom")


def turned(before: DataFrame, now: DataFrame) -> DataFrame:
    """item (today's index; null: it is in no catalogue any more), gone, new, old (it was there), of the ITEM_VECTORS
    rows that differ: one whose vector, bias or audience changed is both gone and new."""
    was = before.select(
        "item_id", *(F.col(n).alias(f"{n}_was") for n in ("vector", "bias", "whom")), F.lit(True).alias("old")
    )
    both = now.join(was, "item_id", "full_outer")
    old, here = F.col("old").isNotNull(), F.col("item").isNotNull()
    alike = F.lit(True)
    for name in ("vector", "bias", "whom"):
        alike = alike & F.col(name).eqNullSafe(F.col(f"{name}_was"))
    shown = F.col("whom").isNull() | (F.size("whom") > 0)
    differing = both.where(~(old & here & alike))
    return differing.select("item", old.alias("gone"), (here & shown).alias("new"), old.alias("old"))


def _list(name: str, kind: str) -> Column:
    return F.coalesce(F.col(name), F.array()).cast(f"array<{kind}>")
