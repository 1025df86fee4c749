"""What is known of a user after each event: running sums in the user's order, one row per event.

Everything is an integer (entropy in units of 2^-20), so nothing depends on how events are spread. What a caller does
not select is pruned by Spark, its window and sort included: a test holds it to that.
"""

from __future__ import annotations

from collections.abc import Container

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from lstmrec.config.profile import COUNT, ProfileConfig
from lstmrec.contracts.units import DAY_US, FIXED
from lstmrec.frames import affinity, own_features

_THURSDAY = 3  # 1970-01-01, Monday being 0
#: How often the user met a value so far, by the column of the value; and who asks for it.
_SEEN = {"_of_item": "item_id", "_of_type": "event_type"}
_BY_SEEN = {"_of_item": ("items", "repeat_share", "item_entropy"), "_of_type": ("types",)}


def running(split: DataFrame, conf: ProfileConfig, masks: DataFrame | None = None, tags: int = 0) -> DataFrame:
    """user_id, index, and the user's state with this event counted.

    items, types, active_days, instants, weekend, part0 to part3, COUNT + type: counts; item_entropy: sum of c log2 c
    over the counts c of the items, in 2^-20; value, units, valued: sum of value, and quantity and events where there is
    a value (null beyond 64 bits); first, last, recency, max_gap: microseconds; own:NAME: double; tag0, ...: see
    `affinity`. masks: of `affinity.masks`, for so many tags.

    SPLIT lies by user, so events do not travel. The windows by (user, item) and (user, type) are sorts of their own in
    the same place, and come first, so that all else shares the one order (user, index).
    """
    met = affinity.masked(split, masks) if masks is not None else split
    seen = {name: column for name, column in _SEEN.items() if any(f in _BY_SEEN[name] for f in conf.features)}
    if seen:
        met = met.withColumns({n: _occurrence(c) for n, c in seen.items()})
    order = Window.partitionBy("user_id").orderBy("index")
    local = local_time(F.col("time"), conf.calendar_zone)
    hour = F.pmod(local, F.lit(DAY_US))
    day = local - hour
    stepped = met.withColumns({
        "_gap": F.col("time") - F.lag("time").over(order),
        # Beyond the latest day so far: clocks that go back at midnight give one day, not three.
        "_new_day": F.coalesce(day > F.max(day).over(_before(order)), day.isNotNull()),
        "_part": F.floor(hour / (DAY_US // 4)),
        "_weekend": F.pmod(local + _THURSDAY * DAY_US, F.lit(7 * DAY_US)) >= 5 * DAY_US,
        **affinity.steps(conf.affinities, order),
    })  # fmt: skip
    so_far = order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    summed = stepped.withColumns({
        **{name: _total(term, so_far) for name, term in _terms(conf, seen).items()},
        "value": F.try_sum("value").over(so_far),
        "first": F.first("time").over(so_far),
        "recency": F.last(F.when(F.col("_gap") > 0, F.col("_gap")), ignorenulls=True).over(so_far),
        "max_gap": F.max("_gap").over(so_far),
        **affinity.sums(conf.affinities, tags, so_far),
        **own_features.columns(stepped.select(*split.columns), conf.own),
    })  # fmt: skip
    return summed.withColumns(affinity.starts(conf.affinities, tags, so_far)).withColumnRenamed("time", "last")


def local_time(time: Column, zone: str) -> Column:
    """Microseconds that the clocks of a zone would show, as if since 1970 UTC."""
    if zone == "UTC":
        return time
    return F.unix_micros(F.from_utc_timestamp(F.timestamp_micros(time), zone))


def _terms(conf: ProfileConfig, seen: Container[str]) -> dict[str, Column]:
    """What each event adds to the plain sums."""
    valued = F.col("value").isNotNull()
    parts = {f"part{p}": F.col("_part") == p for p in range(4)}
    wanted = [f for f in conf.features if isinstance(f, str) and f.startswith(COUNT)]
    types = {f: F.col("event_type") == f.removeprefix(COUNT) for f in wanted}
    by_item = {
        "items": F.col("_of_item") == 1,
        "item_entropy": _c_log_c(F.col("_of_item")) - _c_log_c(F.col("_of_item") - 1),
    }
    return {
        **(by_item if "_of_item" in seen else {}),
        **({"types": F.col("_of_type") == 1} if "_of_type" in seen else {}),
        "active_days": F.col("_new_day"),
        "instants": F.coalesce(F.col("_gap") > 0, F.col("index") == 0),
        "weekend": F.col("_weekend"),
        "valued": valued,
        "units": F.when(valued, F.coalesce("quantity", F.lit(1))),
        **parts,
        **types,
    }


def _total(term: Column, so_far: WindowSpec) -> Column:
    return F.try_sum(F.coalesce(term.cast("bigint"), F.lit(0))).over(so_far)


def _before(order: WindowSpec) -> WindowSpec:
    return order.rowsBetween(Window.unboundedPreceding, -1)


def _occurrence(column: str) -> Column:
    """The how-many-th event of the user with this value it is."""
    return F.row_number().over(Window.partitionBy("user_id", column).orderBy("index"))


def _c_log_c(count: Column) -> Column:
    """c log2 c in 2^-20. Added up as differences, the sum over events telescopes to the sum over items, exactly."""
    bits = F.when(count > 1, count * F.log2(count)).otherwise(F.lit(0.0))
    return F.rint(bits * FIXED).cast("bigint")
