"""Tables of s3_normalise, s4_profile and s5_sequence: everything as numbers."""

from __future__ import annotations

from lstmrec.contracts.table import Column, Table

VOCABULARY = Table(
    "vocabulary",
    (
        Column("feature", "string", doc="`tag`, `event_type`, or `user:NAME` of a demographic"),
        Column("value", "string"),
        Column("id", "int", doc="by falling train count, then value; from 2, or, for tags and demographics, from 2 + "
               "the hash buckets of the tail"),
        Column("count", "bigint", doc="train rows that hold it; 0 for a value that only a grown-from base had"),
    ),
    key=("feature", "value"), invariants=(("id", "id >= 2"),),
    doc="category -> id, fitted on train rows",
)  # fmt: skip

SCALERS = Table(
    "scalers",
    (
        Column("feature", "string", doc="`item:NAME` of a numeric item feature"),
        Column("log", "boolean", doc="log1p before scaling"),
        Column("center", "double"),
        Column("scale", "double", doc="never 0: a constant feature gets 1"),
        Column("count", "bigint", doc="train items that have it"),
        Column("method", "string", True, "zscore, robust, minmax, bins or none; null: zscore"),
        Column("low", "double", True, "what smaller values are cut to, after log; null: not cut"),
        Column("high", "double", True, "what larger values are cut to"),
        Column("edges", "array<double>", True, "method bins: where bins 1, 2 ... begin; value = bin / number of edges"),
    ),
    key=("feature",), invariants=(("scale", "scale > 0"),), minor=1,
    doc="numeric scaling, fitted on items of train rows; a number that no train item has is left out",
)  # fmt: skip

ENCODED_ITEMS = Table(
    "encoded_items",
    (
        Column("item", "int", doc="place in the catalogue, from 2 by falling train count, then hash of the id; in a "
               "grown catalogue new items come after those of the base"),
        Column("item_id", "string"),
        Column("title", "string", True),
        Column("id", "int", doc="embedding row: `item` itself where trained, else 1 (unknown)"),
        Column("count", "bigint", doc="train events"),
        Column("tags", "array<int>", doc="tag ids: known ones first, then tail buckets, then 1 for unknown ones"),
        Column("text", "array<int>", doc="hashed n-gram buckets, from 2"),
        Column("numeric", "array<float>", doc="scaled values, then as many missing indicators (1 = missing)"),
        Column("vectors", "array<float>", True, "for each named vector 1 and its numbers at unit length, or as many "
               "zeros where the item has none (names and lengths: facts.vectors)"),
    ),
    key=("item",), invariants=(("item", "item >= 2"), ("id", "id = 1 OR id = item")), minor=2,
    doc="the catalogue as numbers: everything in it is ranked",
)  # fmt: skip

ENCODED_USERS = Table(
    "encoded_users",
    (
        Column("user_id", "string"),
        Column("static", "array<int>", doc="one id per demographic of the config; 1 = unknown"),
    ),
    key=("user_id",),
    doc="everybody's demographics as numbers",
)

WINDOWS = Table(
    "windows",
    (
        Column("user_id", "string"),
        Column("role", "string"),
        Column("phase", "int", doc="set of phases (train); 0 elsewhere"),
        Column("window", "int", doc="0-based, oldest first"),
        Column("start", "int", doc="index of the first input event"),
        Column("stop", "int", doc="one past the last input event"),
        Column("history", "int", doc="events of the user before the role's cut"),
    ),
    key=("user_id", "role", "phase", "window"),
    grows="user_id",
    invariants=(("range", "start >= 0 AND stop >= start AND stop <= history"),),
    doc="window boundaries: a user with no event has one empty window for serve",
)

