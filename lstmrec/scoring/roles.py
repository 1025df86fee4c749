"""DRIVER side, pure frames: who must get a list in a role, from which history, and whether everybody did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from lstmrec.contracts import tables

Scored = dict[str, dict[str, int]]


def history(split: DataFrame, role: str) -> DataFrame:
    """The SPLIT rows before a role's cut."""
    return split.where(F.col("role").isin(*tables.HISTORY[role]))


def users(split: DataFrame, everybody: DataFrame, roles: Sequence[str]) -> DataFrame:
    """role, user_id, history (events before the cut): the users of validation and test are those with an event of that
    role, those of serve every row of USERS."""
    parts = []
    for role in roles:
        who = (
            everybody.select("user_id")
            if role == "serve"
            else split.where(F.col("role") == role).select("user_id").distinct()
        )
        counted = history(split, role).groupBy("user_id").agg(F.count(F.lit(1)).cast("int").alias("history"))
        joined = who.join(counted, "user_id", "left").fillna(0, ["history"])
        parts.append(joined.select(F.lit(role).alias("role"), "user_id", "history"))
    return _union(parts)


def ladder(lists: DataFrame, users: DataFrame, short_history: int) -> DataFrame:
    """user_id, items, reason of the worker's lists: full_history (at least `short_history` events), short_history,
    profile_only (no event, but demographics the net looks at), popularity (nothing: the net's prior)."""
    events = F.coalesce("history", F.lit(0))
    reason = (
        F.when((events > 0) & (events >= short_history), "full_history").when(events > 0, "short_history")
        .when(F.col("known"), "profile_only").otherwise("popularity")
    )  # fmt: skip
    return lists.join(users.select("user_id", "history"), "user_id", "left").select(
        "user_id", "items", reason.alias("reason")
    )


def rows(lists: DataFrame, users: DataFrame, recommender: str, role: str, model: str, as_of_us: int) -> DataFrame:
    """RECOMMENDATIONS rows of (user_id, items, reason)."""
    made = lists.join(users.select("user_id", "history"), "user_id", "left").select(
        F.lit(recommender).alias("recommender"), F.lit(role).alias("role"), "user_id", "items", "reason",
        F.lit(None).cast("array<string>").alias("because"), F.coalesce("history", F.lit(0)).alias("history"),
        F.lit(model).alias("model"), F.lit(as_of_us).cast("bigint").alias("as_of"),
    )  # fmt: skip
    return made.select(*tables.RECOMMENDATIONS.names)


def together(parts: Sequence[DataFrame]) -> DataFrame:
    """All lists in one frame."""
    return _union(parts)


def tally(lists: DataFrame) -> DataFrame:
    """recommender, role, rows, users (distinct) of what was written."""
    return lists.groupBy("recommender", "role").agg(
        F.count(F.lit(1)).alias("rows"), F.count_distinct("user_id").alias("users")
    )


def compared(
    due: Mapping[str, int], found: Sequence[Row], names: Sequence[str]
) -> tuple[Scored, list[tuple[str, str]]]:
    """(recommender -> role -> lists written, the pairs where they are not one a user due), of the rows of `tally`."""
    rows = {(r["recommender"], r["role"]): (int(r["rows"]), int(r["users"])) for r in found}
    got = {name: {role: rows.get((name, role), (0, 0))[0] for role in due} for name in names}
    wrong = [(name, role) for name in names for role, n in due.items() if rows.get((name, role), (0, 0)) != (n, n)]
    return got, wrong


def differing(lists: DataFrame, users: DataFrame, recommender: str, role: str, n: int = 5) -> DataFrame:
    """user_id of up to n users whose lists are not exactly one: none, several, or a list nobody asked for."""
    due = users.where(F.col("role") == role).select("user_id", F.lit(1).alias("due"), F.lit(0).alias("got"))
    mine = lists.where((F.col("recommender") == recommender) & (F.col("role") == role))
    got = mine.select("user_id", F.lit(0).alias("due"), F.lit(1).alias("got"))
    both = due.unionByName(got).groupBy("user_id").agg(F.sum("due").alias("due"), F.sum("got").alias("got"))
    return both.where("due <> got").orderBy("user_id").select("user_id").limit(n)


def _union(parts: Sequence[DataFrame]) -> DataFrame:
    frame = parts[0]
    for part in parts[1:]:
        frame = frame.unionByName(part)
    return frame
