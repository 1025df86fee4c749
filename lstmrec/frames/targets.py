"""SPLIT -> what each user did in a role, with what is known of the items: the judged side of every metric (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.contracts.tables import HISTORY
from lstmrec.contracts.units import DAY_US
from lstmrec.frames.sums import COLD, NEW, REPEAT, WEIGHT

ROLES = ("validation", "test")
_KEYS = ("role", "user_id", "history", "since", "at")


def targets(split: DataFrame) -> DataFrame:
    """What each user did in a role: role, user_id, targets (distinct items, those outside the catalogue too, as structs
    of item_id, mark, popular, weight, time), history (events of it), since (microseconds of its first one), at (of the
    user's first event of the role). Roles validation and test, users with at least one target.

    Targets are in no order: nothing that is summed of them depends on it. mark: REPEAT where the item is in the role's
    history; popular and weight are 0, see `marked`; time: of the first event with the item in the role. Times are null
    without a clock.
    """
    train, after = F.col("role").isin(*HISTORY["validation"]), {role: F.col("role") == role for role in ROLES}
    aggs = [F.count_if(train).alias("train"), F.min(F.when(train, F.col("time"))).alias("train_time")]
    for role, mine in after.items():
        aggs += [F.count_if(mine).alias(role), F.min(F.when(mine, F.col("time"))).alias(f"{role}_time")]
    pairs = split.groupBy("user_id", "item_id").agg(*aggs)
    stacked = pairs.select("user_id", "item_id", F.inline(F.array(
        _role("validation", F.col("train"), F.col("train_time")),
        _role("test", F.col("train") + F.col("validation"), F.least("train_time", "validation_time")),
    ))).where("now > 0 OR before > 0")  # fmt: skip
    mark = F.when(F.col("before") > 0, F.lit(REPEAT)).otherwise(F.lit(0))
    nothing = [F.lit(0).alias("popular"), F.lit(0).cast("bigint").alias("weight")]
    target = F.struct("item_id", mark.alias("mark"), *nothing, F.col("time"))
    return (
        stacked.groupBy("role", "user_id")
        .agg(
            F.collect_list(F.when(F.col("now") > 0, target)).alias("targets"),
            F.sum("before").cast("int").alias("history"),
            F.min("earlier").alias("since"),
            F.min("time").alias("at"),
        )
        .where(F.size("targets") > 0)
        .select(*_KEYS, "targets")
    )


def items(split: DataFrame, power: float, clip: float) -> DataFrame:
    """item_id, first (microseconds of its first event of any role), cold (no train event), weight in 2^-20.

    weight: 1 / max(clip, (train events / those of the most frequent item) ^ power), an inverse propensity of having
    been seen that follows popularity (Saito et al. 2020, "Unbiased recommender learning from missing-not-at-random
    implicit feedback"; clipped as by Gilotte et al. 2018).
    """
    train = F.count_if(F.col("role") == "train")
    counted = split.groupBy("item_id").agg(F.min("time").alias("first"), train.alias("train"))
    most = counted.agg(F.greatest(F.max("train"), F.lit(1)).alias("most"))
    share = F.pow(F.col("train") / F.col("most"), F.lit(power))
    weight = F.floor(F.lit(float(WEIGHT)) / F.greatest(share, F.lit(clip)) + F.lit(0.5)).cast("bigint")
    known = counted.crossJoin(F.broadcast(most))
    return known.select("item_id", "first", (F.col("train") == 0).alias("cold"), weight.alias("weight"))


def marked(wanted: DataFrame, known: DataFrame, popular: DataFrame | None, item_days: int) -> DataFrame:
    """`targets` rows with the marks COLD and NEW (first event of the item less than `item_days` before this one), the
    weight of `items`, and the place in the user's list of `popular` (role, user_id, items; none: 0)."""
    rows = wanted.select(*_KEYS, F.inline("targets")).drop("weight", "popular").join(known, "item_id", "left")
    place = F.lit(0)
    if popular is not None:
        lists = popular.select("role", "user_id", F.col("items.item_id").alias("list"))
        rows = rows.join(lists, ["role", "user_id"], "left")
        place = F.coalesce(F.array_position("list", F.col("item_id")), F.lit(0)).cast("int")
    fresh = F.col("time") - F.col("first") < F.lit(item_days * DAY_US)
    mark = F.col("mark") + F.when(F.col("cold"), F.lit(COLD)).otherwise(0) + F.when(fresh, F.lit(NEW)).otherwise(0)
    target = F.struct("item_id", mark.alias("mark"), place.alias("popular"), "weight", "time")
    return rows.groupBy(*_KEYS).agg(F.collect_list(target).alias("targets"))


def sliced(wanted: DataFrame, events: Sequence[int], days: Sequence[int], segments: DataFrame | None) -> DataFrame:
    """The rows with `slices`: the names of each user's groups.

    history:short, medium, long by the bounds `events`; user:cold (no history), warm; user_age:new, middle, old by days
    from the user's first event to the first of the role (bounds `days`; none without a clock); segment:VALUE of
    `segments` (user_id, segment), unknown where a user has none.
    """
    age = F.coalesce(F.col("at") - F.col("since"), F.when(F.col("at").isNotNull(), F.lit(0)))
    names = [
        _bounded("history", F.col("history"), events, ("short", "medium", "long")),
        F.when(F.col("history") > 0, F.lit("user:warm")).otherwise(F.lit("user:cold")),
        _bounded("user_age", age, [d * DAY_US for d in days], ("new", "middle", "old")),
    ]
    if segments is not None:
        wanted = wanted.join(segments, "user_id", "left")
        names.append(F.concat(F.lit("segment:"), F.coalesce("segment", F.lit("unknown"))))
    return wanted.withColumn("slices", F.array_compact(F.array(*names))).drop("segment")


def segments(users: DataFrame, attribute: str, most: int) -> DataFrame:
    """user_id, segment: the first 60 characters of the users' attribute; values that are not among the `most` frequent
    ones are `other`."""
    value = F.substring(F.col("attributes")[attribute], 1, 60)
    known = users.select("user_id", value.alias("segment")).where("segment IS NOT NULL")
    top = known.groupBy("segment").agg(F.count(F.lit(1)).alias("n")).orderBy(F.desc("n"), "segment").limit(most)
    kept = known.join(F.broadcast(top.select("segment", F.lit(True).alias("kept"))), "segment", "left")
    return kept.select("user_id", F.when(F.col("kept"), F.col("segment")).otherwise(F.lit("other")).alias("segment"))


def fits(seed: int) -> Column:
    """Whether weights of blends are fitted on a validation user; the others, about half of all, judge them."""
    return F.pmod(F.xxhash64(F.lit("fits"), F.lit(seed), F.col("user_id")), F.lit(2)) == 0


def effective(wanted: DataFrame, clip: float) -> DataFrame:
    """role, targets, effective (Kish's effective number of targets under their weights, (sum w)^2 / sum w^2: how many
    equally weighted ones would tell as much), clipped (those at the largest weight)."""
    weight = F.col("weight").cast("decimal(20,0)")
    top = F.lit(int(WEIGHT / clip + 0.5))
    counted = wanted.select("role", F.inline("targets")).groupBy("role").agg(
        F.count(F.lit(1)).alias("targets"), F.sum(weight).cast("double").alias("sum"),
        F.sum((weight * weight).cast("decimal(38,0)")).cast("double").alias("squares"),
        F.count_if(F.col("weight") == top).alias("clipped"),
    )  # fmt: skip
    return counted.select("role", "targets", F.try_divide(F.col("sum") * F.col("sum"), F.col("squares"))
                          .alias("effective"), "clipped")  # fmt: skip


def _role(name: str, before: Column, earlier: Column) -> Column:
    now, time = F.col(name).alias("now"), F.col(f"{name}_time").alias("time")
    return F.struct(F.lit(name).alias("role"), now, time, before.alias("before"), earlier.alias("earlier"))


def _bounded(family: str, value: Column, bounds: Sequence[int], names: Sequence[str]) -> Column:
    """FAMILY:NAME by the bounds that the value reaches; null for a null value."""
    out = F.when(value.isNotNull(), F.lit(f"{family}:{names[0]}"))
    for bound, name in zip(bounds, names[1:], strict=True):
        out = F.when(value >= F.lit(bound), F.lit(f"{family}:{name}")).otherwise(out)
    return out
