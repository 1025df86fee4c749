"""Integer sequences: a window's events, what was before it, what came after, padded to their length classes.

Events lie by user already and become one sorted array per user; everything else is slices of it. The number of files
of a class follows from its rows, so `classes` counts them first; then `sequences`, `filed`, and last of all `padded`.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.sequence import SequenceConfig
from lstmrec.contracts.ids import UNKNOWN
from lstmrec.contracts.tables import SEQUENCES
from lstmrec.frames import before
from lstmrec.frames.classes import after_sizes, before_sizes, pad, size_of, window_sizes

#: What rows of one file share, besides the file.
CLASS = ("role", "phase", "length", "before", "after")
#: Array columns: the structs they are read from, the field, the class they are padded to.
_ARRAYS = {
    "items": ("inputs", "item", "length"), "types": ("inputs", "type", "length"),
    "times": ("inputs", "second", "length"), "ends": ("inputs", "end", "length"),
    "before_items": ("met", "item", "before"), "before_counts": ("met", "count", "before"),
    "before_times": ("met", "last", "before"),
    "after_items": ("later", "item", "after"), "after_times": ("later", "second", "after"),
    "after_ends": ("later", "end", "after"),
}  # fmt: skip
_DAY_SECONDS = 86_400
_EVENT = "struct<index:int,item:int,type:int,second:bigint,end:int>"
_MET = "array<struct<item:int,count:int,last:bigint,decayed:array<bigint>>>"


def histories(split: DataFrame, items: DataFrame, vocabulary: DataFrame) -> DataFrame:
    """One row per user with events: user_id, history, and where its roles end: train_end, validation_end (indexes).

    history: array of struct(index, item, type, second, end) in the user's order; item: the catalogue index, type: the
    event type's id, 1 where unknown; second: since 1970, 0 without a clock; end: 1 where the next event has another
    time.
    """
    catalogue = F.broadcast(items.select("item_id", "item"))
    types = vocabulary.where("feature = 'event_type'")
    types = F.broadcast(types.select(F.col("value").alias("event_type"), F.col("id").alias("type")))
    encoded = split.join(catalogue, "item_id", how="left").join(types, "event_type", how="left")
    event = F.struct(
        "index", F.coalesce("item", F.lit(UNKNOWN)).alias("item"), F.coalesce("type", F.lit(UNKNOWN)).alias("type"),
        "time",
    )  # fmt: skip
    users = encoded.groupBy("user_id").agg(
        F.sort_array(F.collect_list(event)).alias("events"),
        F.count_if(F.col("role") == "train").cast("int").alias("train_end"),
        F.count_if(F.col("role") != "test").cast("int").alias("validation_end"),
    )
    history = F.transform("events", lambda e, i: F.struct(
        e["index"], e["item"], e["type"],
        F.coalesce(_seconds(e["time"]), F.lit(0)),
        F.when(F.get("events", i + 1)["time"] == e["time"], 0).otherwise(1),
    ).cast(_EVENT))  # fmt: skip
    return users.select("user_id", "train_end", "validation_end", history.alias("history"))


def classes(windows: DataFrame, histories: DataFrame, conf: SequenceConfig) -> DataFrame:
    """role, phase, length, before, after, rows, positions (real ones): one row a class of what `sequences` makes.

    Sizes alone, so that histories are walked twice rather than every row be written down in between.
    """
    met = F.array() if conf.history == "ignore" else before.met(F.col("history"), F.col("start"))
    sliced = _placed(windows, histories).select(
        "role", "phase", met.alias("met"), _inputs().alias("inputs"), _later(conf).alias("later")
    )
    sized = _sized(sliced, conf)
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
    known = _with_met(_placed(narrow, histories), windows, histories, conf)
    hashed = [F.lit(seed).cast("bigint"), F.col("user_id")]
    sliced = known.select(
        "role", "phase", "user_id", "window", "met", "static", "profile",
        F.xxhash64(*hashed).alias("user"),
        F.xxhash64(*hashed, "start").alias("place"),
        _inputs().alias("inputs"),
        _later(conf).alias("later"),
        _cut(clock).alias("cut"),
    )  # fmt: skip
    return _sized(sliced, conf)


def filed(rows: DataFrame, classes: DataFrame, conf: SequenceConfig) -> DataFrame:
    """Adds `file`, by hash over ceil(rows / rows_per_file) files, a multiple of files_multiple."""
    wanted = F.expr(f"(rows + {conf.rows_per_file - 1}) div {conf.rows_per_file}")
    many = (wanted + F.pmod(-wanted, F.lit(conf.files_multiple))).alias("files")
    sized = rows.join(F.broadcast(classes.select(*CLASS, many)), list(CLASS), how="inner")
    return sized.withColumn("file", F.pmod("place", "files").cast("int")).drop("files")


def padded(half_lives: int) -> Callable[[DataFrame], DataFrame]:
    """Filed rows -> SEQUENCES rows: each array at its class's length. Last of all, since zeros need not travel."""

    def pad_all(rows: DataFrame) -> DataFrame:
        made = [
            pad(F.col(source)[field], F.col(size), _element(name)).alias(name)
            for name, (source, field, size) in _ARRAYS.items()
        ]
        decayed = [pad(_decayed(j), F.col("before"), "float") for j in range(half_lives)]
        flat = F.concat(F.array().cast("array<float>"), *decayed).alias("before_decayed")
        others = [name for name in SEQUENCES.names if name not in (*_ARRAYS, "before_decayed")]
        return rows.select(*others, *made, flat).select(*SEQUENCES.names)

    return pad_all


