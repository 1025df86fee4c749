"""`score.filters` as frames: which items a list may hold, whom they are for, what stands first, whose items are hidden.

The rules are one row an item of the catalogue: item, item_id, everybody (shown to users of any segment), segments (to
whom else), pin (a place in every list where it may be shown; such an item is never ranked), caps (numbers from 1 of the
tags it has of which a list holds only so many).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstmrec.config.score import Eligible, ItemTable, PinTable
from lstmrec.contracts.units import DAY_S
from lstmrec.frames.conform import filled, text, whole
from lstmrec.frames.names import kept, resolve
from lstmrec.frames.registers import composed

_SECOND_US = 1_000_000
_ITEM = "item_id string, segment string, pin int"


def named(frame: DataFrame, source: ItemTable, key: str, unicode: str) -> DataFrame:
    """Rows of a table of items as item_id, segment (null: everybody), pin. DataError D304 and ConfigError C303 as for
    any source."""
    frame = kept(frame, source.where, key)
    wanted: dict[str, str | None] = {"item_id": source.item_id}
    if isinstance(source, Eligible):
        wanted["segment"] = source.segment
    if isinstance(source, PinTable):
        wanted["position"] = source.position
    found = resolve(frame, wanted, key)
    segment, pin = F.lit(None).cast("string"), F.lit(None).cast("int")
    if "segment" in found:
        segment = filled(composed(text(found["segment"], f"{key}.segment"), unicode))
    if "position" in found:
        pin = whole(found["position"]).try_cast("int")
    ids = text(found["item_id"], f"{key}.item_id")
    return frame.select(ids.alias("item_id"), segment.alias("segment"), pin.alias("pin"))


def listed(like: DataFrame, items: Mapping[str, int] | Sequence[str]) -> DataFrame:
    """Ids of the config (with places, where it gives them) as such rows."""
    pins = items if isinstance(items, Mapping) else dict.fromkeys(items)
    return like.sparkSession.createDataFrame([(i, None, pin) for i, pin in pins.items()], _ITEM)


def tags(items: DataFrame, per_tag: Mapping[str, int]) -> DataFrame:
    """tag, key of `per_tag` that it falls under: the distinct capped tags of ITEMS."""
    every = items.select(F.explode("tags").alias("tag")).distinct()
    name = F.substring_index("tag", "=", 1)
    key = F.when(F.col("tag").isin(list(per_tag)), F.col("tag")).when(name.isin(list(per_tag)), name)
    if "*" in per_tag:
        key = F.coalesce(key, F.lit("*"))
    return every.select("tag", key.alias("key")).where(F.col("key").isNotNull())


def rules(catalogue: DataFrame, items: DataFrame, found: Mapping[str, DataFrame], capped: Sequence[str]) -> DataFrame:
    """The rules about every item of ENCODED_ITEMS. found: `eligible`, `banned`, `pinned`, where there are any, as
    `named` makes them; capped: the capped tags, whose numbers are 1, 2 ..."""
    rows = catalogue.select("item", "item_id")
    everybody: Column = F.lit(True)
    segments: Column = F.array().cast("array<string>")
    if "eligible" in found:
        whom = found["eligible"].groupBy("item_id").agg(
            F.max(F.col("segment").isNull()).alias("all"), F.sort_array(F.collect_set("segment")).alias("some")
        )  # fmt: skip
        rows = rows.join(whom, "item_id", "left")
        everybody = F.coalesce("all", F.lit(False))
        segments = F.when(everybody | F.col("some").isNull(), segments).otherwise(F.col("some"))
    if "banned" in found:
        banned = found["banned"].select("item_id", F.lit(True).alias("banned")).distinct()
        rows = rows.join(banned, "item_id", "left")
        free = F.col("banned").isNull()
        everybody, segments = everybody & free, F.when(free, segments).otherwise(F.array().cast("array<string>"))
    pin: Column = F.lit(None).cast("int")
    if "pinned" in found:
        rows = rows.join(found["pinned"].groupBy("item_id").agg(F.min("pin").alias("place")), "item_id", "left")
        pin = F.when(everybody | (F.size(segments) > 0), F.col("place"))
    caps: Column = F.array().cast("array<int>")
    if capped:
        numbers = rows.sparkSession.createDataFrame([(tag, i + 1) for i, tag in enumerate(capped)], "tag string, n int")
        tagged = items.select("item_id", F.explode(F.array_distinct("tags")).alias("tag"))
        of = tagged.join(F.broadcast(numbers), "tag", "inner").groupBy("item_id")
        rows = rows.join(of.agg(F.sort_array(F.collect_list("n")).alias("n")), "item_id", "left")
        caps = F.coalesce("n", caps)
    return rows.select("item", "item_id", everybody.alias("everybody"), segments.alias("segments"), pin.alias("pin"),
                       caps.alias("caps"))  # fmt: skip


def unknown(catalogue: DataFrame, found: Mapping[str, DataFrame]) -> DataFrame:
    """key, ids (distinct ones that the catalogue has not), some (up to five), of the tables of items."""
    parts = [frame.select(F.lit(key).alias("key"), "item_id").distinct() for key, frame in found.items()]
    every = reduce(DataFrame.unionByName, parts)
    lost = every.join(catalogue.select("item_id"), "item_id", "left_anti")
    some = F.slice(F.sort_array(F.collect_list(F.coalesce("item_id", F.lit("null")))), 1, 5)
    return lost.groupBy("key").agg(F.count(F.lit(1)).alias("ids"), some.alias("some"))


def segments(users: DataFrame, attribute: str, name: str) -> DataFrame:
    """user_id, the user's value of an attribute under `name`; users without it are left out."""
    return users.select("user_id", F.get(F.array(F.col("attributes")[attribute]), F.lit(0)).alias(name)).where(
        F.col(name).isNotNull()
    )


