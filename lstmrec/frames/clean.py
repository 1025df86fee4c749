"""Which rows are refused, and the first rule that says so. A refused row keeps `reject_reason` and the `reject_value`
the rule looked at; an accepted one has null there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from lstmrec.config.clean import CleanConfig
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.frames.names import resolve

#: (reason, condition, the value it looked at); a null condition does not refuse.
Refusal = tuple[str, Column, Column]
_CONTROL = "[\\x{00}-\\x{1F}\\x{7F}-\\x{9F}]"


def judge_events(conf: CleanConfig, as_of_us: int) -> Callable[[DataFrame], DataFrame]:
    """Conformed events -> columns of EVENTS, `reject_reason`, `reject_value`, `_known_user` (whether the user's id is
    fit for the USERS table, whatever else is wrong with the row), `_row`, `_tie`. Rules that look at one row alone,
    the user's own rules last."""

    def judge(frame: DataFrame) -> DataFrame:
        users, items = list(id_rules("user", conf)), list(id_rules("item", conf))
        refusals = [*users, *items, *_event_rules(conf, as_of_us), *_own_rules(frame, conf)]
        known = ~F.coalesce(_any(condition for _, condition, _ in users), F.lit(False))
        keep = [*tables.EVENTS.names, "_row", "_tie"]
        return frame.select(*keep, *first_refusal(refusals), known.alias("_known_user"))

    return judge


def judge_ids(kind: str, conf: CleanConfig) -> Callable[[DataFrame], DataFrame]:
    """Conformed items or users (kind: `item` or `user`) + `reject_reason`, `reject_value`."""
    return lambda frame: frame.select("*", *first_refusal(list(id_rules(kind, conf))))


def id_rules(kind: str, conf: CleanConfig) -> Iterable[Refusal]:
    """What an id must not be: null, empty, badly encoded, with control characters, too long."""
    value = F.col(f"{kind}_id")
    yield f"null_{kind}", value.isNull(), value
    yield f"empty_{kind}", value == "", value
    yield "bad_encoding", ~F.is_valid_utf8(value), F.hex(value)
    yield "control_character", value.rlike(_CONTROL), value
    too_long = F.char_length(value) > conf.max_id_length
    yield "too_long_id", too_long, F.concat(F.substring(value, 1, conf.max_id_length), F.lit("..."))


def refuse(reason: str, condition: Column, value: Column) -> Callable[[DataFrame], DataFrame]:
    """Refuse the rows still accepted for which the condition holds."""
    hit = F.col("reject_reason").isNull() & F.coalesce(condition, F.lit(False))

    def with_refusal(frame: DataFrame) -> DataFrame:
        return frame.withColumns({
            "reject_reason": F.when(hit, F.lit(reason)).otherwise(F.col("reject_reason")),
            "reject_value": F.when(hit, value.cast("string")).otherwise(F.col("reject_value")),
        })  # fmt: skip

    return with_refusal


def first_refusal(refusals: list[Refusal]) -> tuple[Column, Column]:
    """`reject_reason` and `reject_value` of the first condition that holds."""
    reason = value = F.when(F.lit(False), F.lit(None).cast("string"))
    for name, condition, looked_at in refusals:
        reason = reason.when(condition, F.lit(name))
        value = value.when(condition, looked_at.cast("string"))
    return reason.alias("reject_reason"), value.alias("reject_value")


def refuse_unknown(kind: str, known: DataFrame) -> Callable[[DataFrame], DataFrame]:
    """Refuse events whose `user` or `item` (kind) is not in a table of known ids."""
    key = f"{kind}_id"

    def with_refusal(frame: DataFrame) -> DataFrame:
        marked = frame.join(known.select(key, F.lit(True).alias("_there")), on=key, how="left")
        return marked.transform(refuse(f"unknown_{kind}", F.col("_there").isNull(), F.col(key))).drop("_there")

    return with_refusal


def verdict(frame: DataFrame, source: str) -> DataFrame:
    """The form that is written: `_row` as JSON for refused rows alone, `_source`, and the flag `_rejected`."""
    refused = F.col("reject_reason").isNotNull()
    row = F.when(refused, F.to_json("_row", {"ignoreNullFields": "false"}))
    return frame.drop("_tie").withColumns({"_row": row, "_source": F.lit(source), "_rejected": refused})


def accepted(frame: DataFrame, contract: tables.Table) -> DataFrame:
    """The accepted rows, columns of the contract."""
    return frame.where(~F.col("_rejected")).select(*contract.names)


def rejects(frame: DataFrame) -> DataFrame:
    """The refused rows, columns of REJECTS."""
    return frame.where(F.col("_rejected")).select(
        F.col("_source").alias("source"),
        "reject_reason",
        F.col("reject_value").alias("value"),
        F.col("_row").alias("row"),
    )


def everybody(users: DataFrame | None, events: DataFrame, only_known: bool) -> DataFrame:
    """USERS: the profile rows, and (unless only_known) every user of an event row with a readable user id, also where
    the row was refused for something else: whoever left a trace is scored."""
    seen = events.where(F.col("_known_user")).select("user_id").distinct()
    nothing = F.create_map().cast("map<string,string>").alias("attributes")
    if users is None:
        return seen.select("user_id", nothing)
    if only_known:
        return users
    return users.unionByName(seen.join(users, on="user_id", how="left_anti").select("user_id", nothing))


def _event_rules(conf: CleanConfig, as_of_us: int) -> Iterable[Refusal]:
    time, position, raw = F.col("time"), F.col("position"), F.col
    missing = F.lit(None).cast("string")
    nan = raw("_position").isin("NaN", "nan")  # how data frames write a missing whole number
    yield "bad_timestamp", time.isNull() & raw("_time").isNotNull(), raw("_time")
    yield "bad_position", position.isNull() & raw("_position").isNotNull() & ~nan, raw("_position")
    yield "no_order", time.isNull() & position.isNull(), missing
    yield "too_early", time < _micros(conf.time_min), raw("_time")
    yield "future", time > as_of_us + conf.future_tolerance_s * 1_000_000, raw("_time")
    yield "bad_value", F.col("value").isNull() & raw("_value").isNotNull(), raw("_value")
    yield "bad_quantity", F.col("quantity").isNull() & raw("_quantity").isNotNull(), raw("_quantity")
    if conf.min_value is not None:
        yield "low_value", raw("_worth") < F.lit(str(conf.min_value)).cast("decimal(30,6)"), raw("_value")
    if conf.min_quantity is not None:
        yield "low_quantity", raw("_many") < F.lit(str(conf.min_quantity)).cast("decimal(30,6)"), raw("_quantity")


def _own_rules(frame: DataFrame, conf: CleanConfig) -> Iterable[Refusal]:
    for n, rule in enumerate(conf.rules):
        where = f"clean.rules.{n}"
        named = resolve(frame.select(*tables.EVENTS.names), {"when": rule.when}, where)["when"]
        if not isinstance(named.kind, T.BooleanType):
            raise ConfigError("C307", f"{rule.when!r} is no condition", f"{where}.when")
        yield rule.name, named.column, F.lit(None).cast("string")


def _any(conditions: Iterable[Column]) -> Column:
    out = F.lit(False)
    for condition in conditions:
        out = out | F.coalesce(condition, F.lit(False))
    return out


def _micros(instant: str) -> int:
    try:
        moment = datetime.fromisoformat(instant.replace("Z", "+00:00"))
    except ValueError as error:
        raise ConfigError(
            "C306", f"{instant!r} is no instant", "clean.time_min", "write 1970-01-02T00:00:00Z"
        ) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
