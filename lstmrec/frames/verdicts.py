"""Judged rows as they are written, and what is read from them: accepted, refused, and everybody who left a trace."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts import tables

#: Columns of a verdict that no contract has.
INNER = ("_tie", "_many", "_cancel", "_updated", "_payload")


def verdict(frame: DataFrame, source: str, whole: bool = False) -> DataFrame:
    """The form that is written: `_row` as JSON for refused rows alone, `_source`, and the flag `_rejected`. whole: a
    later rule may refuse accepted rows, which so keep their source row in `_whole`."""
    refused = F.col("reject_reason").isNotNull()
    row = F.when(refused, F.to_json("_row", {"ignoreNullFields": "false"}))
    if whole:
        frame = frame.withColumn("_whole", F.when(~refused, F.col("_row")))
    return frame.drop(*INNER).withColumns({"_row": row, "_source": F.lit(source), "_rejected": refused})


def accepted(frame: DataFrame, contract: tables.Table) -> DataFrame:
    """The accepted rows, columns of the contract."""
    return frame.where(~F.col("_rejected")).select(*contract.names)


def rejects(frame: DataFrame) -> DataFrame:
    """The refused rows, columns of REJECTS."""
    row = F.col("_row")
    if "_whole" in frame.columns:
        row = F.coalesce(row, F.to_json("_whole", {"ignoreNullFields": "false"}))
    return frame.where(F.col("_rejected")).select(
        F.col("_source").alias("source"), "reject_reason", F.col("reject_value").alias("value"), row.alias("row")
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
