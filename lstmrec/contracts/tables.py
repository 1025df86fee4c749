"""Every table of the road, declared once. Standard library only: Spark, Arrow and numpy types derive from `kind`.

`kind` is a Spark DDL type (``bigint``, ``array<int>``, ``map<string,string>`` ...), so that a schema is the join of
`Column.ddl`; `contracts.kinds` turns the same words into Arrow and numpy types.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column: its name, kind, whether null may stand in it, and what it means (units included)."""

    name: str
    kind: str
    nullable: bool = False
    doc: str = ""

    @property
    def ddl(self) -> str:
        return f"`{self.name}` {self.kind}" + ("" if self.nullable else " NOT NULL")


@dataclass(frozen=True)
class Table:
    """A table's contract.

    key: columns whose values are unique together (empty: none). order: the columns rows are sorted by inside a group.
    invariants: name -> SQL that must hold for every row, checked in the one pass of `store.checks`. partitions:
    columns that become folders. major moves when old readers break, minor when a nullable column is added.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    invariants: tuple[tuple[str, str], ...] = ()
    partitions: tuple[str, ...] = ()
    major: int = 1
    minor: int = 0
    doc: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    @property
    def ddl(self) -> str:
        return ", ".join(c.ddl for c in self.columns)

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)


ROLES = ("train", "validation", "test", "serve")

#: The total order of a user's events: never the item id (ties sorted by item inflate NDCG).
EVENT_ORDER = ("time", "event_id", "position", "row_hash")

_EVENT = (
    Column("user_id", "string", doc="who"),
    Column("item_id", "string", doc="what"),
    Column("event_type", "string", doc="what they did with it"),
    Column("time", "bigint", True, "microseconds since 1970 UTC; null where the source has only an order"),
    Column("event_id", "string", True, "the source's own id of the event"),
    Column("position", "bigint", True, "the source's own order; time or position is there"),
    Column("value", "bigint", True, "worth of the event in minor units (cents), so that sums are exact"),
    Column("quantity", "bigint", True, "how many"),
    Column("row_hash", "bigint", doc="xxhash64 of the row's columns: the last tie-breaker"),
)
_ORDERED = ("ordered", "time IS NOT NULL OR position IS NOT NULL")

EVENTS = Table(
    "events", _EVENT, key=("user_id", "item_id", *EVENT_ORDER), order=EVENT_ORDER, invariants=(_ORDERED,),
    doc="cleaned events: one row is one thing a user did",
)  # fmt: skip

REJECTS = Table(
    "rejects",
    (
        Column("source", "string", doc="events, items or users"),
        Column("reject_reason", "string", doc="the rule that refused the row"),
        Column("value", "string", True, "the value the rule looked at"),
        Column("row", "string", doc="the source row as JSON"),
    ),
    doc="refused rows, none lost: rows in = out + rejects",
)

ITEMS = Table(
    "items",
    (
        Column("item_id", "string"),
        Column("title", "string", True, "for people"),
        Column("tags", "array<string>", doc="normalised tags, `name=value` where a name is known; sorted"),
        Column("text", "string", True, "words to read"),
        Column("numeric", "map<string,double>", doc="finite numbers; absent = missing"),
    ),
    key=("item_id",),
    doc="the catalogue as the source gives it",
)

USERS = Table(
    "users",
    (
        Column("user_id", "string"),
        Column("attributes", "map<string,string>", doc="demographics; absent = unknown"),
    ),
    key=("user_id",),
    doc="everybody with a profile row or an event: whom s7 must score",
)

SPLIT = Table(
    "split",
    (
        *_EVENT,
        Column("role", "string", doc="train, validation or test: the first role whose rows the event is"),
        Column("index", "int", doc="0-based place in the user's whole history, by the total order"),
    ),
    key=("user_id", "index"), order=("index",),
    invariants=(_ORDERED, ("role", "role IN ('train', 'validation', 'test')"), ("index", "index >= 0")),
    doc="events with their role; the history of a role is every event of an earlier role",
)  # fmt: skip

CUTS = Table(
    "cuts",
    (
        Column("role", "string"),
        Column("time", "bigint", True, "microseconds; the history of this role ends before it; null: by position"),
        Column("rule", "string", doc="how the cut was made, in words"),
        Column("users", "bigint", doc="users with events of this role (serve: with any event)"),
        Column("events", "bigint"),
    ),
    key=("role",), invariants=(("role", "role IN ('train', 'validation', 'test', 'serve')"),),
    doc="where each role's history ends",
)  # fmt: skip

VOCABULARY = Table(
    "vocabulary",
    (
        Column("feature", "string", doc="`tag`, `event_type`, or `user:NAME` of a demographic"),
        Column("value", "string"),
        Column("id", "int", doc="from 2 by falling train count, then value"),
        Column("count", "bigint", doc="train rows that hold it"),
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
    ),
    key=("feature",), invariants=(("scale", "scale > 0"),),
    doc="numeric scaling, fitted on items of train rows",
)  # fmt: skip

ENCODED_ITEMS = Table(
    "encoded_items",
    (
        Column("item", "int", doc="place in the catalogue, from 2 by falling train count, then hash of the id"),
        Column("item_id", "string"),
        Column("title", "string", True),
        Column("id", "int", doc="embedding row: `item` itself where trained, else 1 (unknown)"),
        Column("count", "bigint", doc="train events"),
        Column("tags", "array<int>", doc="tag ids"),
        Column("text", "array<int>", doc="hashed n-gram buckets, from 2"),
        Column("numeric", "array<float>", doc="scaled values, then as many missing indicators (1 = missing)"),
    ),
    key=("item",), invariants=(("item", "item >= 2"), ("id", "id = 1 OR id = item")),
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
    invariants=(("range", "start >= 0 AND stop >= start AND stop <= history"),),
    doc="window boundaries: a user with no event has one empty window for serve",
)

USER_PROFILES = Table(
    "user_profiles",
    (
        Column("user_id", "string"),
        Column("boundary", "int", doc="only events with index < boundary are known"),
        Column("raw", "array<double>", doc="aggregates in the order of the config; 0 for no events"),
        Column("encoded", "array<float>", doc="log1p of raw, z-scored by train boundaries"),
    ),
    key=("user_id", "boundary"),
    doc="point-in-time behaviour aggregates at every window's start and at the whole history",
)

ITEM_PROFILES = Table(
    "item_profiles",
    (
        Column("role", "string", doc="the aggregates know events before this role's cut"),
        Column("item_id", "string"),
        Column("events", "bigint"),
        Column("users", "bigint"),
        Column("events_7d", "bigint", True, "null without a clock"),
        Column("events_28d", "bigint", True),
        Column("value", "bigint", True, "sum of value, minor units"),
        Column("repeat_users", "bigint", doc="users with two events or more"),
    ),
    key=("role", "item_id"),
    doc="point-in-time item aggregates at each role's cut",
)

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

BUNDLE = Table("bundle", (), doc="the model: weights.safetensors, model.json, log.jsonl")

ITEM_VECTORS = Table(
    "item_vectors",
    (
        Column("item", "int"),
        Column("item_id", "string"),
        Column("vector", "array<float>"),
        Column("bias", "float"),
    ),
    key=("item",),
    doc="the item tower's output for today's catalogue",
)

RECOMMENDATIONS = Table(
    "recommendations",
    (
        Column("recommender", "string"),
        Column("role", "string"),
        Column("user_id", "string"),
        Column("items", "array<struct<item_id:string,score:float,rank:int>>", doc="best first, rank from 1"),
        Column("reason", "string", doc="the rung of the ladder: full_history, short_history, profile_only, popularity"),
        Column("because", "array<string>", True, "events behind the list, where asked for"),
        Column("history", "int", doc="events of the user before the role's cut"),
        Column("model", "string", doc="digest of what scored: the bundle's, or of the fitted tables"),
        Column("as_of", "bigint", doc="microseconds"),
    ),
    key=("recommender", "role", "user_id"), partitions=("recommender", "role"),
    invariants=(
        ("ranks", "forall(transform(items, (x, i) -> x.rank = i + 1), t -> t)"),
        ("scores", "forall(items, x -> NOT isnan(x.score) AND abs(x.score) < 3e38)"),
        ("distinct", "size(array_distinct(transform(items, x -> x.item_id))) = size(items)"),
    ),
    doc="one ranked list per recommender, role and user",
)  # fmt: skip

METRICS = Table(
    "metrics",
    (
        Column("recommender", "string"),
        Column("role", "string"),
        Column("slice", "string", doc="`all`, `repeat`, `explore`, or a group of users"),
        Column("metric", "string"),
        Column("k", "int"),
        Column("value", "double"),
        Column("low", "double", doc="2.5 % of the bootstrap over users"),
        Column("high", "double", doc="97.5 %"),
        Column("users", "bigint"),
        Column("protocol", "string", doc="split, seen filter, ties, users, inputs"),
    ),
    key=("recommender", "role", "slice", "metric", "k"),
    doc="ranking metrics with intervals",
)

REPORT = Table("report", (), doc="report.html, facts.json, metrics.json")

ALL = (
    EVENTS, REJECTS, ITEMS, USERS, SPLIT, CUTS, VOCABULARY, SCALERS, ENCODED_ITEMS, ENCODED_USERS, WINDOWS,
    USER_PROFILES, ITEM_PROFILES, SEQUENCES, BUNDLE, ITEM_VECTORS, RECOMMENDATIONS, METRICS, REPORT,
)  # fmt: skip


def table(name: str) -> Table:
    """The contract called `name`; KeyError where there is none."""
    return {t.name: t for t in ALL}[name]