USER_PROFILES = Table(
    "user_profiles",
    (
        Column("user_id", "string"),
        Column("boundary", "int", doc="only events with index < boundary are known"),
        Column("raw", "array<double>", doc="numbers in the order of the config (names: facts.scalers); 0 for nothing"),
        Column("encoded", "array<float>", doc="signed log1p of raw, z-scored by train boundaries; facts.width numbers"),
    ),
    key=("user_id", "boundary"), grows="user_id", invariants=(("width", "size(raw) = size(encoded)"),),
    doc="point-in-time behaviour aggregates at every window's start and at the whole history, as of the last event",
)  # fmt: skip

ITEM_PROFILES = Table(
    "item_profiles",
    (
        Column("role", "string", doc="the aggregates know events before this role's cut"),
        Column("item_id", "string"),
        Column("events", "bigint"),
        Column("users", "bigint"),
        Column("events_7d", "bigint", True, "of the last 7 days before the cut; null where the cut has no time"),
        Column("events_28d", "bigint", True),
        Column("value", "bigint", True, "sum of value, minor units"),
        Column("repeat_users", "bigint", doc="users with two events or more"),
        Column("events_1d", "bigint", True),
        Column("events_90d", "bigint", True),
        Column("trend", "bigint", True, "rate of the last 7 days by that of the 28 before, an event a week added to "
               "each; in 2^-20"),
        Column("price", "bigint", True, "value by quantity of the events with a value, minor units, cut"),
        Column("repeat_rate", "bigint", True, "repeat_users by users, in 2^-20"),
    ),
    key=("role", "item_id"), minor=1,
    doc="point-in-time item aggregates at each role's cut; empty where profile.items is off",
)  # fmt: skip

SEQUENCES = Table(
    "sequences",
    (
        Column("role", "string"),
        Column("phase", "int"),
        Column("length", "int", doc="length class of the window arrays"),
        Column("before", "int", doc="length class of the arrays about items before the window"),
        Column("after", "int", doc="length class of the arrays about events after the window"),
        Column("file", "int", doc="hash file inside the class: one file = one row group"),
        Column("user_id", "string"),
        Column("user", "bigint", doc="xxhash64(seed, user_id): keys what is random per user"),
        Column("window", "int", doc="the user's windows of this role and phase, oldest first"),
        Column("place", "bigint", doc="xxhash64(seed, user_id, window's start): which file, and the order in it"),
        Column("n", "int", doc="real positions of the window; the rest is padding 0 at the end"),
        Column("items", "array<int>", doc="[length] catalogue index; 1 = unknown"),
        Column("types", "array<int>", doc="[length] event type id"),
        Column("times", "array<bigint>", doc="[length] seconds since 1970 UTC; 0 without a clock"),
        Column("ends", "array<int>", doc="[length] 1 where a group of equal times ends (always 1 without a clock)"),
        Column("n_before", "int"),
        Column("before_items", "array<int>", doc="[before] distinct known items before the window"),
        Column("before_counts", "array<int>", doc="[before] times each was there (0s for history: filter)"),
        Column("before_times", "array<bigint>", doc="[before] seconds of its last time there"),
        Column("before_decayed", "array<float>",
               doc="[before * half-lives] decayed counts at the window's first event, half-life by half-life"),
        Column("n_after", "int"),
        Column("after_items", "array<int>", doc="[after] later items: training labels / targets of the role"),
        Column("after_times", "array<bigint>"),
        Column("after_ends", "array<int>"),
        Column("cut", "bigint", doc="seconds where the role's history ends; 0 without a clock"),
        Column("static", "array<int>", doc="encoded demographics"),
        Column("profile", "array<float>", doc="encoded user profile at the window's start"),
    ),
    key=("user_id", "role", "phase", "window"),
    order=("place", "user_id", "window"),
    partitions=("role", "phase", "length", "before", "after", "file"),
    invariants=(
        ("items", "size(items) = length AND n <= length"),
        ("before", "size(before_items) = before AND n_before <= before"),
        ("after", "size(after_items) = after AND n_after <= after"),
    ),
    doc="integer sequences by length class: one file holds rows of ONE length, sorted by hash",
)  # fmt: skip
