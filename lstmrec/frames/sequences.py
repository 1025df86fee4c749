"""Integer sequences: a window's events, what was before it, what came after, padded to their length classes.

Events lie by user already and become a few arrays of numbers per user, in order; everything else is slices of them
(arrays of numbers, not of structs: a third of the bytes, and Spark slices them in compiled loops). The number of files
of a class follows from its rows, so `classes` counts them first; then `sequences`, `filed`, and last of all `padded`.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.sequence import SequenceConfig
from lstmrec.contracts.ids import UNKNOWN
from lstmrec.contracts.tables import SEQUENCES
from lstmrec.contracts.units import DAY_S
from lstmrec.frames import before
from lstmrec.frames.classes import after_sizes, before_sizes, pad, size_of, window_sizes

#: What rows of one file share, besides the file.
CLASS = ("role", "phase", "length", "before", "after")
#: Whoever reads a file holds thousands of its rows at once (Spark 4,096). Rows of a class wider than this many places
#: are too many by then (a robot with 56,000 events, in windows of 64: 870 rows of 65,536): a file holds so many places.
_WIDE, _CELLS = 2048, 1 << 23
#: Array columns and the class they are padded to.
_ARRAYS = {
    "items": "length", "types": "length", "times": "length", "ends": "length",
    "before_items": "before", "before_counts": "before", "before_times": "before",
    "after_items": "after", "after_times": "after", "after_ends": "after",
}  # fmt: skip
_HISTORY = ("items", "types", "times", "ends")


def histories(split: DataFrame, items: DataFrame, vocabulary: DataFrame) -> DataFrame:
    """One row per user with events: user_id, total (events), where its roles end: train_end, validation_end (indexes),
    and the history in the user's order as arrays of equal length: items, types, times, ends.

    items: catalogue indexes, types: ids of event types, 1 where unknown; times: seconds since 1970, 0 without a clock;
    ends: 1 where the next event has another time.
    """
    event = F.struct("index", "item", "type", "time", "second")
    users = (
        encoded(split, items, vocabulary)
        .groupBy("user_id")
        .agg(
            F.count(F.lit(1)).cast("int").alias("total"),
            F.count_if(F.col("role") == "train").cast("int").alias("train_end"),
            F.count_if(F.col("role") != "test").cast("int").alias("validation_end"),
            F.sort_array(F.collect_list(event)).alias("events"),
        )
    )
    times = F.col("events")["time"]
    ends = F.zip_with(times, F.slice(times, 2, F.size(times)), lambda now, then: F.when(now == then, 0).otherwise(1))
    return users.select(
        "user_id", "total", "train_end", "validation_end", F.col("events")["item"].alias("items"),
        F.col("events")["type"].alias("types"), F.col("events")["second"].alias("times"), ends.alias("ends"),
    )  # fmt: skip


def encoded(split: DataFrame, items: DataFrame, vocabulary: DataFrame) -> DataFrame:
    """SPLIT rows with item (catalogue index), type (id), both 1 where unknown, and second (since 1970, rounded down; 0
    without a clock)."""
    catalogue = F.broadcast(items.select("item_id", "item"))
    types = vocabulary.where("feature = 'event_type'")
    types = F.broadcast(types.select(F.col("value").alias("event_type"), F.col("id").alias("type")))
    rows = split.join(catalogue, "item_id", how="left").join(types, "event_type", how="left")
    return rows.withColumns({
        "item": F.coalesce("item", F.lit(UNKNOWN)), "type": F.coalesce("type", F.lit(UNKNOWN)),
        "second": F.coalesce(_seconds(F.col("time")), F.lit(0)).cast("bigint"),
    })  # fmt: skip


def classes(windows: DataFrame, histories: DataFrame, conf: SequenceConfig) -> DataFrame:
    """role, phase, length, before, after, rows, positions (real ones): one row a class of what `sequences` makes.

    Sizes alone, so that histories are walked twice rather than every row be written down in between; Spark leaves out
    of the first walk whatever no size depends on.
    """
    met = F.array() if conf.history == "ignore" else before.met(F.col("items"), F.col("start"))
    placed = _placed(windows, histories, conf).select("role", "phase", "n", "n_after", F.size(met).alias("n_before"))
    sized = placed.select("role", "phase", "n", *_classes(conf))
    return sized.groupBy(*CLASS).agg(F.count(F.lit(1)).alias("rows"), F.sum("n").alias("positions"))


def sequences(windows: DataFrame, histories: DataFrame, users: DataFrame, profiles: DataFrame, cuts: DataFrame,
              conf: SequenceConfig, seed: int, *, clock: bool) -> DataFrame:  # fmt: skip
    """One row per WINDOWS row: what `padded` makes SEQUENCES rows of, and the sizes they will be padded to.

    users: ENCODED_USERS, profiles: USER_PROFILES. clock: false where events have an order and no time. What is narrow
    is joined first: histories, which lie by user already, stay where they are.
    """
    cut_at = F.broadcast(cuts.select("role", F.col("time").alias("cut_time")))
    profile = profiles.select("user_id", F.col("boundary").alias("start"), F.col("encoded").alias("profile"))
    narrow = windows.join(cut_at, "role", how="left").join(users.select("user_id", "static"), "user_id", how="left")
    narrow = narrow.join(profile, ["user_id", "start"], how="left")
    known = _with_met(_placed(narrow, histories, conf), windows, histories, conf)
    hashed = [F.lit(seed).cast("bigint"), F.col("user_id")]
    start, stop, n, more = (F.col(c) for c in ("start", "stop", "n", "n_after"))
    sliced = known.select(
        "role", "phase", "user_id", "window", "static", "profile", "n", "n_after",
        *before.columns(conf.half_lives_days),
        F.size("before_items").alias("n_before"),
        F.xxhash64(*hashed).alias("user"),
        F.xxhash64(*hashed, "start").alias("place"),
        *[_part(name, start, n).alias(name) for name in ("items", "types", "times")],
        _closed(start, n, F.col("size")).alias("ends"),
        *[_part(name, stop, more).alias(f"after_{name}") for name in ("items", "times")],
        _closed(stop, more, F.col("end")).alias("after_ends"),
        _cut(clock).alias("cut"),
    )  # fmt: skip
    return sliced.select("*", *_classes(conf))


def filed(rows: DataFrame, classes: DataFrame, conf: SequenceConfig) -> DataFrame:
    """Adds `file`, by hash over ceil(rows / rows_per_file) files, a multiple of files_multiple; of a class wider than
    _WIDE, files of about _CELLS places where those are fewer rows."""
    width, n = "(length + before + after)", conf.rows_per_file
    most = f"IF({width} > {_WIDE}, greatest(1, least({n}, {_CELLS} div {width})), {n})"
    wanted = F.expr(f"(rows + {most} - 1) div {most}")
    many = (wanted + F.pmod(-wanted, F.lit(conf.files_multiple))).alias("files")
    # Left: an inner join would first work out every row's class to see that it is not null, slices and all.
    sized = rows.join(F.broadcast(classes.select(*CLASS, many)), list(CLASS), how="left")
    return sized.withColumn("file", F.pmod("place", "files").cast("int")).drop("files")


def padded(half_lives: int) -> Callable[[DataFrame], DataFrame]:
    """Filed rows -> SEQUENCES rows: each array at its class's length. Last of all, since zeros need not travel."""

    def pad_all(rows: DataFrame) -> DataFrame:
        made = [pad(F.col(name), F.col(size), _element(name)).alias(name) for name, size in _ARRAYS.items()]
        decayed = [pad(F.col(before.decayed(j)), F.col("before"), "float") for j in range(half_lives)]
        flat = F.concat(F.array().cast("array<float>"), *decayed).alias("before_decayed")
        others = [name for name in SEQUENCES.names if name not in (*_ARRAYS, "before_decayed")]
        return rows.select(*others, *made, flat).select(*SEQUENCES.names)

    return pad_all


