"""Judged rows as they are written, and what is read from them: accepted, refused, and everybody who left a trace."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts import tables
from lstmrec.frames.conform import source_row

#: Columns of a verdict that no contract has.
INNER = ("_many", "_cancel", "_updated", "_payload")
_JSON = {"ignoreNullFields": "false"}


def told(frame: DataFrame) -> DataFrame:
    """`_row` as JSON for rows refused so far, null for the others: source rows need not travel with those that pass."""
    return frame.withColumn("_row", F.when(F.col("reject_reason").isNotNull(), F.to_json("_row", _JSON)))


def verdict(frame: DataFrame, source: str, whole: bool = False) -> DataFrame:
    """The form that is written, of rows that went through `told`: `_source`, the flag `_rejected`, and `_tie` alone of
    rows whose source row is wanted later (`with_rows`). whole: a later rule may refuse any accepted row."""
    refused = F.col("reject_reason").isNotNull()
    wanted = F.col("_row").isNull() if whole else refused & F.col("_row").isNull()
    tie = F.when(wanted, F.col("_tie"))
    return frame.drop(*INNER).withColumns({"_tie": tie, "_source": F.lit(source), "_rejected": refused})


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


def with_rows(refused: DataFrame, ties: DataFrame, rows: DataFrame) -> DataFrame:
    """Refused rows, `_row` null where a rule over many rows refused them -> the same with the source row of their
    `_tie`. ties: these hashes, each once; rows: the source. Rows of one hash are the same row told twice."""
    said = rows.select(*source_row(rows)).join(ties, "_tie", how="left_semi")
    said = said.groupBy("_tie").agg(F.min(F.to_json("_row", _JSON)).alias("_said"))
    known, late = refused.where(F.col("_row").isNotNull()), refused.where(F.col("_row").isNull())
    late = late.join(said, "_tie", how="left").withColumn("_row", F.col("_said")).drop("_said")
    return known.unionByName(late)


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