def _seconds(time: Column) -> Column:
    """Whole seconds of microseconds, rounded down (before 1970 too)."""
    return ((time - F.pmod(time, F.lit(1_000_000))) / 1_000_000).cast("bigint")


def _role_end() -> Column:
    """The index one past the events that label a window: of train, validation or test; serve has none."""
    role = F.col("role")
    ends = F.when(role == "train", F.col("train_end")).when(role == "validation", F.col("validation_end"))
    return F.coalesce(ends.when(role == "test", F.size("history")), F.col("stop"))


def _placed(windows: DataFrame, histories: DataFrame) -> DataFrame:
    """WINDOWS rows (their `history` as `size`) beside their users' histories, empty for who has none."""
    placed = windows.withColumnRenamed("history", "size").join(histories, "user_id", how="left")
    return placed.withColumn("history", F.coalesce("history", F.array().cast(f"array<{_EVENT}>")))


def _inputs() -> Column:
    return _events(F.col("start"), F.col("stop"), F.col("size"))


def _events(start: Column, stop: Column, end: Column) -> Column:
    """history[start:stop], where nothing of `end` and later is known: the event before it ends its group."""
    events = F.slice("history", start + 1, F.greatest(stop - start, F.lit(0)))
    last = F.get("history", stop - 1)
    closed = F.concat(F.slice("history", start + 1, stop - start - 1), F.array(last.withField("end", F.lit(1))))
    return F.when((stop == end) & (stop > start), closed).otherwise(events)


def _later(conf: SequenceConfig) -> Column:
    """Events after the window: for train as many as its labels need and conf allows, else all of the role."""
    stop, end = F.col("stop"), _role_end()
    most = 1 if conf.objective == "next_item" else conf.max_after
    labels = _events(stop, F.least(end, stop + most), end)
    if conf.objective == "next_basket":  # the group under way, or the next one: up to the first end
        first = F.array_position(F.transform(labels, lambda e: e["end"]), 1).cast("int")
        labels = F.slice(labels, 1, F.when(first > 0, first).otherwise(F.size(labels)))
    if conf.objective == "next_days":
        until = F.get("history", stop - 1)["second"] + conf.horizon_days * _DAY_SECONDS
        labels = F.filter(labels, lambda e: e["second"] <= until)
    return F.when(F.col("role") == "train", labels).otherwise(_events(stop, end, end))


def _cut(clock: bool) -> Column:
    """Seconds where the role's history ends. Where roles are split by position: the second of its last event."""
    if not clock:
        return F.lit(0).cast("bigint")
    last = F.get("history", F.col("size") - 1)["second"]
    return F.coalesce(_seconds(F.col("cut_time")), last, F.lit(0))


def _with_met(placed: DataFrame, windows: DataFrame, histories: DataFrame, conf: SequenceConfig) -> DataFrame:
    """Adds `met`: array of struct(item, count, last, decayed) about what the user had before the window."""
    empty = F.array().cast(_MET)
    if conf.history == "ignore":
        return placed.withColumn("met", empty)
    if conf.history == "filter":
        zeros = F.array(*[F.lit(0)] * len(conf.half_lives_days))
        items = before.met(F.col("history"), F.col("start"))
        bare = F.transform(items, lambda x: F.struct(x, F.lit(0), F.lit(0), zeros))
        return placed.withColumn("met", bare.cast(_MET))
    counted = before.counted(windows, histories, conf.half_lives_days)
    joined = placed.join(counted, ["user_id", "start"], how="left")
    return joined.withColumn("met", F.coalesce(F.col("met").cast(_MET), empty))


def _sized(sliced: DataFrame, conf: SequenceConfig) -> DataFrame:
    """Adds real sizes (n, n_before, n_after) and the classes that hold them (length, before, after)."""
    return sliced.select(
        "*", *[F.size(array).alias(n) for array, n in (("inputs", "n"), ("met", "n_before"), ("later", "n_after"))]
    ).select(
        "*",
        size_of(F.col("n"), window_sizes(conf.classes, conf.max_length)).alias("length"),
        size_of(F.col("n_before"), before_sizes()).alias("before"),
        size_of(F.col("n_after"), after_sizes()).alias("after"),
    )


def _decayed(j: int) -> Column:
    return F.transform(F.col("met")["decayed"], lambda d: (F.get(d, F.lit(j)) / before.FIXED).cast("float"))


def _element(name: str) -> str:
    return SEQUENCES.column(name).kind.removeprefix("array<").removesuffix(">")
