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
        Column("reason", "string", doc="the rung of score.ladder; of recommenders that have none: history, or "
               "popularity where the user's own gave nothing"),
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
