"""Tables of s6_train to s9_report: the model, its lists, what they are worth."""

from __future__ import annotations

from lstmrec.contracts.table import Column, Table

BUNDLE = Table("bundle", (), doc="the model: weights.safetensors, model.json, log.jsonl")

ITEM_VECTORS = Table(
    "item_vectors",
    (
        Column("item", "int"),
        Column("item_id", "string"),
        Column("vector", "array<float>"),
        Column("bias", "float"),
        Column("input", "array<float>", True, "carry modes: the vector that states were fed, where it is another; an "
               "item keeps the first one for as long as the bundle lives"),
        Column("whom", "array<string>", True, "carry modes: segments that may be shown the item; null: everybody"),
    ),
    key=("item",), minor=1,
    doc="the item tower's output for today's catalogue",
)  # fmt: skip

USER_STATES = Table(
    "user_states",
    (
        Column("user_id", "string"),
        Column("events", "int", doc="that the state has been fed"),
        Column("last", "bigint", doc="seconds of the last of them; 0 without one, or without a clock"),
        Column("fed", "bigint", doc="digest of them, as the net sees them"),
        Column("static", "bigint", doc="digest of the demographics it starts from and of the user's segment"),
        Column("state", "array<float>", doc="h and c of each layer"),
        Column("query", "array<float>", doc="the user vector"),
        Column("items", "array<struct<item_id:string,score:double>>", doc="the best score.k + score.margin, "
               "best first; fewer where items left"),
        Column("complete", "boolean", doc="there is no further item that the user could be shown"),
    ),
    key=("user_id",),
    doc="carry modes: what tomorrow goes on from. A version holds the users that moved; facts.chain names the versions "
        "before it that hold the others, oldest first",
)  # fmt: skip

RECOMMENDATIONS = Table(
    "recommendations",
    (
        Column("recommender", "string"),
        Column("role", "string"),
        Column("user_id", "string"),
        Column("items", "array<struct<item_id:string,score:float,rank:int>>", doc="best first, rank from 1"),
        Column("reason", "string", doc="the rung of score.ladder; of recommenders that have none: history, or "
               "popularity where the user's own gave nothing"),
        Column("because", "array<string>", True, "items of the past events behind the list as a whole, strongest "
               "first; null where it is not the model's, or was not asked for (score.because)"),
        Column("history", "int", doc="events of the user before the role's cut"),
        Column("model", "string", doc="digest of what scored: the bundle's, or of the fitted tables"),
        Column("as_of", "bigint", doc="microseconds"),
        Column("reasons", "array<array<struct<item_id:string,influence:float>>>", True, "for each of items: the past "
               "events' items it owes its score to, strongest first, and what the score loses without the event; empty "
               "where nothing holds it up (a pinned item, a user without events); null as because"),
    ),
    key=("recommender", "role", "user_id"), partitions=("recommender", "role"), minor=1,
    invariants=(
        ("ranks", "forall(transform(items, (x, i) -> x.rank = i + 1), t -> t)"),
        ("scores", "forall(items, x -> NOT isnan(x.score) AND abs(x.score) < 3e38)"),
        ("distinct", "size(array_distinct(transform(items, x -> x.item_id))) = size(items)"),
        ("reasons", "reasons IS NULL OR size(reasons) = size(items)"),
    ),
    doc="one ranked list per recommender, role and user",
)  # fmt: skip

METRICS = Table(
    "metrics",
    (
        Column("recommender", "string"),
        Column("role", "string"),
        Column("slice", "string", doc="`all`, `repeat`, `explore`, or FAMILY:GROUP of users or of targets"),
        Column("metric", "string"),
        Column("k", "int"),
        Column("value", "double"),
        Column("low", "double", doc="2.5 % of the bootstrap over users; the value where a figure is no mean over them"),
        Column("high", "double", doc="97.5 %"),
        Column("users", "bigint"),
        Column("protocol", "string", doc="split, seen filter, ties, users, inputs"),
    ),
    key=("recommender", "role", "slice", "metric", "k"),
    doc="ranking metrics with intervals, and what lists show beyond hits",
)

REPORT = Table("report", (), doc="report.html, facts.json, metrics.json")
