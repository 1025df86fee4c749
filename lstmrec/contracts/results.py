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
        Column("digest", "bigint", True, "of vector and bias: whether an item moved is seen without its numbers"),
        Column("fed", "bigint", True, "digest of input, or of vector where that is null"),
    ),
    key=("item",), grows="item_id", minor=2,
    doc="the item tower's output for today's catalogue. In carry modes a version may hold the items that moved alone",
)  # fmt: skip

USER_STATES = Table(
    "user_states",
    (
        Column("user_id", "string"),
        Column("events", "int", doc="that the state has been fed"),
        Column("last", "bigint", doc="seconds of the last of them; 0 without one, or without a clock"),
        Column("fed", "bigint", doc="digest of them: places, items known, what these are fed as, types, times"),
        Column("static", "bigint", doc="digest of the demographics it starts from and of the user's segment"),
        Column("state", "binary", doc="h and c of each layer, as float32 one after the other, little-endian"),
        Column("query", "binary", doc="the user vector, likewise: one by one they cost an update much"),
        Column("items", "array<struct<item_id:string,score:double>>", doc="the best score.k + score.margin, "
               "best first; fewer where items left"),
        Column("complete", "boolean", doc="there is no further item that the user could be shown"),
    ),
    key=("user_id",), major=2,
    doc="carry modes: what tomorrow goes on from. A version holds the users that moved; facts.chain names the versions "
        "before it that hold the others, oldest first; facts.unknown, items that they had and the catalogue has not",
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
        Column("variant", "string", True, "where variants are configured, on the one row of role serve that its user "
               "is to be shown: the user's variant; null on all others"),
    ),
    key=("recommender", "role", "user_id"), partitions=("recommender", "role"), minor=2,
    invariants=(
        ("ranks", "forall(transform(items, (x, i) -> x.rank = i + 1), t -> t)"),
        ("scores", "forall(items, x -> NOT isnan(x.score) AND abs(x.score) < 3e38)"),
        ("distinct", "size(array_distinct(transform(items, x -> x.item_id))) = size(items)"),
        ("reasons", "reasons IS NULL OR size(reasons) = size(items)"),
    ),
    doc="one ranked list per recommender, role and user",
)  # fmt: skip

LABELS = Table(
    "labels",
    (
        Column("user_id", "string"),
        Column("position", "int", doc="index of the event in the user's history, from 0"),
        Column("item_id", "string"),
        Column("role", "string", doc="of the event: the model was trained on those of train, and flatters them"),
        Column("rank", "int", True, "of the item among all that could have been shown just before, from 1; null where "
               "it could not be shown (unknown, or hidden by sequence.history: filter) and at a window's first event "
               "if it is not the history's"),
        Column("surprise", "double", True, "-log of the item's probability under the softmax over those, in nats; "
               "null as rank"),
        Column("time", "bigint", True, "microseconds; null without a clock"),
    ),
    key=("user_id", "position"),
    invariants=(("rank", "(rank IS NULL) = (surprise IS NULL) AND coalesce(rank >= 1 AND surprise >= -1e-6, true)"),),
    doc="by `lstmrec label`: what the model thought of the last sequence.max_length events of everybody",
)  # fmt: skip

CANDIDATES = Table(
    "candidates",
    (
        Column("role", "string"),
        Column("user_id", "string"),
        Column("item_id", "string"),
        Column("label", "int", True, "1: the user had the item in the role's own events, after the cut; null for "
               "serve"),
        Column("scores", "array<float>", doc="by facts.recommenders; null where one has not listed the item"),
        Column("ranks", "array<int>", doc="likewise, from 1"),
        Column("had", "int", doc="events of the user with the item before the cut"),
        Column("days_since", "double", True, "from the last of them to the cut"),
        Column("history", "int", doc="events of the user before the cut"),
        Column("user", "array<double>", True, "numbers of the user's profile at the cut, by facts.user"),
        Column("static", "array<int>", True, "encoded demographics; 1 = unknown"),
        Column("item", "array<double>", True, "numbers of the item's profile at the cut, by facts.item; null for an "
               "item without an event before it, or where profile.items is off"),
    ),
    key=("role", "user_id", "item_id"), partitions=("role",),
    invariants=(
        ("label", "(label IS NULL) = (role = 'serve') AND coalesce(label IN (0, 1), true)"),
        ("nominated", "exists(ranks, r -> r IS NOT NULL) AND size(ranks) = size(scores)"),
    ),
    doc="by `lstmrec candidates`: the union of the recommenders' lists, for a re-ranker",
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

JUDGED = Table(
    "judged", METRICS.columns, key=METRICS.key,
    doc="flow daily: lists that were published (role serve), by what users did from their as_of to this one",
)  # fmt: skip

REPORT = Table("report", (), doc="report.html, facts.json, metrics.json")
