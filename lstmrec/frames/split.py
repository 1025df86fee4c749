"""Which role an event has, and its place in its user's history: the history of a role is what lies before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from lstmrec.config.split import SplitConfig, instant_us
from lstmrec.config.split import told as instant
from lstmrec.contracts import tables
from lstmrec.contracts.units import DAY_US
from lstmrec.frames import holdout
from lstmrec.frames.dedup import event_order

HELD_OUT = ("validation", "test")
EVENT_ROLES = tables.HISTORY["serve"]
CAUSES = ("gap", "held_item", "new_item")


@dataclass(frozen=True)
class Cuts:
    """Instants in microseconds: where validation and test begin (null by position), as_of, and the gap before both.
    held: whether anything is held out; if not, every role ends at as_of."""

    validation: int | None
    test: int | None
    as_of: int
    gap: int = 0
    held: bool = True

    def start(self, role: str) -> int | None:
        """Where the role's own events begin; null for train, and by position."""
        return {"validation": self.validation, "test": self.test}.get(role)

    def end(self, role: str) -> int | None:
        """Where what the role knows ends; null by position."""
        if not self.held:
            return self.as_of
        if self.validation is None or self.test is None:
            return None
        before = {"train": self.validation - self.gap, "validation": self.validation - self.gap,
                  "test": self.test - self.gap}  # fmt: skip
        return before.get(role, self.as_of)


def cuts(conf: SplitConfig, as_of_us: int, test_us: int | None = None, validation_us: int | None = None) -> Cuts:
    """The cuts of the config; test_us and validation_us: those that it gives as shares of the events."""
    if conf.by != "time":
        return Cuts(None, None, as_of_us, held=conf.by != "nothing")
    test = instant_us(conf.test_from) if conf.test_from else test_us
    test = as_of_us - conf.test_days * DAY_US if test is None else test
    validation = instant_us(conf.validation_from) if conf.validation_from else validation_us
    validation = test - conf.validation_days * DAY_US if validation is None else validation
    return Cuts(validation, test, as_of_us, conf.gap_days * DAY_US)


def with_split(conf: SplitConfig, at: Cuts, seed: int, new_items: DataFrame | None = None
               ) -> Callable[[DataFrame], DataFrame]:  # fmt: skip
    """EVENTS -> SPLIT's columns, `withheld` (why the event is in no role; null: it is in one), the flag `_withheld`,
    and `tied`.

    index: 0-based among the user's events that are kept, by the total order. by time: the same two instants for
    everybody; an event without a time is as old as can be, so train. leave_last: of a user's n events the last
    min(last, n - 1) are test and, before them, as many as `last` and the one event that train keeps allow are
    validation: whoever has an event has one in train. Users held out have `context` where others have train.
    Where nothing is held out every event is train. tied: time, event id and position equal a neighbour's, so that only
    the row's hash put one before the other. new_items (item_id): held back like the items of the hash. Events travel
    once, by user; everything is then read off the one sorted run of each user.
    """

    def split(frame: DataFrame) -> DataFrame:
        frame = frame.withColumn("_back", _held_back(conf, seed))
        if new_items is not None:
            late = new_items.select("item_id", F.lit("new_item").alias("_late"))
            frame = frame.join(late, "item_id", how="left").withColumn("_back", F.coalesce("_back", "_late"))
        mine = _mine()
        place = F.struct("time", "event_id", "position")
        tied = place.eqNullSafe(F.lag(place).over(mine)) | place.eqNullSafe(F.lead(place).over(mine))
        placed = frame.withColumn("_row", F.row_number().over(mine) - 1).withColumn("tied", tied)
        sure = conf.items is None and not at.gap  # that nothing is withheld: the row's number is the index
        if at.held:
            placed = placed.transform(_by_time(at, sure) if conf.by == "time" else _leave_last(conf, sure))
        else:
            none = F.lit(None).cast("string")
            placed = placed.withColumns({"role": F.lit("train"), "withheld": none, "index": _index(sure)})
        role = F.when((F.col("role") == "train") & holdout.held_user(conf.users, seed), F.lit("context"))
        placed = placed.withColumn("role", role.otherwise(F.col("role")))
        flag = F.col("withheld").isNotNull().alias("_withheld")
        return placed.select(*tables.SPLIT.names, "withheld", "tied", flag)

    return split


def kept(split: DataFrame) -> DataFrame:
    """The rows of `with_split` that have a role, as SPLIT rows."""
    return split.where("withheld IS NULL").select(*tables.SPLIT.names)


def rule(conf: SplitConfig, at: Cuts) -> dict[str, str]:
    """Role -> how its events were chosen, in words."""
    held = f"; {conf.users.share:g} of users held out" if conf.users else ""
    if not at.held:
        return {"train": "every event", "serve": "every event"}
    if at.validation is None or at.test is None:
        last = f"each user's last {conf.last}"
        return {"train": f"all before, at least one{held}", "validation": f"{last} before test", "test": last,
                "serve": "every event"}  # fmt: skip
    gap = f", the last {at.gap // DAY_US} x 24 h withheld" if at.gap else ""
    validation, test = instant(at.validation), instant(at.test)
    return {"train": f"before {validation}{gap}{held}", "validation": f"from {validation}, before {test}{gap}",
            "test": f"from {test}", "serve": "every event"}  # fmt: skip