def hidden(history: DataFrame, seen: str | int, cut_us: int | None) -> DataFrame | None:
    """(user_id, item_id), distinct: what the user had, of the whole history or of the last `seen` days before the cut
    (to the second; without a cut: before the user's last event); None where nothing is hidden."""
    if seen == "none":
        return None
    if seen == "history":
        return history.select("user_id", "item_id").distinct()
    unit = F.lit(_SECOND_US)
    second = F.call_function("div", F.col("time") - F.pmod(F.col("time"), unit), unit)
    last = history.groupBy("user_id", "item_id").agg(F.max(second).alias("last"))
    if cut_us is not None:
        until = F.lit(cut_us // _SECOND_US)
    else:
        ends = history.groupBy("user_id").agg(F.max(second).alias("until"))
        last, until = last.join(ends, "user_id", "inner"), F.col("until")
    return last.where(F.col("last") >= until - int(seen) * DAY_S).select("user_id", "item_id")


def hidden_lists(history: DataFrame, catalogue: DataFrame, seen: str | int, cut_us: int | None, net_hides: bool
                 ) -> DataFrame | None:  # fmt: skip
    """user_id, hidden (items not to show), for the worker; None where the net's own history term says just that: it
    hides the history (net_hides), or nothing."""
    pairs = hidden(history, seen, cut_us)
    if seen == ("history" if net_hides else "none"):
        return None
    if pairs is None:
        return history.sparkSession.createDataFrame([], "user_id string, hidden array<int>")
    numbered = pairs.join(catalogue.select("item_id", "item"), "item_id", "inner")
    return numbered.groupBy("user_id").agg(F.sort_array(F.collect_list("item")).alias("hidden"))


def with_pins(lists: DataFrame, pins: Sequence[tuple[int, str, bool, Sequence[str]]], whom: DataFrame | None, k: int
              ) -> DataFrame:  # fmt: skip
    """Lists (user_id, items ...) with pinned items on top: each at its place, or last where the list is shorter, with
    the score of the item it stands in for; what is pushed beyond k is cut off.

    pins: (place, item_id, everybody, segments); whom: user_id, segment.
    """
    if not pins:
        return lists
    columns, kind = lists.columns, lists.schema["items"].dataType
    lists = lists.withColumn("segment", F.lit("")) if whom is None else lists.join(whom, "user_id", "left")
    # Of one place the ids are put in from the last to the first: each pushes back the one before.
    order = sorted(sorted(pins, key=lambda p: p[1], reverse=True), key=lambda p: p[0])
    literals = [
        F.struct(F.lit(place).alias("place"), F.lit(item).alias("item_id"), F.lit(everybody).alias("everybody"),
                 F.array(*[F.lit(s) for s in some]).cast("array<string>").alias("segments"))
        for place, item, everybody, some in order
    ]  # fmt: skip

    def put(made: Column, pin: Column) -> Column:
        place = pin["place"]
        last = F.element_at(F.when(F.size(made) > 0, made), -1)["score"]
        score = F.coalesce(F.get(made, place - 1)["score"], last, F.lit(0.0).cast("float"))
        one = F.struct(pin["item_id"].alias("item_id"), score.alias("score"), F.lit(0).alias("rank"))
        here = pin["everybody"] | F.coalesce(F.array_contains(pin["segments"], F.col("segment")), F.lit(False))
        with_it = F.concat(F.slice(made, F.lit(1), place - 1), F.array(one), F.slice(made, place, F.lit(k)))
        return F.when(here, with_it.cast(kind)).otherwise(made)

    made = F.aggregate(F.array(*literals), F.col("items").cast(kind), put)
    ranked = F.transform(
        F.slice(made, 1, k),
        lambda x, i: F.struct(x["item_id"].alias("item_id"), x["score"].alias("score"), (i + 1).alias("rank")),
    )
    return lists.withColumn("items", ranked.cast(kind)).select(*columns)
