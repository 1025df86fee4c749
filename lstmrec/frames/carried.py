"""What moved since the states were made: of users (new events, other demographics) and of items. Pure frames."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts.ids import UNKNOWN
from lstmrec.frames import sequences

#: What is done with a user: read everything, go on from the state, or leave the state alone.
WHOLE, ON, SAME = "whole", "on", "same"
_MADE = ("item", "item_id", "vector", "bias", "input")
_MASK = (1 << 40) - 1  # digests are sums of so much of a hash: 2^23 events add up without an overflow


def events(history: DataFrame, catalogue: DataFrame, vocabulary: DataFrame, *beside: str) -> DataFrame:
    """user_id, index, item, type, second (see `sequences.encoded`), hash (of what the net sees), of SPLIT rows, and
    columns that stand beside them."""
    rows = sequences.encoded(history, catalogue, vocabulary)
    known = F.when(F.col("item") != UNKNOWN, F.col("item_id"))
    seen = F.xxhash64("index", known, "type", "second").bitwiseAND(F.lit(_MASK))
    return rows.select("user_id", "index", "item", "type", "second", seen.alias("hash"), *beside)


def standing(who: DataFrame, rows: DataFrame, static: DataFrame, whom: DataFrame | None, states: DataFrame | None
             ) -> DataFrame:  # fmt: skip
    """Of users due (user_id): events, last, fed, static (digests: see USER_STATES), had (events that the state holds),
    kind: WHOLE, ON or SAME. rows: `events`; static: ENCODED_USERS; whom: user_id, segment; states: USER_STATES.

    Without states everybody is read whole, so the events (see `listed`) come along: histories are walked once.
    """
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
        *([] if states is not None else _listed(F.lit(0))),
    )  # fmt: skip
    all_ = people.join(counted, "user_id", "left").fillna(0, ["events", "last", "fed", "then"])
    all_ = all_.join(known, "user_id", "left")
    on = (F.col("events") > F.col("had")) & (F.col("then") == F.col("was"))
    same = (F.col("events") == F.col("had")) & (F.col("fed") == F.col("was"))
    at_all = F.col("had").isNotNull() & (F.col("static") == F.col("from"))
    kind = F.when(at_all & same, SAME).when(at_all & on, ON).otherwise(WHOLE)
    had = F.when(kind == WHOLE, F.lit(0)).otherwise(F.col("had")).cast("int")
    lists = [] if states is not None else ["e", "hidden"]
    return all_.select("user_id", "events", "last", "fed", "static", had.alias("had"), kind.alias("kind"), *lists)


def listed(rows: DataFrame) -> DataFrame:
    """user_id, e (events since `had`, in order), hidden (catalogue indexes of all that the user had). rows: `events`
    beside `had`."""
    return rows.groupBy("user_id").agg(*_listed(F.col("had")))


def _listed(had: Column) -> list[Column]:
    event = F.when(F.col("index") >= had, F.struct("index", "item", "type", "second"))
    known = F.when(F.col("item") != UNKNOWN, F.col("item"))
    return [F.sort_array(F.collect_list(event)).alias("e"), F.sort_array(F.collect_set(known)).alias("hidden")]


def fed(moved: DataFrame, listed: DataFrame | None, static: DataFrame, profiles: DataFrame, states: DataFrame | None,
        hides: bool) -> DataFrame:  # fmt: skip
    """`options.FED` rows of users of `standing` that moved: their events since `had`, where they go on from, and, where
    the history `hides`, `hidden`. listed: see there; None: it stands in `moved`. profiles: USER_PROFILES, of which the
    one after the last event is looked at."""
    after = profiles.select("user_id", F.col("boundary").alias("events"), F.col("encoded").alias("profile"))
    known = F.struct("events", "last", "fed", "static").alias("known")
    out = moved if listed is None else moved.join(listed, "user_id", "left")
    out = out.select("user_id", "events", "had", "e", "hidden", known)
    out = out.join(static.select("user_id", "static"), "user_id", "left").join(after, ["user_id", "events"], "left")
    if states is None:
        out = out.withColumns({"state": F.lit(None).cast("array<float>"), "before": F.lit(0).cast("bigint")})
    else:
        kept = states.select("user_id", "state", F.col("last").alias("before"))
        # Semi first: of all states, which are wide, these few alone are to travel.
        kept = kept.join(moved.where("had > 0").select("user_id"), "user_id", "left_semi")
        out = out.join(kept, "user_id", "left")
    goes_on = F.col("had") > 0
    return out.select(
        "user_id", *(_list(f"e.{name}", kind).alias(alias) for name, kind, alias in
                     (("item", "int", "items"), ("type", "int", "types"), ("second", "bigint", "times"))),
        F.when(goes_on, F.col("before")).otherwise(F.lit(0)).alias("last"), goes_on.alias("had"),
        _list("static", "int").alias("static"), _list("profile", "float").alias("profile"),
        F.when(goes_on, F.col("state")).alias("state"), F.lit(None).cast("array<float>").alias("query"), "known",
        *(["hidden"] if hides else []),
    )  # fmt: skip


def again(users: DataFrame, states: DataFrame) -> DataFrame:
    """`options.FED` rows of users (user_id) whose lists are made again, from the user vectors there are; all else stays
    as it is."""
    kinds = {"items": "int", "types": "int", "times": "bigint", "static": "int", "profile": "float"}
    none = {name: F.array().cast(f"array<{kind}>") for name, kind in kinds.items()}
    known = F.struct("events", "last", "fed", "static").alias("known")
    return states.join(users.select("user_id"), "user_id", "left_semi").select(
        "user_id", *(column.alias(name) for name, column in none.items()), F.lit(0).cast("bigint").alias("last"),
        F.lit(False).alias("had"), "state", "query", known,
    )  # fmt: skip


def unchanged(now: DataFrame, before: DataFrame) -> DataFrame:
    """item, item_id, same (whether the item tower sees of it what it saw), of ENCODED_ITEMS today and before."""
    old = before.select("item_id", _seen().alias("was"))
    both = now.select("item", "item_id", _seen().alias("is")).join(old, "item_id", "left")
    return both.select("item", "item_id", F.coalesce(F.col("is") == F.col("was"), F.lit(False)).alias("same"))


def _seen() -> Column:
    """Digest of what the tower looks at. Sizes too: a list hashes as its members, one after the other."""
    lists = [part for name in ("tags", "text", "numeric", "vectors") for part in (F.size(name), F.col(name))]
    return F.xxhash64("id", "count", *lists)


def kept(before: DataFrame, seen: DataFrame) -> DataFrame:
    """item, item_id, vector, bias, input of items that are the `same` (see `unchanged`): those they had."""
    same = seen.where("same").select("item", "item_id")
    return before.drop("item", "whom").join(same, "item_id", "inner").select(*_MADE)


def inputs(made: DataFrame, before: DataFrame | None) -> DataFrame:
    """item, item_id, vector, bias, input of what the tower made: an item is fed to states as it was the first time.
    before: ITEM_VECTORS of the last run with this bundle."""
    if before is None:
        return made.withColumn("input", F.lit(None).cast("array<float>")).select(*_MADE)
    first = before.select("item_id", F.coalesce("input", "vector").alias("first"))
    rows = made.join(first, "item_id", "left")
    return rows.withColumn("input", F.when(F.col("first") != F.col("vector"), F.col("first"))).select(*_MADE)


def audience(rows: DataFrame, rules: DataFrame | None) -> DataFrame:
    """ITEM_VECTORS rows: whom items may be shown to. rules: rows of `filters.rules`; None: everything to everybody."""
    if rules is None:
        return rows.select(
            "item", "item_id", "vector", "bias", "input", F.lit(None).cast("array<string>").alias("whom")
        )
    nobody = F.array().cast("array<string>")
    whom = F.when(F.col("pin").isNotNull(), nobody).when(~F.col("everybody"), F.col("segments"))
    return rows.join(rules.select("item", whom.alias("whom")), "item", "left").select(*_MADE, "whom")


def turned(before: DataFrame, now: DataFrame) -> DataFrame:
    """item (today's index; null: it is in no catalogue any more), gone, new, old (it was there), distinct, of the
    ITEM_VECTORS rows that differ: one whose vector, bias or audience changed is both gone and new. By digests: the
    vectors of two catalogues would have to travel to be compared."""
    said = F.xxhash64("vector", "bias", F.col("whom").isNull(), F.col("whom"))
    was = before.select("item_id", said.alias("was"), F.lit(True).alias("old"))
    shown = F.col("whom").isNull() | (F.size("whom") > 0)
    both = now.select("item_id", "item", said.alias("is"), shown.alias("shown")).join(was, "item_id", "full_outer")
    old, here = F.col("old").isNotNull(), F.col("item").isNotNull()
    differing = both.where(~(old & here & F.col("is").eqNullSafe(F.col("was"))))
    new = (here & F.coalesce("shown", F.lit(False))).alias("new")
    return differing.select("item", old.alias("gone"), new, old.alias("old")).distinct()


def _list(name: str, kind: str) -> Column:
    return F.coalesce(F.col(name), F.array()).cast(f"array<{kind}>")
