"""Which rows are refused, and the first rule that says so. A refused row keeps `reject_reason` and the `reject_value`
the rule looked at; an accepted one has null there. Here: rules that look at one row alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from lstmrec.config.clean import CleanConfig
from lstmrec.config.split import instant_us
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.frames.names import resolve

#: (reason, condition, the value it looked at); a null condition does not refuse.
Refusal = tuple[str, Column, Column]
_CONTROL = "[\\x{00}-\\x{1F}\\x{7F}-\\x{9F}]"
_LONGEST_NUMBER = 40


def judge_events(conf: CleanConfig, as_of_us: int) -> Callable[[DataFrame], DataFrame]:
    """Conformed events -> columns of EVENTS, `reject_reason`, `reject_value`, `_known_user` (whether the user's id is
    fit for the USERS table, whatever else is wrong with the row), `_row`, `_tie`; with `cancellations: undo` also
    `_cancel` and `_many`, the amount to the last decimal. The user's own rules come last."""

    def judge(frame: DataFrame) -> DataFrame:
        if conf.cancellations != "keep":
            frame = frame.withColumn("_cancel", _condition(frame, conf.cancel_when, "clean.cancel_when"))
        users = [*malformed(frame), *id_rules("user", conf, frame)]
        others = [*id_rules("item", conf, frame), *_type_rules(conf), *_time_rules(conf, as_of_us)]
        others += [*_amount_rules(conf), *_own_rules(frame, conf)]
        undo = ("_cancel", "_many") if conf.cancellations == "undo" else ()
        reason, value, rule = first_refusal([*users, *others])
        keep = [*tables.EVENTS.names, "_row", "_tie", *undo]
        known = F.coalesce(F.col("_rule") >= len(users), F.lit(True)).alias("_known_user")
        return frame.withColumn("_rule", rule).select(*keep, reason, value, known)

    return judge


def judge_ids(kind: str, conf: CleanConfig) -> Callable[[DataFrame], DataFrame]:
    """Conformed items or users (kind: `item` or `user`) + `reject_reason`, `reject_value`."""

    def judge(frame: DataFrame) -> DataFrame:
        reason, value, rule = first_refusal([*malformed(frame), *id_rules(kind, conf, frame)])
        return frame.withColumn("_rule", rule).select("*", reason, value).drop("_rule", "_malformed")

    return judge


def malformed(frame: DataFrame) -> Iterable[Refusal]:
    """Rows of CSV and JSON that did not parse; the value is their line."""
    if "_malformed" in frame.columns:
        yield "malformed", F.col("_malformed").isNotNull(), F.col("_malformed")


def id_rules(kind: str, conf: CleanConfig, frame: DataFrame) -> Iterable[Refusal]:
    """What an id must not be: null, empty, badly encoded, with control characters, too long. Where the source's column
    holds numbers, the digits of an id are not looked at one by one."""
    value = F.col(f"{kind}_id")
    plain = bool(frame.schema[f"{kind}_id"].metadata.get("plain"))
    yield f"null_{kind}", value.isNull(), value
    if not plain:
        yield f"empty_{kind}", value == "", value
        # U+FFFD is what a decoder before us (Spark's of CSV and JSON) has put for bytes it could not read: two such ids
        # may be one or two people's.
        yield "bad_encoding", ~F.is_valid_utf8(value) | F.contains(value, F.lit("\ufffd")), F.hex(value)
        yield "control_character", value.rlike(_CONTROL), value
    if not plain or conf.max_id_length < _LONGEST_NUMBER:
        too_long = F.char_length(value) > conf.max_id_length
        yield "too_long_id", too_long, F.concat(F.substring(value, 1, conf.max_id_length), F.lit("..."))


def refuse(reason: str | Column, condition: Column, value: Column) -> Callable[[DataFrame], DataFrame]:
    """Refuse the rows still accepted for which the condition holds."""
    hit = F.col("reject_reason").isNull() & F.coalesce(condition, F.lit(False))
    said = F.lit(reason) if isinstance(reason, str) else reason

    def with_refusal(frame: DataFrame) -> DataFrame:
        return frame.withColumns({
            "reject_reason": F.when(hit, said).otherwise(F.col("reject_reason")),
            "reject_value": F.when(hit, value.cast("string")).otherwise(F.col("reject_value")),
        })  # fmt: skip

    return with_refusal


