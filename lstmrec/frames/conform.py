"""Source rows in the words of the contracts. Nothing throws on a bad row: what cannot be read turns null, and the
rules of `frames.clean` refuse it by name.

Zone-less times are UTC, whatever the machine's zone. Ids are kept exactly but for blanks at their ends.

Every conformed frame carries, beside its contract's columns, `_row` (the source row as a struct) and `_tie` (its hash,
the very last tie-breaker among rows that conform to the same).
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from lstmrec.config.clean import EventSource
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.contracts.units import DAY_US
from lstmrec.frames.names import CORRUPT, Named, resolve

_BLANKS = " \t\n\r\x0b\x0c"
_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_NUMBER = "decimal(30,6)"
#: What a source row's value may be for ids, words and categories.
_FLAT = (T.StringType, T.BinaryType, T.NumericType, T.BooleanType, T.DateType, T.TimestampType, T.TimestampNTZType,
         T.NullType)  # fmt: skip


def conform_events(frame: DataFrame, source: EventSource, anonymous: bool = False) -> DataFrame:
    """Source rows -> the columns of EVENTS, the source's `_time`, `_position`, `_value`, `_quantity` and decimals
    `_worth`, `_many` that the rules look at, `_malformed` where the source tells, `_row`, `_tie`.

    anonymous: rows of a session and no user belong to a user `session:ID`. Id columns of numbers carry the metadata
    `plain`: no rule about letters can refuse them.
    """
    keys = ("user_id", "item_id", "time", "position", "event_id", "event_type", "value", "quantity", "session")
    named = resolve(frame, {k: getattr(source, k) for k in keys}, "clean.events")
    worth, many = number(named.get("value")), number(named.get("quantity"))
    session = filled(text(named["session"], "clean.events.session")) if "session" in named else null("string")
    user, item = (text(named[k], f"clean.events.{k}") for k in ("user_id", "item_id"))
    if anonymous:
        user = F.coalesce(filled(user), F.concat(F.lit("session:"), session), user)
    kind = F.coalesce(filled(text(named["event_type"], "clean.events.event_type")), F.lit("unknown"))
    made = {
        "user_id": user.alias("user_id", metadata={"plain": is_plain(named["user_id"]) and not anonymous}),
        "item_id": item.alias("item_id", metadata={"plain": is_plain(named["item_id"])}),
        "event_type": kind,
        "time": instant(named["time"], source) if "time" in named else null("bigint"),
        "event_id": text(named["event_id"], "clean.events.event_id") if "event_id" in named else null("string"),
        "position": whole(named.get("position")),
        "value": F.round(worth * F.lit(100).cast("decimal(3,0)"), 0).try_cast("bigint"),
        "quantity": whole(named.get("quantity"), round_up=True),
        "weight": _weight(kind, source.weights),
        "session": session,
    }
    raw = {f"_{k}": _raw(named.get(k)) for k in ("time", "position", "value", "quantity")}
    columns = [c.alias(k) for k, c in {**made, **raw, "_worth": worth, "_many": many}.items()]
    hashed = [c for c in tables.EVENTS.names if c not in ("row_hash", "weight") and (c != "session" or source.session)]
    out = frame.select(*columns, *source_row(frame))
    return out.withColumn("row_hash", hash_of(*[F.col(c) for c in hashed]))


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
    if isinstance(kind, T.IntegralType) and source.time_unit is not None:
        return _micros(column.cast("bigint"), source.time_unit)
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
        return null("bigint")
    raise ConfigError("C304", f"{kind.simpleString()} cannot be read as an instant", where)


def lately(frame: DataFrame, source: EventSource, after_us: int) -> DataFrame:
    """Source rows that may be later than an instant or without a readable time: all of those, and others where the type
    says nothing (text, fractions). Said of the source's own column, so that files tell which rows need not be read."""
    named = resolve(frame, {"time": source.time}, "clean.events")["time"]
    column, kind = named.column, named.kind
    if isinstance(kind, T.IntegralType) and source.time_unit is not None:
        if source.time_unit == "ns":
            after, least = (after_us + 1) * 1_000 - 1, -(2**63 // 1_000) * 1_000
        else:
            after, least = after_us // _UNITS[source.time_unit], -(2**63 // _UNITS[source.time_unit])
        late = (column > F.lit(after).cast("bigint")) | (column < F.lit(least).cast("bigint"))  # it does not fit: null
    elif isinstance(kind, (T.TimestampType, T.TimestampNTZType)):
        late = column > F.timestamp_micros(F.lit(after_us).cast("bigint")).cast(kind)
    elif isinstance(kind, T.DateType):
        late = column > F.date_from_unix_date(F.lit(after_us // DAY_US))
    else:
        return frame
    return frame.where(column.isNull() | late)


def whole(named: Named | None, round_up: bool = False) -> Column:
    """A whole number as bigint; null for anything else (NaN, text that is no number, 1.5; round_up: half up)."""
    if named is not None and isinstance(named.kind, T.IntegralType):
        return named.column.cast("bigint")
    exact = number(named)
    if round_up:
        return F.round(exact, 0).try_cast("bigint")
    return F.when(exact == F.floor(exact), exact.try_cast("bigint"))


def hash_of(*columns: Column) -> Column:
    """xxhash64 over columns, each after its null flag (the hash alone skips nulls)."""
    return F.xxhash64(*[part for c in columns for part in (c.isNull(), c)])


def source_row(frame: DataFrame) -> tuple[Column, ...]:
    """`_row`, the source row as a struct, `_tie`, its hash, and `_malformed`, its line, where the source tells."""
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
    malformed = [F.col(CORRUPT).alias("_malformed")] if CORRUPT in frame.columns else []
    return F.struct(*fields).alias("_row"), hash_of(*hashed).alias("_tie"), *malformed


def is_plain(named: Named) -> bool:
    """Whether the text of such a column is digits and signs, whatever the source holds."""
    return isinstance(named.kind, (T.NumericType, T.BooleanType, T.DateType, T.TimestampType, T.TimestampNTZType))


def number(named: Named | None) -> Column:
    """Exact to six decimals, so that 1.005 is 1.005; null for NaN, infinity and what is no number."""
    if named is None:
        return null(_NUMBER)
    column = F.btrim(named.column, F.lit(_BLANKS)) if isinstance(named.kind, T.StringType) else named.column
    return column.try_cast(_NUMBER)


def _micros(number: Column, unit: str) -> Column:
    """Whole numbers as microseconds, without the decimals that other numbers need; null where they do not fit."""
    if unit == "ns":  # down, before 1970 too
        return F.call_function("div", F.try_subtract(number, F.pmod(number, F.lit(1_000))), F.lit(1_000))
    return F.try_multiply(number, F.lit(_UNITS[unit]).cast("bigint"))


def _weight(kind: Column, weights: dict[str, float]) -> Column:
    """Units of 2^-20, at least one of them for whatever is above zero; null for types without a weight."""
    units = {name: max(round(weight * 2**20), 1 if weight else 0) for name, weight in weights.items()}
    out = F.when(F.lit(False), null("bigint"))
    for name, weight in units.items():
        out = out.when(kind == name, F.lit(weight).cast("bigint"))
    return out


def _raw(named: Named | None) -> Column:
    return null("string") if named is None else named.column


def null(kind: str) -> Column:
    """A null of this type."""
    return F.lit(None).cast(kind)


def filled(column: Column) -> Column:
    """The text, null where it is empty."""
    return F.when(column != "", column)
