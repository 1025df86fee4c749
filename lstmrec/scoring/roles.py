"""DRIVER side, pure frames: who must get a list in a role, from which history, and whether everybody did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from lstmrec.config.score import RUNGS, Ladder
from lstmrec.config.variants import Variants
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import variants
from lstmrec.frames.fingerprints import halves
from lstmrec.frames.people import unnamed
from lstmrec.scoring import reasons as why

Rows = Callable[[DataFrame], list[Row]]
Scored = dict[str, dict[str, int]]
#: Why a user has this list: a rung of the ladder, or, of recommenders without one, the user's own history.
REASONS = (*RUNGS, "history")


def history(split: DataFrame, role: str) -> DataFrame:
    """The SPLIT rows before a role's cut."""
    return split.where(F.col("role").isin(*tables.HISTORY[role]))


def users(split: DataFrame, everybody: DataFrame, roles: Sequence[str]) -> DataFrame:
    """role, user_id, history (events before the cut) of everybody who is due a list."""
    parts = []
    for role in roles:
        past = history(split, role).groupBy("user_id").agg(F.count(F.lit(1)).cast("int").alias("history"))
        joined = due(split, everybody, role).join(past, "user_id", "left")
        parts.append(joined.select("role", "user_id", F.coalesce("history", F.lit(0)).alias("history")))
    return reduce(DataFrame.unionByName, parts)


def due(split: DataFrame, everybody: DataFrame, role: str) -> DataFrame:
    """role, user_id: the users of validation and test are those with an event of that role, those of serve every row of
    USERS."""
    who = everybody if role == "serve" else split.where(F.col("role") == role).select("user_id").distinct()
    return who.select(F.lit(role).alias("role"), "user_id")


def laid(sequences: Manifest) -> Counter[str]:
    """Role -> rows of SEQUENCES, as its manifest says."""
    found = Counter[str]()
    for f in sequences.files:
        found[f.partition["role"]] += f.rows
    return found


def bucket(sequences: DataFrame, number: int, many: int) -> DataFrame:
    """The SEQUENCES rows of one of `many` buckets of users: whole files, whose users share a hash."""
    if many == 1:
        return sequences
    return sequences.where(F.pmod(F.col("file") + F.col("length") + F.col("before"), F.lit(many)) == number)


def beside(sequences: DataFrame, *facts: DataFrame | None) -> DataFrame:
    """SEQUENCES rows with what else the worker has to know of their users (user_id ...), null where nothing is."""
    for fact in facts:
        sequences = sequences if fact is None else sequences.join(fact, "user_id", "left")
    return sequences


def rung(conf: Ladder) -> Column:
    """Why a user (`history`, `known`) has the model's list: full_history (at least `short_history` events),
    short_history, profile_only (no event, but demographics the net looks at); null where none of the model's rungs of
    the config holds."""
    events = F.coalesce("history", F.lit(0))
    # Asked in this order even of rungs that are off: each user has one reason, and gets the model's list or not.
    reason = F.when((events > 0) & (events >= conf.short_history), "full_history").when(events > 0, "short_history")
    reason = reason.when((events == 0) & F.col("known"), "profile_only")
    return F.when(reason.isin(list(conf.rungs)), reason).alias("reason")


def ladder(lists: DataFrame, users: DataFrame, conf: Ladder) -> DataFrame:
    """user_id, items, history (of `users`), reason (see `rung`) of the model's lists (user_id, items, known), and what
    `reasons.beside` says is beside them."""
    joined = lists.join(users.select("user_id", F.coalesce("history", F.lit(0)).alias("history")), "user_id", "left")
    return joined.select("user_id", "items", "history", rung(conf), *why.beside(lists))


def rows(lists: DataFrame, users: DataFrame, recommender: str, role: str, model: str, as_of_us: int,
         asked: Variants | None = None) -> DataFrame:  # fmt: skip
    """RECOMMENDATIONS rows of (user_id, items, reason), with because and reasons where they come along; history is that
    of `users` (role, user_id, history) where it does not. asked: of whom they are the list to be shown."""
    because, each = why.columns(lists)
    if "history" not in lists.columns:
        lists = lists.join(users.select("user_id", "history"), "user_id", "left")
    made = lists.select(
        F.lit(recommender).alias("recommender"), F.lit(role).alias("role"), "user_id", "items", "reason",
        because, each, F.coalesce("history", F.lit(0)).alias("history"),
        F.lit(model).alias("model"), F.lit(as_of_us).cast("bigint").alias("as_of"),
        variants.of_row(asked, recommender, role).alias("variant"),
    )  # fmt: skip
    return made.select(*tables.RECOMMENDATIONS.names)