def _seconds(time: Column) -> Column:
    """Whole seconds of microseconds, rounded down (before 1970 too)."""
    return F.call_function("div", time - F.pmod(time, F.lit(1_000_000)), F.lit(1_000_000))


def _placed(windows: DataFrame, histories: DataFrame, conf: SequenceConfig) -> DataFrame:
    """WINDOWS rows (their `history` as `size`) beside their users' histories, empty for who has none, and numbers: n,
    the events of the window; end, one past the events that label it (of train, validation or test; serve has none);
    n_after, how many of these the row holds."""
    placed = windows.withColumnRenamed("history", "size").join(histories, "user_id", how="left")
    empty = {name: F.coalesce(name, F.array().cast(f"array<{_element(name)}>")) for name in _HISTORY}
    role = F.col("role")
    ends = F.when(role == "train", F.col("train_end")).when(role == "validation", F.col("validation_end"))
    end = F.coalesce(ends.when(role == "test", F.col("total")), F.col("stop"))
    placed = placed.withColumns({**empty, "end": end, "n": F.greatest(F.col("stop") - F.col("start"), F.lit(0))})
    return placed.withColumn("n_after", F.greatest(_later(conf), F.lit(0)))


def _later(conf: SequenceConfig) -> Column:
    """How many events after the window a row holds: for train as many as its labels need and conf allows, else all."""
    stop, rest = F.col("stop"), F.col("end") - F.col("stop")
    most = F.least(rest, F.lit(1 if conf.objective == "next_item" else conf.max_after))
    labels = most
    if conf.objective == "next_basket":  # the group under way, or the next one: up to the first end
        first = F.array_position(_part("ends", stop, most), 1).cast("int")
        labels = F.when(first > 0, first).otherwise(most)
    if conf.objective == "next_days":
        until = F.get("times", stop - 1) + conf.horizon_days * DAY_S
        labels = F.size(F.filter(_part("times", stop, most), lambda second: second <= until))
    return F.when(F.col("role") == "train", labels).otherwise(rest).cast("int")


