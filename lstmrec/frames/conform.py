"""Source rows in the words of the contracts. Nothing throws on a bad row: what cannot be read turns null, and the
rules of `frames.clean` refuse it by name.

Every conformed frame carries, beside its contract's columns, `_row` (the source row as a struct) and `_tie` (its hash,
the very last tie-breaker among rows that conform to the same).
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from lstmrec.config.clean import EventSource, ItemSource, UserSource
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.frames.names import Named, resolve

_BLANKS = " \t\n\r\x0b\x0c"
_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_NUMBER = "decimal(30,6)"
#: What a source row's value may be for ids, words and categories.
_FLAT = (T.StringType, T.BinaryType, T.NumericType, T.BooleanType, T.DateType, T.TimestampType, T.TimestampNTZType,
         T.NullType)  # fmt: skip


def conform_events(frame: DataFrame, source: EventSource) -> DataFrame:
    """Source rows -> the columns of EVENTS, the raw texts `_time`, `_position`, `_value`, `_quantity` and decimals
    `_worth`, `_many` that the rules look at, `_row`, `_tie`."""
    keys = ("user_id", "item_id", "time", "position", "event_id", "event_type", "value", "quantity")
    named = resolve(frame, {k: getattr(source, k) for k in keys}, "clean.events")
    worth, many = _number(named.get("value")), _number(named.get("quantity"))
    made = {
        "user_id": text(named["user_id"], "clean.events.user_id"),
        "item_id": text(named["item_id"], "clean.events.item_id"),
        "event_type": F.coalesce(text(named["event_type"], "clean.events.event_type"), F.lit("unknown")),
        "time": instant(named["time"], source) if "time" in named else _null("bigint"),
        "event_id": text(named["event_id"], "clean.events.event_id") if "event_id" in named else _null("string"),
        "position": whole(named.get("position")),
        "value": F.round(worth * F.lit(100).cast("decimal(3,0)"), 0).try_cast("bigint"),
        "quantity": F.round(many, 0).try_cast("bigint"),
    }
    raw = {f"_{k}": _raw(named.get(k)) for k in ("time", "position", "value", "quantity")}
    columns = [c.alias(k) for k, c in {**made, **raw, "_worth": worth, "_many": many}.items()]
    out = frame.select(*columns, *source_row(frame))
    return out.withColumn("row_hash", hash_of(*[F.col(c) for c in tables.EVENTS.names if c != "row_hash"]))


def conform_items(frame: DataFrame, source: ItemSource) -> DataFrame:
    """Source rows -> the columns of ITEMS, `_row`, `_tie`. Tags `column=value`: trimmed, lower case, sorted, distinct;
    an array gives one tag a member. Numbers that are no finite number are missing."""
    wanted = {"item_id": source.item_id, "title": source.title} | {f"tags.{c}": c for c in source.tags}
    wanted |= {f"text.{c}": c for c in source.text} | {f"numeric.{n}": c for n, c in source.numeric.items()}
    named = resolve(frame, wanted, "clean.items")
    tags = [_tags(c, named[f"tags.{c}"]) for c in source.tags]
    words = [_words(named[f"text.{c}"], f"clean.items.text.{c}") for c in source.text]
    numbers = {n: named[f"numeric.{n}"].column.try_cast("double") for n in source.numeric}
    return frame.select(
        text(named["item_id"], "clean.items.item_id").alias("item_id"),
        (_words(named["title"], "clean.items.title") if "title" in named else _null("string")).alias("title"),
        F.array_sort(F.array_distinct(F.concat(F.array().cast("array<string>"), *tags))).alias("tags"),
        _filled(F.concat_ws(" ", *words)).alias("text"),
        _map(numbers, "double", lambda v: v.isNotNull() & (F.abs(v) < float("inf"))).alias("numeric"),
        *source_row(frame),
    )


def conform_users(frame: DataFrame, source: UserSource) -> DataFrame:
    """Source rows -> the columns of USERS, `_row`, `_tie`. Blank attributes are unknown."""
    named = resolve(frame, {"user_id": source.user_id} | {f"attributes.{a}": a for a in source.attributes},
                    "clean.users")  # fmt: skip
    values = {a: _filled(text(named[f"attributes.{a}"], f"clean.users.attributes.{a}")) for a in source.attributes}
    return frame.select(
        text(named["user_id"], "clean.users.user_id").alias("user_id"),
        _map(values, "string", lambda v: v.isNotNull()).alias("attributes"),
        *source_row(frame),
    )


def text(named: Named, where: str) -> Column:
    """An id or category as text: kept as it is but for blanks at its ends; whole numbers of any type print as
    integers ('7', never '7.0'); NaN and infinity are null. ConfigError C304 for arrays, maps and structs."""
    if not isinstance(named.kind, _FLAT):
        raise ConfigError("C304", f"{named.kind.simpleString()} cannot be read as text", where,
                          "name one field of it, or write SQL")  # fmt: skip
    column = named.column
    if isinstance(named.kind, (T.FractionalType, T.DecimalType)):
        whole_text = column.try_cast("decimal(38,0)").cast("string")
        finite = column if isinstance(named.kind, T.DecimalType) else F.when(F.abs(column) < float("inf"), column)
        return F.when(finite % 1 == 0, F.coalesce(whole_text, finite.cast("string"))).otherwise(finite.cast("string"))
    as_text = column.cast("string")
    return F.btrim(as_text, F.lit(_BLANKS)) if isinstance(named.kind, (T.StringType, T.BinaryType)) else as_text


def instant(named: Named, source: EventSource) -> Column:
    """Microseconds since 1970 UTC of a timestamp, date, text or (with time_unit) number; null where unreadable.

    Zone-less text and timestamps are UTC. ConfigError C305 for a number without a unit, C304 for other types.
    """
    column, kind, where = named.column, named.kind, "clean.events.time"
    if isinstance(kind, (T.TimestampType, T.TimestampNTZType, T.DateType)):
        return F.unix_micros(column.cast("timestamp"))
    if isinstance(kind, T.NumericType) and source.time_unit is None:
        raise ConfigError("C305", f"{source.time} is a number, and its unit is not said", where,
                          "--set clean.events.time_unit=s   (or ms, us, ns)")  # fmt: skip
    if isinstance(kind, (T.NumericType, T.StringType)) and source.time_unit is not None:
        number = column.try_cast("decimal(30,6)")
        if source.time_unit == "ns":  # finer than we keep: the order inside a microsecond falls to the next tie-breaker
            return F.floor(number / F.lit(1000).cast("decimal(4,0)")).try_cast("bigint")
        return F.floor(number * F.lit(_UNITS[source.time_unit]).cast("decimal(7,0)")).try_cast("bigint")
    if isinstance(kind, T.StringType):
        # Spark reads '12:30' as 12:30 of today: only what starts with a year is an instant, or results had a clock.
        trimmed = F.btrim(column, F.lit(_BLANKS))
        return F.when(trimmed.rlike(r"^[0-9]{4}"), F.unix_micros(F.try_to_timestamp(trimmed)))
    if isinstance(kind, T.NullType):
        return _null("bigint")
    raise ConfigError("C304", f"{kind.simpleString()} cannot be read as an instant", where)


def whole(named: Named | None) -> Column:
    """A whole number as bigint; null for anything else (NaN, text that is no number, 1.5)."""
    number = _number(named)
    return F.when(number == F.floor(number), number.try_cast("bigint"))


def hash_of(*columns: Column) -> Column:
    """xxhash64 over columns, each after its null flag (the hash alone skips nulls)."""
    return F.xxhash64(*[part for c in columns for part in (c.isNull(), c)])


def source_row(frame: DataFrame) -> tuple[Column, Column]:
    """`_row`, the source row as a struct, and `_tie`, its hash."""
    fields, hashed = [], []
    for field in frame.schema.fields:
        column = F.col("`" + field.name.replace("`", "``") + "`")
        if isinstance(field.dataType, _FLAT) and not isinstance(field.dataType, T.NullType):
            fields.append(column.alias(field.name))
            hashed.append(column)
        else:  # maps cannot be hashed, intervals and nulls not be written: as text
            nested = isinstance(field.dataType, (T.ArrayType, T.MapType, T.StructType))
            shown = F.to_json(column) if nested else column.cast("string")
            fields.append((column if nested else shown).alias(field.name))
            hashed.append(shown)
    return F.struct(*fields).alias("_row"), hash_of(*hashed).alias("_tie")


def _number(named: Named | None) -> Column:
    """Exact to six decimals, so that 1.005 is 1.005; null for NaN, infinity and what is no number."""
    if named is None:
        return _null(_NUMBER)
    column = F.btrim(named.column, F.lit(_BLANKS)) if isinstance(named.kind, T.StringType) else named.column
    return column.try_cast(_NUMBER)


def _raw(named: Named | None) -> Column:
    return _null("string") if named is None else named.column.cast("string")


def _null(kind: str) -> Column:
    return F.lit(None).cast(kind)


def _filled(column: Column) -> Column:
    return F.when(column != "", column)


def _words(named: Named, where: str) -> Column:
    """Text to read; the members of an array one after the other."""
    if isinstance(named.kind, T.ArrayType):
        return F.concat_ws(" ", named.column.cast("array<string>"))
    return text(named, where)


def _tags(name: str, named: Named) -> Column:
    values = named.column if isinstance(named.kind, T.ArrayType) else F.array(named.column)
    inner = named.kind.elementType if isinstance(named.kind, T.ArrayType) else named.kind
    where = f"clean.items.tags.{name}"
    made = F.transform(values, lambda v: F.lower(text(Named(v, inner), where)))
    filled = F.filter(made, lambda v: v.isNotNull() & (v != ""))
    return F.coalesce(F.transform(filled, lambda v: F.concat(F.lit(f"{name}="), v)), F.array().cast("array<string>"))


def _map(values: dict[str, Column], kind: str, keep: Callable[[Column], Column]) -> Column:
    parts = [part for name, value in values.items() for part in (F.lit(name), value)]
    made = F.create_map(*parts) if parts else F.create_map()
    return F.map_filter(made.cast(f"map<string,{kind}>"), lambda _, v: keep(v))