def first_refusal(refusals: Sequence[Refusal]) -> tuple[Column, Column, Column]:
    """`reject_reason` and `reject_value`, both read off a column `_rule`, and what that must hold: the place of the
    first condition that is true, null for a row that passes. One look at each condition is all a good row costs."""
    rule, number = F.when(F.lit(False), F.lit(0)), F.col("_rule")
    value = F.when(number.isNull(), F.lit(None).cast("string"))
    for place, (_, condition, looked_at) in enumerate(refusals):
        rule = rule.when(condition, F.lit(place))
        value = value.when(number == place, looked_at.cast("string"))
    names = F.array(*[F.lit(name) for name, _, _ in refusals])
    return F.get(names, number).alias("reject_reason"), value.alias("reject_value"), rule


def refuse_unknown(kind: str, known: DataFrame) -> Callable[[DataFrame], DataFrame]:
    """Refuse events whose `user` or `item` (kind) is not in a table of known ids."""
    key = f"{kind}_id"

    def with_refusal(frame: DataFrame) -> DataFrame:
        marked = frame.join(known.select(key, F.lit(True).alias("_there")), on=key, how="left")
        return marked.transform(refuse(f"unknown_{kind}", F.col("_there").isNull(), F.col(key))).drop("_there")

    return with_refusal


def _type_rules(conf: CleanConfig) -> Iterable[Refusal]:
    if conf.events.unknown_types == "reject":
        yield "unknown_type", F.col("weight").isNull(), F.col("event_type")
    if 0 in conf.events.weights.values():
        yield "zero_weight", F.col("weight") == 0, F.col("event_type")


def _time_rules(conf: CleanConfig, as_of_us: int) -> Iterable[Refusal]:
    time, position, raw = F.col("time"), F.col("position"), F.col
    nan = raw("_position").cast("string").isin("NaN", "nan")  # how data frames write a missing whole number
    yield "bad_timestamp", time.isNull() & raw("_time").isNotNull(), raw("_time")
    yield "bad_position", position.isNull() & raw("_position").isNotNull() & ~nan, raw("_position")
    yield "no_order", time.isNull() & position.isNull(), F.lit(None).cast("string")
    yield "too_early", time < earliest_us(conf), raw("_time")
    yield "future", time > latest_us(conf, as_of_us), raw("_time")


def _amount_rules(conf: CleanConfig) -> Iterable[Refusal]:
    """NaN and infinity are no amounts. With cancellations told apart, bounds are for what is none."""
    yield "bad_value", F.col("value").isNull() & F.col("_value").isNotNull(), F.col("_value")
    yield "bad_quantity", F.col("quantity").isNull() & F.col("_quantity").isNotNull(), F.col("_quantity")
    bounded = F.lit(True) if conf.cancellations == "keep" else ~F.col("_cancel")
    if conf.cancellations == "reject":
        yield "cancellation", F.col("_cancel"), F.coalesce(F.col("_quantity").cast("string"), F.col("event_id"))
    for name, exact in (("value", "_worth"), ("quantity", "_many")):
        least, most = getattr(conf, f"min_{name}"), getattr(conf, f"max_{name}")
        if least is not None:
            yield f"low_{name}", bounded & (F.col(exact) < _exact(least)), F.col(f"_{name}")
        if most is not None:
            yield f"high_{name}", bounded & (F.col(exact) > _exact(most)), F.col(f"_{name}")


def _own_rules(frame: DataFrame, conf: CleanConfig) -> Iterable[Refusal]:
    for n, rule in enumerate(conf.rules):
        yield rule.name, _condition(frame, rule.when, f"clean.rules.{n}.when"), F.lit(None).cast("string")


def _condition(frame: DataFrame, sql: str, where: str) -> Column:
    """SQL over the events table; null counts as false."""
    section, _, key = where.rpartition(".")
    named = resolve(frame.select(*tables.EVENTS.names), {key: sql}, section)[key]
    if not isinstance(named.kind, T.BooleanType):
        raise ConfigError("C307", f"{sql!r} is no condition", where)
    return F.coalesce(named.column, F.lit(False))


def earliest_us(conf: CleanConfig) -> int:
    """`clean.time_min` in microseconds; ConfigError C306 where it is no instant."""
    text = conf.time_min if conf.time_min.endswith("Z") or "+" in conf.time_min else f"{conf.time_min}Z"
    try:
        return instant_us(text)
    except ValueError as error:
        raise ConfigError("C306", str(error), "clean.time_min", "write 1970-01-02T00:00:00Z") from error


def latest_us(conf: CleanConfig, as_of_us: int) -> int:
    """The last instant that is not the future, in microseconds."""
    return as_of_us + conf.future_tolerance_s * 1_000_000


def _exact(number: float) -> Column:
    return F.lit(str(number)).cast("decimal(30,6)")