def _part(name: str, start: Column, n: Column) -> Column:
    """history[start : start + n] of one of its arrays."""
    return F.slice(name, start + 1, F.greatest(n, F.lit(0)))


def _closed(start: Column, n: Column, end: Column) -> Column:
    """`ends` of history[start : start + n], where nothing of `end` and later is known: the last before it is one."""
    last = F.concat(_part("ends", start, n - 1), F.array(F.lit(1)))
    return F.when((start + n == end) & (n > 0), last).otherwise(_part("ends", start, n))


def _cut(clock: bool) -> Column:
    """Seconds where the role's history ends. Where roles are split by position: the second of its last event."""
    if not clock:
        return F.lit(0).cast("bigint")
    return F.coalesce(_seconds(F.col("cut_time")), F.get("times", F.col("size") - 1), F.lit(0)).cast("bigint")


def _with_met(placed: DataFrame, windows: DataFrame, histories: DataFrame, conf: SequenceConfig) -> DataFrame:
    """Adds the columns of `before.columns`: what the user had before the window; with `filter` ids alone, since zeros
    are what the others are padded with."""
    empty = before.nothing(conf.half_lives_days)
    if conf.history == "ignore":
        return placed.withColumns(empty)
    if conf.history == "filter":
        return placed.withColumns(empty | {"before_items": before.met(F.col("items"), F.col("start"))})
    counted = before.counted(windows, histories, conf.half_lives_days)
    joined = placed.join(counted, ["user_id", "start"], how="left")
    return joined.withColumns({name: F.coalesce(name, none) for name, none in empty.items()})


def _classes(conf: SequenceConfig) -> list[Column]:
    """The classes that hold n, n_before, n_after: length, before, after."""
    return [
        size_of(F.col("n"), window_sizes(conf.classes, conf.max_length)).alias("length"),
        size_of(F.col("n_before"), before_sizes()).alias("before"),
        size_of(F.col("n_after"), after_sizes()).alias("after"),
    ]


def _element(name: str) -> str:
    return SEQUENCES.column(name).kind.removeprefix("array<").removesuffix(">")
