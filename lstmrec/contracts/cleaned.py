"""Tables of s1_clean and s2_split: what happened, and which rows are for what."""

from __future__ import annotations

from lstmrec.contracts.table import Column, Table

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
