"""Which variant of an experiment a user is of: a pure function of salt and id, the same on every day, for users who are
new, and however rows are parted. Integers alone, so that no machine rounds otherwise."""

from __future__ import annotations

from fractions import Fraction

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.variants import Variants

#: Users are places from 0 to this: the upper half of xxhash64(salt, user_id).
PLACES = 1 << 32
#: Slices of an experiment's users: `variant:NAME`.
SLICE = "variant:"


def ends(asked: Variants) -> list[tuple[str, int]]:
    """(variant, the first place that is not its own any more), rising: what its share and those before it come to.

    A variant that grows at the expense of the next or of the one before moves the one bound between them: users go over
    from that neighbour, and nobody else moves. With two variants it is always so. One that grows at the expense of
    another further off shifts the bounds between, and some users of the variants there change too.
    """
    total, out = Fraction(0), []
    for variant in asked.of:
        total += Fraction(str(variant.share))  # as it was written down: 0.1 is a tenth
        out.append((variant.name, round(total * PLACES)))
    return [*out[:-1], (out[-1][0], PLACES)]


def place(salt: str) -> Column:
    """The place of `user_id`, from 0 to `PLACES` - 1."""
    return F.shiftrightunsigned(F.xxhash64(F.lit(salt), F.col("user_id")), 32)


def of_user(asked: Variants) -> Column:
    """The variant of `user_id`."""
    *first, last = ends(asked)
    at, name = place(asked.salt), F.lit(last[0])
    for variant, end in reversed(first):
        name = F.when(at < end, variant).otherwise(name)
    return name


def of_row(asked: Variants | None, recommender: str, role: str) -> Column:
    """The variant of `user_id` where this recommender's list is the one it is to be shown, else null."""
    mine = [v.name for v in asked.of if v.recommender == recommender] if asked and role == "serve" else []
    if asked is None or not mine:
        return F.lit(None).cast("string")
    whose = of_user(asked)
    return F.when(whose.isin(mine), whose)


def sliced(wanted: DataFrame, lists: DataFrame) -> DataFrame:
    """Users who are judged (`targets.sliced`) with the slice of the variant whose list they were shown. lists: rows of
    RECOMMENDATIONS of role serve."""
    own = lists.where("variant IS NOT NULL").select("user_id", "variant")
    named = F.array(F.concat(F.lit(SLICE), F.col("variant")))
    slices = F.when(F.col("variant").isNull(), F.col("slices")).otherwise(F.concat("slices", named))
    return wanted.join(own, "user_id", "left").withColumn("slices", slices).drop("variant")


def own(means: DataFrame, asked: Variants, metric: str) -> DataFrame:
    """Of `metrics.resampled`, each variant's users judged by the lists they were shown: variant, resample, users (their
    weight), value."""
    pairs = [(F.col("slice") == SLICE + v.name) & (F.col("recommender") == v.recommender) for v in asked.of]
    mine = pairs[0]
    for pair in pairs[1:]:
        mine = mine | pair
    name = F.substring("slice", len(SLICE) + 1, 64)
    return means.where(mine).select(name.alias("variant"), "resample", "users", F.col(metric).alias("value"))
