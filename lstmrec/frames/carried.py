"""What moved since the states were made: of users (new events, other demographics) and of items. Pure frames."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lstmrec.contracts.ids import UNKNOWN
from lstmrec.frames import sequences

#: What is done with a user: read everything, go on from the state, leave the state alone, or forget it.
WHOLE, ON, SAME, GONE = "whole", "on", "same", "gone"
_MADE = ("item", "item_id", "vector", "bias", "input")
#: At most so many items that people had and no catalogue has are known by name; beyond that, none is.
UNKNOWN_ITEMS = 1000
_MASK = (1 << 40) - 1  # digests are sums of so much of a hash: 2^23 events add up without an overflow


def hashed(history: DataFrame) -> DataFrame:
    """SPLIT rows with `hash`, of what a state is fed of an event and a list may hide: place, item, type, time. What the
    catalogue makes of the item is not in it: see `turned`."""
    seen = F.xxhash64("index", "item_id", "event_type", "time").bitwiseAND(F.lit(_MASK))
    return history.withColumn("hash", seen)


def digests(history: DataFrame, turned: DataFrame | None) -> DataFrame:
    """user_id, history (events), fed (the digest of them), first (the first event whose item was restated, null where
    none was), near (false: see `since`) of SPLIT rows. turned: see there; None: there are no states that items could
    have changed for."""
    rows, index = hashed(history), F.lit(None).cast("int")
    if turned is not None:  # few items: the whole catalogue, looked up for each event, costs more than all else here
        other = F.broadcast(turned.where("restated").select("item_id", F.lit(True).alias("__restated")))
        rows, index = rows.join(other, "item_id", "left"), F.when(F.col("__restated"), F.col("index"))
    count = F.count(F.lit(1)).cast("int").alias("history")
    found = rows.groupBy("user_id").agg(count, F.sum("hash").alias("fed"), F.min(index).alias("first"))
    return found.withColumn("near", F.lit(False))


def since(moved: DataFrame, history: DataFrame, restated: DataFrame | Sequence[str]) -> DataFrame:
    """`digests` of users that moved since the states were made, and rows with `first` alone (all else null) of others
    who had a restated item: the events of who did not move are not looked at. moved: all SPLIT rows of those who did
    (`near`: what there is to read of them is here). restated: items that are, of which `history`, all SPLIT rows, is
    asked who had one: a frame, or a few ids, which Spark looks for where it reads, before rows are put together."""
    mine = digests(moved, None).drop("first").withColumn("near", F.lit(True))
    if isinstance(restated, DataFrame):
        had = history.join(F.broadcast(restated.select("item_id")), "item_id", "left_semi")
    elif restated:
        had = history.where(F.col("item_id").isin(list(restated)))
    else:
        return mine.withColumn("first", F.lit(None).cast("int"))
    first = had.groupBy("user_id").agg(F.min("index").alias("first"))
    return mine.join(first, "user_id", "full_outer")


def standing(who: DataFrame, static: DataFrame, whom: DataFrame | None, digests: DataFrame, states: DataFrame | None,
             rest: bool) -> DataFrame:  # fmt: skip
    """Of users due (role, user_id): history (events), fed, static (digests: see USER_STATES), known (a demographic of
    theirs is), had (events that the state holds), was (their digest), kind, near (all their events are: see `since`).
    ON: there are more events, and `read` sees whether they come after those. GONE: a state of nobody due; role is null.

    static: ENCODED_USERS; whom: user_id, segment; digests: see there; states: USER_STATES. rest: whom `digests` says
    nothing of has the events that the state says (none without a state: everybody in SPLIT is in USERS); else such
    users have none. One pass: all of these are put together by user once, and nobody's events are looked at.
    """
    people = who.join(static.select("user_id", "static"), "user_id", "left")
    people = people.withColumn("segment", F.lit(None).cast("string")) if whom is None else people.join(
        whom, "user_id", "left"
    )  # fmt: skip
    one = F.coalesce(F.exists("static", lambda x: x > 1), F.lit(False)).alias("known")
    from_ = F.xxhash64("static", F.coalesce("segment", F.lit(""))).alias("static")
    all_, none = people.select("role", "user_id", from_, one).join(digests, "user_id", "left"), F.lit(0)
    if states is None:
        all_ = all_.withColumns({"had": none, "was": none.cast("bigint"), "kind": F.lit(WHOLE)})
    else:
        known = states.select("user_id", F.col("events").alias("had"), F.col("fed").alias("was"),
                              F.col("static").alias("from"))  # fmt: skip
        all_ = all_.join(known, "user_id", "full_outer")
    stays = ("had", "was") if rest else ()
    all_ = all_.withColumns({
        "history": F.coalesce("history", *stays[:1], none), "fed": F.coalesce("fed", *stays[1:], none.cast("bigint"))
    })  # fmt: skip
    if states is not None:
        restated = F.coalesce(F.col("first") < F.col("had"), F.lit(False))
        at_all = F.col("had").isNotNull() & (F.col("static") == F.col("from")) & ~restated
        same = at_all & (F.col("history") == F.col("had")) & (F.col("fed") == F.col("was"))
        kind = F.when(F.col("role").isNull(), GONE).when(same, SAME)
        kind = kind.when(at_all & (F.col("history") > F.col("had")), ON).otherwise(WHOLE)
        all_ = all_.withColumn("kind", kind)
    had = F.when(F.col("kind") == ON, F.col("had")).otherwise(0).alias("had")
    near = (F.coalesce("near", F.lit(False)) | (F.col("history") == 0)).alias("near")
    return all_.select("role", "user_id", "history", "fed", "static", "known", had, "was", "kind", near)


def few(rows: DataFrame, are: bool) -> DataFrame:
    """Rows that travel to those they are joined with, where they are few of them."""
    return F.broadcast(rows) if are else rows


def read(moved: DataFrame, history: DataFrame, catalogue: DataFrame, vocabulary: DataFrame, on: bool) -> DataFrame:
    """Users of `standing` that moved, with what they did: last (second), e (events since `had`, in order), hidden
    (catalogue indexes of all that the user had), unknown (ids that the catalogue has not). history: SPLIT rows of
    theirs. on: there are states, and `had` stands beside these rows; WHOLE where the events that a state holds are not
    how the history begins."""
    history = hashed(history) if on else history
    event, known = F.struct("index", "item", "type", "second"), F.when(F.col("item") != UNKNOWN, F.col("item"))
    then = F.when(F.col("index") < F.col("had"), F.col("hash")).otherwise(0) if on else F.lit(0)
    listed = sequences.encoded(history, catalogue, vocabulary).groupBy("user_id").agg(
        F.max_by("second", "index").alias("last"), F.sort_array(F.collect_list(event)).alias("e"),
        F.sort_array(F.collect_set(known)).alias("hidden"), F.sum(then).alias("then"),
        F.collect_set(F.when(F.col("item") == UNKNOWN, F.col("item_id"))).alias("unknown"),
    )  # fmt: skip
    out = moved.join(listed, "user_id", "left").fillna(0, ["last", "then"])
    if not on:
        return out
    kind = F.when((F.col("kind") == ON) & (F.col("then") == F.col("was")), ON).otherwise(WHOLE)
    had = F.when(kind == ON, F.col("had")).otherwise(0)
    since = F.filter("e", lambda x: x["index"] >= had)
    return out.withColumns({"e": since, "kind": kind, "had": had})


def fed(moved: DataFrame, static: DataFrame, profiles: DataFrame, states: DataFrame | None, hides: bool) -> DataFrame:
    """`options.FED` rows of users that moved (see `read`): their events since `had`, where they go on from, and, where
    the history `hides`, `hidden`. profiles: USER_PROFILES, of which the one after the last event is looked at; states:
    USER_STATES of theirs."""
    after = profiles.select("user_id", F.col("boundary").alias("events"), F.col("encoded").alias("profile"))
    known = F.struct("events", "last", "fed", "static").alias("known")
    out = moved.select("user_id", "events", "had", "e", "hidden", known)
    out = out.join(static.select("user_id", "static"), "user_id", "left").join(after, ["user_id", "events"], "left")
    if states is None:
        out = out.withColumns({"state": F.lit(None).cast("binary"), "before": F.lit(0).cast("bigint")})
    else:
        out = out.join(states.select("user_id", "state", F.col("last").alias("before")), "user_id", "left")
    goes_on = F.col("had") > 0
    return out.select(
        "user_id", *(_list(f"e.{name}", kind).alias(alias) for name, kind, alias in
                     (("item", "int", "items"), ("type", "int", "types"), ("second", "bigint", "times"))),
        F.when(goes_on, F.col("before")).otherwise(F.lit(0)).alias("last"), goes_on.alias("had"),
        _list("static", "int").alias("static"), _list("profile", "float").alias("profile"),
        F.when(goes_on, F.col("state")).alias("state"), F.lit(None).cast("binary").alias("query"), "known",
        *(["hidden"] if hides else []),
    )  # fmt: skip


def again(states: DataFrame) -> DataFrame:
    """`options.FED` rows of USER_STATES rows whose lists are made again, from the user vectors there are; all else
    stays as it is."""
    kinds = {"items": "int", "types": "int", "times": "bigint", "static": "int", "profile": "float"}
    none = {name: F.array().cast(f"array<{kind}>") for name, kind in kinds.items()}
    known = F.struct("events", "last", "fed", "static").alias("known")
    return states.select(
        "user_id", *(column.alias(name) for name, column in none.items()), F.lit(0).cast("bigint").alias("last"),
        F.lit(False).alias("had"), "state", "query", known,
    )  # fmt: skip


def unchanged(now: DataFrame, before: DataFrame) -> DataFrame:
    """item, item_id, same (whether the item tower sees of it what it saw), of ENCODED_ITEMS today and before."""
    old = before.select("item_id", _seen().alias("was"))
    both = now.select("item", "item_id", _seen().alias("is")).join(old, "item_id", "left")
    return both.select("item", "item_id", F.coalesce(F.col("is") == F.col("was"), F.lit(False)).alias("same"))


def _seen() -> Column:
    """Digest of what the tower looks at. Sizes too: a list hashes as its members, one after the other."""
    lists = [part for name in ("tags", "text", "numeric", "vectors") for part in (F.size(name), F.col(name))]
    return F.xxhash64("id", "count", *lists)


def moved(seen: DataFrame, before: DataFrame, rules: DataFrame | None) -> DataFrame:
    """item, item_id, same (see `unchanged`), stood (its row would be the one it has: the same to the tower, in its
    place, for the same audience), old (it was there), placed (in another place), gone (it has left: item is null) of
    each item. before: ITEM_VECTORS of the last run with this bundle; rules: see `audience`."""
    there, nobody = before.select("item_id", F.col("item").alias("at"), F.col("whom").alias("was")), F.lit(None)
    here = _shown(seen, rules) if rules is not None else seen.withColumn("whom", nobody.cast("array<string>"))
    both = here.join(there, "item_id", "full_outer")
    old, gone, no = F.col("at").isNotNull(), F.col("item").isNull(), F.lit(False)
    placed = old & ~gone & (F.col("item") != F.col("at"))
    stood = F.col("same") & old & ~placed & F.col("whom").eqNullSafe(F.col("was"))
    return both.select("item", "item_id", F.coalesce("same", no).alias("same"), F.coalesce(stood, no).alias("stood"),
                       old.alias("old"), F.coalesce(placed, no).alias("placed"), gone.alias("gone"))  # fmt: skip


def kept(before: DataFrame, seen: DataFrame) -> DataFrame:
    """item, item_id, vector, bias, input of items that are the `same` (see `unchanged`): those they had."""
    same = seen.where("same").select("item", "item_id")
    return before.drop("item", "whom").join(same, "item_id", "inner").select(*_MADE)


def inputs(made: DataFrame, before: DataFrame | None) -> DataFrame:
    """item, item_id, vector, bias, input of what the tower made: an item is fed to states as it was the first time.
    before: ITEM_VECTORS of the last run with this bundle."""
    if before is None:
        return made.withColumn("input", F.lit(None).cast("array<float>")).select(*_MADE)
    first = before.select("item_id", F.coalesce("input", "vector").alias("first"))
    rows = made.join(first, "item_id", "left")
    return rows.withColumn("input", F.when(F.col("first") != F.col("vector"), F.col("first"))).select(*_MADE)


def audience(rows: DataFrame, rules: DataFrame | None) -> DataFrame:
    """ITEM_VECTORS rows: whom items may be shown to, and digests. rules: rows of `filters.rules`; None: everything to
    everybody."""
    made = rows.select(*_MADE, F.lit(None).cast("array<string>").alias("whom"))
    if rules is not None:
        made = _shown(rows, rules).select(*_MADE, "whom")
    digests = {"digest": F.xxhash64("vector", "bias"), "fed": F.xxhash64(F.coalesce("input", "vector"))}
    return made.withColumns(digests)


def _shown(rows: DataFrame, rules: DataFrame) -> DataFrame:
    """Rows of items with `whom`."""
    nobody = F.array().cast("array<string>")
    whom = F.when(F.col("pin").isNotNull(), nobody).when(~F.col("everybody"), F.col("segments"))
    return rows.join(rules.select("item", whom.alias("whom")), "item", "left")


def turned(before: DataFrame, now: DataFrame) -> DataFrame:
    """item_id, item (today's index; null: it is in no catalogue any more), gone, new, old (it was there), restated
    (what it is fed to states as is not what it was, or it was in no catalogue, or is in none) of the ITEM_VECTORS rows
    that differ: one whose vector, bias or audience changed is both gone and new, and so is one that has changed places
    with another, since of equal scores the first in the catalogue is the better. By digests: the vectors of two
    catalogues would have to travel to be compared."""
    said = F.xxhash64("digest", F.col("whom").isNull(), F.col("whom"))
    was = before.select("item_id", F.col("item").alias("at"), said.alias("was"), F.col("fed").alias("then"))
    shown = F.col("whom").isNull() | (F.size("whom") > 0)
    here = now.select("item_id", "item", said.alias("is"), "fed", shown.alias("shown"))
    both = here.join(was, "item_id", "full_outer")
    old, today = F.col("at").isNotNull(), F.col("item").isNotNull()
    stays = F.when(old & today, F.col("item"))  # in one task: a few numbers of each item of a catalogue
    order = Window.orderBy("at")
    first = F.min(stays).over(order.rowsBetween(1, Window.unboundedFollowing))
    last = F.max(stays).over(order.rowsBetween(Window.unboundedPreceding, -1))
    passed = F.coalesce((last > stays) | (first < stays), F.lit(False))
    restated = ~(old & today & F.col("fed").eqNullSafe(F.col("then")))
    both = both.withColumn("passed", passed)
    differing = both.where(restated | F.col("passed") | ~F.col("is").eqNullSafe(F.col("was")))
    new = (today & F.coalesce("shown", F.lit(False))).alias("new")
    return differing.select("item_id", "item", old.alias("gone"), new, old.alias("old"), restated.alias("restated"))


def _list(name: str, kind: str) -> Column:
    return F.coalesce(F.col(name), F.array()).cast(f"array<{kind}>")