def tally(split: DataFrame, held: Column) -> DataFrame:
    """One row about the rows of `with_split`: users_R and events_R of each role R (serve: whatever is kept), withheld_C
    of each cause C, tied, first and last (of the times), and mixed: users held out (`held`, or with context) that have
    a train event all the same. One shuffle, of a row per user."""
    alive = F.col("withheld").isNull()
    mine = split.groupBy("user_id").agg(
        *[F.count_if(alive & (F.col("role") == role)).alias(role) for role in EVENT_ROLES],
        *[F.count_if(F.col("withheld") == cause).alias(f"withheld_{cause}") for cause in CAUSES],
        F.count_if(alive & F.col("tied")).alias("tied"),
        F.min("time").alias("first"),
        F.max("time").alias("last"),
    )
    n = {role: F.col(role) for role in EVENT_ROLES} | {"serve": sum((F.col(r) for r in EVENT_ROLES), F.lit(0))}
    leaked = (F.col("train") > 0) & (held | (F.col("context") > 0))
    return mine.agg(
        *[F.count_if(x > 0).alias(f"users_{role}") for role, x in n.items()],
        *[F.coalesce(F.sum(x), F.lit(0)).alias(f"events_{role}") for role, x in n.items()],
        *[F.coalesce(F.sum(c), F.lit(0)).alias(c) for c in ("tied", *(f"withheld_{cause}" for cause in CAUSES))],
        F.min("first").alias("first"),
        F.max("last").alias("last"),
        F.count_if(leaked).alias("mixed"),
    )


def seen(split: DataFrame) -> DataFrame:
    """SEEN rows of SPLIT rows: one shuffle of partial counts for users and one for items."""

    def one(kind: str) -> DataFrame:
        counted = split.groupBy(F.col(f"{kind}_id").alias("id")).agg(
            *[F.count_if(F.col("role") == role).alias(role) for role in EVENT_ROLES],
            F.count(F.lit(1)).alias("events"),
        )
        earliest = F.coalesce(*[F.when(F.col(role) > 0, F.lit(role)) for role in EVENT_ROLES])
        return counted.select(
            F.lit(kind).alias("kind"), "id", earliest.alias("first_role"), "train", "events",
            (F.col("train") > 0).alias("warm"),
        )  # fmt: skip

    return one("user").unionByName(one("item"))


def _held_back(conf: SplitConfig, seed: int) -> Column:
    if conf.items is None:
        return F.lit(None).cast("string")
    return F.when(holdout.held_item(conf.items, seed), F.lit("held_item"))


def _by_time(at: Cuts, sure: bool) -> Callable[[DataFrame], DataFrame]:
    assert at.validation is not None and at.test is not None
    time, test, validation = F.col("time"), at.test, at.validation
    role = F.when(time >= test, "test").when(time >= validation, "validation").otherwise("train")
    in_gap = ((time >= test - at.gap) & (time < test)) | ((time >= validation - at.gap) & (time < validation))
    cause = F.when(in_gap, "gap") if at.gap else F.lit(None).cast("string")
    withheld = F.coalesce(cause, F.when(F.coalesce(time < test, F.lit(True)), F.col("_back")))

    def split(frame: DataFrame) -> DataFrame:
        return frame.withColumn("role", role).withColumn("withheld", withheld).withColumn("index", _index(sure))

    return split


def _leave_last(conf: SplitConfig, sure: bool) -> Callable[[DataFrame], DataFrame]:
    """Test by place among all events; what items hold back is taken out of the rest, validation then by place."""
    whole = Window.partitionBy("user_id").rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)

    def split(frame: DataFrame) -> DataFrame:
        from_end = F.count(F.lit(1)).over(whole) - F.col("_row") - 1
        test = (F.col("_row") > 0) & (from_end < conf.last)
        frame = frame.withColumn("_test", test).withColumn("withheld", F.when(~F.col("_test"), F.col("_back")))
        frame = frame.withColumn("index", _index(sure))
        if sure:  # one count a user is enough
            validation = (F.col("_row") > 0) & (from_end < 2 * conf.last)
        else:
            rest = F.count_if(~F.col("_test") & F.col("withheld").isNull()).over(whole)
            validation = (F.col("index") > 0) & (rest - F.col("index") - 1 < conf.last)
        role = F.when(F.col("_test"), "test").when(validation, "validation").otherwise("train")
        return frame.withColumn("role", role)

    return split


def _index(sure: bool) -> Column:
    """Kept events of the user before this one; sure: all are kept."""
    if sure:
        return F.col("_row")
    so_far = _mine().rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return (F.count_if(F.col("withheld").isNull()).over(so_far) - 1).cast("int")


def _mine() -> WindowSpec:
    """A user's events by the total order: one spec for all that is read off it, so that there is one sort."""
    return Window.partitionBy("user_id").orderBy(*event_order())
