"""Tables of s1_clean and s2_split: what happened, and which rows are for what."""

from __future__ import annotations

from lstmrec.contracts.table import Column, Table

ROLES = ("train", "validation", "test", "serve")

#: Role -> the roles of the events its history holds. `context`: earlier events of users held out of training.
HISTORY = {
    "train": ("train",), "validation": ("train", "context"), "test": ("train", "context", "validation"),
    "serve": ("train", "context", "validation", "test"),
}  # fmt: skip

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

#: Reject reasons no row is to blame for: told twice, or chosen by the config. The share of refused rows omits them.
CHOSEN = frozenset({
    "duplicate", "duplicate_event_id", "cancellation", "cancelled", "double_click", "consecutive_repeat", "zero_weight",
    "over_cap", "bot", "rare_item", "rare_user",
})  # fmt: skip

_ORDERED = ("ordered", "time IS NOT NULL OR position IS NOT NULL")

EVENTS = Table(
    "events",
    (
        *_EVENT,
        Column("weight", "bigint", True, "weight of the event's type in units of 2^-20; null = 1"),
        Column("session", "string", True, "the source's session, or the 0-based number of the user's session"),
    ),
    key=("user_id", "item_id", *EVENT_ORDER), order=EVENT_ORDER, cluster=("user_id",), grows="user_id",
    invariants=(_ORDERED,), minor=1,
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
        Column("vectors", "map<string,array<float>>", True, "named vectors of finite numbers; absent = missing"),
    ),
    key=("item_id",),
    minor=2,
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

CORE = Table(
    "core",
    (
        Column("kind", "string", doc="user, item or bound"),
        Column("id", "string", doc="the user's or item's id, or the bound's name"),
        Column("events", "bigint", doc="events it was judged by, all before `clean.fit_before`; a bound's value"),
        Column("kept", "boolean", doc="false: every event of this id is refused; ids that are not here are kept"),
        Column("reason", "string", True, "why it is not kept: rare_item, rare_user or bot"),
    ),
    key=("kind", "id"),
    invariants=(("kind", "kind IN ('user', 'item', 'bound')"), ("reason", "kept = (reason IS NULL)")),
    doc="who is in the core: fitted once, applied to later events (empty where nothing of it is asked for)",
)  # fmt: skip

SPLIT = Table(
    "split",
    (
        *_EVENT,
        Column("role", "string", doc="train, validation or test: the first role whose rows the event is; context: "
               "what a user held out of training did before the cut, known but never learnt from"),
        Column("index", "int", doc="0-based place in the user's whole history, by the total order, without what the "
               "split withholds"),
    ),
    key=("user_id", "index"), order=("index",), cluster=("user_id",), grows="user_id",
    invariants=(_ORDERED, ("role", "role IN ('train', 'context', 'validation', 'test')"), ("index", "index >= 0")),
    minor=1, doc="events with their role; the history of a role is every event of an earlier role (HISTORY)",
)  # fmt: skip

CUTS = Table(
    "cuts",
    (
        Column("role", "string"),
        Column("time", "bigint", True, "microseconds; the history of this role ends before it; null: by position"),
        Column("rule", "string", doc="how the cut was made, in words"),
        Column("users", "bigint", doc="users with events of this role (serve: with any event)"),
        Column("events", "bigint"),
        Column("start", "bigint", True, "microseconds; the role's own events begin there, after the gap; null: by "
               "position, and for train"),
    ),
    key=("role",), invariants=(("role", "role IN ('train', 'validation', 'test', 'serve')"),),
    minor=1, doc="where each role's history ends",
)  # fmt: skip

SEEN = Table(
    "seen",
    (
        Column("kind", "string", doc="user or item"),
        Column("id", "string"),
        Column("first_role", "string", doc="the earliest role of its events: train, context, validation, test"),
        Column("train", "bigint", doc="train events"),
        Column("events", "bigint", doc="events of any role"),
        Column("warm", "boolean", doc="training knows it"),
    ),
    key=("kind", "id"), invariants=(("kind", "kind IN ('user', 'item')"), ("warm", "warm = (train > 0)")),
    doc="warm and cold users and items (empty with split.labels: false)",
)  # fmt: skip
