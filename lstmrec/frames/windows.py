"""Window boundaries: which events a sequence reads, for every role, user and set of phases.

Train windows tile the inputs without overlap, so that an epoch labels every event once. The last window ends where the
inputs end and is as long as it may be; the boundaries before it start at a phase hashed from (seed, user, set), so that
another epoch cuts elsewhere. `train_windows: last` keeps the last window only (Kang & McAuley 2018, SASRec).
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.sequence import SequenceConfig
from lstmrec.contracts.tables import HISTORY


def lengths(split: DataFrame, users: DataFrame) -> DataFrame:
    """user_id, train, context, validation, test: events of each role (int), for everybody in USERS (zeros: none)."""
    counts = split.groupBy("user_id").agg(
        *[F.count_if(F.col("role") == role).cast("int").alias(role) for role in HISTORY["serve"]]
    )
    return users.select("user_id").join(counts, "user_id", how="left").na.fill(0)


def windows(split: DataFrame, users: DataFrame, conf: SequenceConfig, seed: int) -> DataFrame:
    """WINDOWS rows and `short`: true for train windows below min_length, which the caller counts and leaves out.

    A user's last train window is never short. Train: windows over the inputs of train events (next_item: all but the
    last, which only labels). Validation and test: the last max_length events before the role, for users with events of
    that role. Serve: the last max_length events of everybody, an empty window for who has none.
    """
    train, validation, test = F.col("train"), F.col("validation"), F.col("test")
    known = train + F.col("context")  # a user held out of training has a history and no train window
    inputs = F.greatest(train - (1 if conf.objective == "next_item" else 0), F.lit(0))
    phases = conf.phases if conf.train_windows == "all" else 1  # the last window is the same in all of them
    sets = F.transform(F.sequence(F.lit(0), F.lit(phases - 1)), lambda p: _piece("train", p, train, inputs, inputs > 0))
    held = F.array(
        _piece("validation", F.lit(0), known, known, validation > 0),
        _piece("test", F.lit(0), known + validation, known + validation, test > 0),
        _piece("serve", F.lit(0), known + validation + test, known + validation + test, F.lit(True)),
    )
    asked = F.filter(F.concat(sets, held), lambda p: p["wanted"] & p["role"].isin(conf.roles))
    pieces = lengths(split, users).select("user_id", F.inline(asked))
    cut = pieces.withColumn("starts", _starts(conf, seed))
    placed = cut.select("*", F.posexplode("starts").alias("window", "start"))
    stop = F.coalesce(F.get("starts", F.col("window") + 1), F.col("inputs"))
    short = (stop - F.col("start") < conf.min_length) & (stop < F.col("inputs"))
    return placed.select(
        "user_id", "role", "phase", "window", "start", stop.alias("stop"), "history", short.alias("short")
    )


def _piece(role: str, phase: Column, history: Column, inputs: Column, wanted: Column) -> Column:
    return F.struct(
        F.lit(role).alias("role"),
        phase.cast("int").alias("phase"),
        history.alias("history"),
        inputs.alias("inputs"),
        wanted.alias("wanted"),
    )


def _starts(conf: SequenceConfig, seed: int) -> Column:
    """array<int>: where windows start. Of columns user_id, role, phase, inputs."""
    longest = conf.max_length
    last = F.greatest(F.col("inputs") - longest, F.lit(0))
    if conf.train_windows == "last":
        return F.array(last)
    offset = F.pmod(F.xxhash64(F.lit(seed).cast("bigint"), "user_id", "phase"), F.lit(longest)).cast("int")
    # sequence() refuses to run backwards: stretched to be valid, then cut to what lies before the last window.
    grid = F.filter(F.sequence(offset, F.greatest(offset, last), F.lit(longest)), lambda x: x < last)
    tiled = F.array_distinct(F.concat(F.array(F.lit(0)), grid, F.array(last)))
    return F.when(F.col("role") == "train", tiled).otherwise(F.array(last))