def together(parts: Sequence[DataFrame]) -> DataFrame:
    """All lists in one frame."""
    return reduce(DataFrame.unionByName, parts)


def tally(lists: DataFrame, arms: Sequence[str] = ()) -> DataFrame:
    """recommender, role, whose rows they are (see `whose`), and rows of each reason and each of the variants `arms`, of
    what was written."""
    counted = [F.count_if(F.col("reason") == reason).alias(reason) for reason in REASONS]
    counted += [F.count_if(F.col("variant") == arm).alias(f"variant {arm}") for arm in arms]
    return lists.groupBy("recommender", "role").agg(*whose(), *counted)


def whose() -> list[Column]:
    """rows, and the sums (high, low) of the halves of a hash of their users: two frames with the same of these have the
    same users, each as often, but for a chance of 2^-64. Distinct ids of millions of users would have to travel."""
    high, low = halves(F.xxhash64("user_id"))
    return [F.count(F.lit(1)).alias("rows"), high.alias("high"), low.alias("low")]


def reasons(found: Sequence[Row]) -> dict[str, dict[str, dict[str, int]]]:
    """recommender -> role -> reason -> lists, of the rows of `tally`."""
    out: dict[str, dict[str, dict[str, int]]] = {}
    for row in sorted(found, key=lambda r: (r["recommender"], r["role"])):
        told = {reason: int(row[reason]) for reason in REASONS if row[reason]}
        out.setdefault(row["recommender"], {})[row["role"]] = told
    return out


def compared(asked: Sequence[Row], found: Sequence[Row], names: Sequence[str]) -> tuple[Scored, list[tuple[str, str]]]:
    """(recommender -> role -> lists written, the pairs where they are not one a user due). asked: role and `whose` of
    the users due; found: rows of `tally`."""
    sums = {r["role"]: (int(r["rows"]), int(r["high"]), int(r["low"])) for r in asked}
    rows = {(r["recommender"], r["role"]): (int(r["rows"]), int(r["high"]), int(r["low"])) for r in found}
    got = {name: {role: rows.get((name, role), (0, 0, 0))[0] for role in sums} for name in names}
    wrong = [(name, role) for name in names for role, due in sums.items() if rows.get((name, role), (0, 0, 0)) != due]
    return got, wrong


def proven(users: DataFrame, lists: DataFrame, names: Sequence[str], rows: Rows, asked: Variants | None = None
           ) -> tuple[int, dict[str, Any]]:  # fmt: skip
    """(rows due in all, facts for the manifest) of what was written: users due by role, lists by recommender and role,
    by reason, and users by variant where there are any. DataError D710 where a user due has not exactly one list. rows:
    the few rows of a small frame."""
    arms = [v.name for v in asked.of] if asked else []
    counted = sorted(rows(users.groupBy("role").agg(*whose())), key=lambda r: str(r["role"]))
    due = {r["role"]: int(r["rows"]) for r in counted}
    found = rows(tally(lists, arms))
    got, wrong = compared(counted, found, names)
    for name, role in wrong:
        some = [r["user_id"] for r in rows(unnamed(differing(lists, users, name, role)))]
        raise DataError("D710", f"{due[role]:,} users in, {got[name][role]:,} lists out", f"{name} · {role}",
                        f"users whose lists are not exactly one, by sha2(user_id, 256): {some}")  # fmt: skip
    told = {"users": f"{max(due.values(), default=0):,}", "recommenders": len(names)}
    facts = {"users": due, "scored": got, "reasons": reasons(found), "told": told}
    if arms:
        shown = {arm: sum(int(r[f"variant {arm}"]) for r in found) for arm in arms}
        facts["variants"] = shown
        told |= {f"variant {arm}": f"{n / max(due['serve'], 1):.2%}" for arm, n in shown.items()}
    return sum(due.values()) * len(names), facts


def differing(lists: DataFrame, users: DataFrame, recommender: str, role: str, n: int = 5) -> DataFrame:
    """user_id of up to n users whose lists are not exactly one: none, several, or a list nobody asked for."""
    due = users.where(F.col("role") == role).select("user_id", F.lit(1).alias("due"), F.lit(0).alias("got"))
    mine = lists.where((F.col("recommender") == recommender) & (F.col("role") == role))
    got = mine.select("user_id", F.lit(0).alias("due"), F.lit(1).alias("got"))
    both = due.unionByName(got).groupBy("user_id").agg(F.sum("due").alias("due"), F.sum("got").alias("got"))
    return both.where("due <> got").orderBy("user_id").select("user_id").limit(n)
