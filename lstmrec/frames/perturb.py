"""Another future: everything after a cut changed and shuffled, everything before it left as it is.

What a leak audit feeds the jobs. Whatever was fitted on train rows must come out the same; what comes out changed has
looked ahead. All by hash of the row and a seed, so that an audit that finds something finds it again.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.contracts import tables
from lstmrec.contracts.tables import Table

_BUCKETS = 64
_ITEMS, _USERS = 50, 40
_NAME = "audit"


def by_time(cut_us: int, as_of_us: int, seed: int) -> Callable[[DataFrame], DataFrame]:
    """EVENTS -> EVENTS whose events from the cut on are others: a tenth is gone, items and types have changed places
    among them or are new, times are anywhere in [cut, as_of), value and quantity are made up, a fifth happened to a
    user that nobody knew as well. One shuffle of the later events."""
    later = F.coalesce(F.col("time") >= cut_us, F.lit(False))

    def change(events: DataFrame) -> DataFrame:
        names = [n for n in tables.EVENTS.names if n in events.columns]
        marked = events.where(later).transform(_lots(seed)).where(~_one_in(10, 0))
        moved = marked.transform(_swapped(("item_id", "event_type"), [])).transform(_invented(True))
        span = max(as_of_us - cut_us, 1)
        new = F.concat(F.lit(f"{_NAME} user "), F.pmod("_lot", F.lit(_USERS)))
        users = F.when(_one_in(5, 3), F.array("user_id", new)).otherwise(F.array("user_id"))
        moved = moved.withColumn("time", F.pmod(F.xxhash64("_lot"), F.lit(span)) + cut_us)
        moved = moved.withColumn("row_hash", F.col("_lot")).withColumn("user_id", F.explode(users))
        return events.where(~later).select(*names).unionByName(moved.select(*names))

    return change


def by_place(later: tuple[str, ...], seed: int, invent: bool) -> Callable[[DataFrame], DataFrame]:
    """SPLIT -> EVENTS whose events of the roles `later` are others: items and types have changed places within the
    role or, with invent, are new; value and quantity are made up. Order and number stay, since the cuts hang on them.
    """

    def change(split: DataFrame) -> DataFrame:
        held = F.col("role").isin(*later)
        marked = split.where(held).transform(_lots(seed))
        moved = marked.transform(_swapped(("item_id", "event_type"), ["role"])).transform(_invented(invent))
        whole = [F.col(c.name) if c.name in split.columns else F.lit(None).cast(c.kind).alias(c.name)
                 for c in tables.EVENTS.columns]  # fmt: skip
        return split.where(~held).select(*whole).unionByName(moved.select(*whole))

    return change


def items(known: DataFrame) -> Callable[[DataFrame], DataFrame]:
    """ITEMS -> ITEMS where all that is said of items outside `known` (item_id) is another, and new items stand."""

    def change(frame: DataFrame) -> DataFrame:
        made = {
            "title": F.concat(F.lit(f"{_NAME} "), F.coalesce("title", F.lit(""))),
            "tags": F.array(F.lit(f"{_NAME} tag")),
            "text": F.lit(f"{_NAME} words nobody used"),
            "numeric": F.transform_values("numeric", lambda _, x: x * 3 + 1e6),
            "vectors": F.transform_values("vectors", lambda _, v: F.concat(v, v)),
        }
        return frame.transform(_others(known, "item_id", made)).unionByName(_new(frame, tables.ITEMS, "item", _ITEMS))

    return change


def users(known: DataFrame) -> Callable[[DataFrame], DataFrame]:
    """USERS -> USERS where the demographics of users outside `known` (user_id) are others, and new users stand."""

    def change(frame: DataFrame) -> DataFrame:
        made = {"attributes": F.transform_values("attributes", lambda _, x: F.concat(F.lit(f"{_NAME} "), x))}
        return frame.transform(_others(known, "user_id", made)).unionByName(_new(frame, tables.USERS, "user", _USERS))

    return change


def _lots(seed: int) -> Callable[[DataFrame], DataFrame]:
    columns = ("user_id", "item_id", *tables.EVENT_ORDER)
    flagged = [x for c in columns for x in (F.col(c).isNull(), F.col(c))]
    return lambda frame: frame.withColumn("_lot", F.xxhash64(F.lit(seed).cast("bigint"), F.lit(_NAME), *flagged))


def _one_in(n: int, place: int) -> Column:
    """True for one in n of the lots, another choice for every place."""
    return F.pmod(F.xxhash64("_lot", F.lit(place)), F.lit(n)) == 0


def _swapped(columns: tuple[str, ...], within: list[str]) -> Callable[[DataFrame], DataFrame]:
    """Each row gets these columns from the next of its bucket, in the order of the lots; the last from the first."""
    mine = Window.partitionBy(*within, F.pmod("_lot", F.lit(_BUCKETS))).orderBy("_lot")
    whole = mine.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    held = F.struct(*columns)

    def swap(frame: DataFrame) -> DataFrame:
        taken = frame.withColumn("_taken", F.coalesce(F.lead(held).over(mine), F.first(held).over(whole)))
        return taken.withColumns({c: F.col("_taken")[c] for c in columns})

    return swap


def _invented(names: bool) -> Callable[[DataFrame], DataFrame]:
    """Value and quantity of the lot; with names also items and event types that were not there."""
    made = {"value": F.pmod("_lot", F.lit(100_000)), "quantity": F.pmod("_lot", F.lit(5)) + 1}
    if names:
        item = F.concat(F.lit(f"{_NAME} item "), F.pmod("_lot", F.lit(_ITEMS)))
        made["item_id"] = F.when(_one_in(8, 1), item).otherwise(F.col("item_id"))
        made["event_type"] = F.when(_one_in(20, 2), F.lit(f"{_NAME} type")).otherwise(F.col("event_type"))
    return lambda frame: frame.withColumns(made)


def _others(known: DataFrame, key: str, made: dict[str, Column]) -> Callable[[DataFrame], DataFrame]:
    """Columns become what `made` says in rows whose key is not known."""

    def change(frame: DataFrame) -> DataFrame:
        marked = frame.join(known.select(key, F.lit(True).alias("_known")), key, how="left")
        new = {name: F.when(F.col("_known"), F.col(name)).otherwise(value) for name, value in made.items()}
        return marked.withColumns(new).select(*frame.columns)

    return change


def _new(frame: DataFrame, table: Table, kind: str, many: int) -> DataFrame:
    """Rows that were not there: an id, and nothing known but a tag or a demographic."""
    given = {
        f"{kind}_id": F.concat(F.lit(f"{_NAME} {kind} "), F.col("id")),
        "tags": F.array(F.lit(f"{_NAME} tag")),
        "numeric": F.create_map().cast("map<string,double>"),
        "attributes": F.create_map(F.lit("age"), F.lit(f"{_NAME} value")),
    }
    columns = [given.get(c.name, F.lit(None)).cast(c.kind).alias(c.name) for c in table.columns]
    return frame.sparkSession.range(many).select(*columns).select(*frame.columns)
