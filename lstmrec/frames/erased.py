"""Rows of users who are to be forgotten, told apart from all others. Pure frames."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.erase import ErasedUsers
from lstmrec.frames.conform import text
from lstmrec.frames.names import resolve


def ids(rows: DataFrame, source: ErasedUsers) -> DataFrame:
    """user_id of the table's rows, written as s1 writes them; null where a row names nobody."""
    user = text(resolve(rows, {"user_id": source.user_id}, "erase.table")["user_id"], "erase.table.user_id")
    return rows.select(F.when(user != "", user).alias("user_id"))


def without(frame: DataFrame, gone: DataFrame) -> DataFrame:
    """Rows of a frame with user_id that are nobody's of `gone` (user_id, few)."""
    return _marked(frame, gone).where(~F.col("_gone")).drop("_gone")


def theirs(frame: DataFrame, gone: DataFrame) -> DataFrame:
    """The other rows."""
    return _marked(frame, gone).where("_gone").drop("_gone")


def kept_core(core: DataFrame, gone: DataFrame) -> DataFrame:
    """CORE without them."""
    who = gone.select(F.lit("user").alias("kind"), F.col("user_id").alias("id"))
    return core.join(F.broadcast(who), ["kind", "id"], "left_anti").select(*core.columns)


def _marked(frame: DataFrame, gone: DataFrame) -> DataFrame:
    """`_gone`: the row is one of theirs, or is a line that does not parse and has such an id in it."""
    who = F.broadcast(gone.select(F.col("user_id").alias("_id")))
    marked = frame.join(who, F.col("user_id") == F.col("_id"), "left")
    flag = F.col("_id").isNotNull()
    if "_malformed" in frame.columns:
        every = gone.agg(F.collect_list("user_id").alias("_ids"))
        marked = marked.crossJoin(F.broadcast(every))
        flag |= F.coalesce(F.exists("_ids", lambda one: _told(F.col("_malformed"), one)), F.lit(False))
    return marked.withColumn("_gone", flag).select(*frame.columns, "_gone")


def _told(line: Column, one: Column) -> Column:
    """Whether a line holds an id as a word of its own."""
    return F.regexp_like(line, F.concat(F.lit(r"(?<![\w-])\Q"), one, F.lit(r"\E(?![\w-])")))
