"""What s3 asks of the events, in one pass: everything else there is over items, values and users."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.normalise import NormaliseConfig

ROLES = ("train", "validation", "test")
_EXACT = "decimal(38,0)"


def tally(split: DataFrame, conf: NormaliseConfig) -> DataFrame:
    """SPLIT -> item_id, event_type, train, validation, test (events of the role), worth, many (sums of value and
    quantity of train events that have a value; null without `price`).

    One shuffle of partial sums, a row an item and type: an item with half of all events is one row a task. Without
    `drift` held-out rows are not read, and count 0.
    """
    rows = split if conf.drift else split.where("role = 'train'")
    train = F.col("role") == "train"
    valued = train & F.col("value").isNotNull()
    nothing = F.lit(None).cast(_EXACT)
    counted: list[Column] = [_of_role(role).alias(role) for role in (ROLES if conf.drift else ROLES[:1])]
    if conf.price:
        counted += [
            F.sum(F.when(valued, F.col("value").cast(_EXACT))).alias("worth"),
            F.sum(F.when(valued, F.coalesce("quantity", F.lit(1)).cast(_EXACT))).alias("many"),
        ]
    found = rows.groupBy("item_id", "event_type").agg(*counted)
    absent = {r: F.lit(0).cast("bigint") for r in ROLES} | {"worth": nothing, "many": nothing}
    return found.select(
        "item_id", "event_type",
        *[F.col(n) if n in found.columns else c.alias(n) for n, c in absent.items()],
    )  # fmt: skip


def by_item(tallied: DataFrame) -> DataFrame:
    """`tally` -> item_id, count (train events), validation, test, worth, many."""
    sums = [F.sum(n).alias("count" if n == "train" else n) for n in (*ROLES, "worth", "many")]
    found = tallied.groupBy("item_id").agg(*sums)
    return found.select(
        "item_id", "count", "validation", "test", *[F.col(n).cast(_EXACT).alias(n) for n in ("worth", "many")]
    )


def active(split: DataFrame, conf: NormaliseConfig) -> DataFrame:
    """SPLIT -> user_id, train, validation, test: 1 where the user has an event of the role (train alone without
    `drift`). Shuffles users, once."""
    rows = split if conf.drift else split.where("role = 'train'")
    flags = [F.max((F.col("role") == role).cast("int")).cast("bigint").alias(role) for role in ROLES]
    return rows.groupBy("user_id").agg(*flags)


def _of_role(role: str) -> Column:
    return F.count_if(F.col("role") == role)
