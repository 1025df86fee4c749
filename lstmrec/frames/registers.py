"""Source rows of the items and the users in the words of the contracts: tags, words, numbers, vectors, attributes.

Unicode: NFC where `clean.unicode` says so, by the ICU library that Spark ships, and only for text that is not ASCII.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from lstmrec.config.clean import ItemSource, UserSource
from lstmrec.contracts.errors import ConfigError
from lstmrec.frames.conform import filled, hash_of, is_plain, null, source_row, text
from lstmrec.frames.names import Named, resolve

_BETWEEN = "\x01"  # between the members of an array while they are one text; a member's own becomes a blank


def conform_items(frame: DataFrame, source: ItemSource, unicode: str = "nfc") -> DataFrame:
    """Source rows -> the columns of ITEMS, `_row`, `_tie`, `_payload` (hash of all but the id), `_updated`, and the
    flags `_cut_tags`, `_cut_text`, `_bad_vector`.

    Tags `column=value`: composed, trimmed, lower case, sorted, distinct; an array, also of arrays, gives one tag a
    member. Numbers that are no finite number are missing, and so is a vector with such a number, or an empty one.
    ConfigError C304 for what has no such form (structs, maps), C308 for vectors that are no arrays of numbers.
    """
    wanted = {"item_id": source.item_id, "title": source.title, "updated": source.updated}
    wanted |= {f"tags.{c}": c for c in source.tags} | {f"text.{c}": c for c in source.text}
    wanted |= {f"numeric.{n}": c for n, c in source.numeric.items()}
    wanted |= {f"vectors.{n}": c for n, c in source.vectors.items()}
    named = resolve(frame, wanted, "clean.items")
    tags = [_tags(c, named[f"tags.{c}"], unicode) for c in source.tags]
    tags_all = F.array_sort(F.array_distinct(F.concat(F.array().cast("array<string>"), *tags)))
    words = [_words(named[f"text.{c}"], f"clean.items.text.{c}") for c in source.text]
    title = composed(_words(named["title"], "clean.items.title"), unicode) if "title" in named else null("string")
    numbers = {n: named[f"numeric.{n}"].column.try_cast("double") for n in source.numeric}
    vectors, bad = {}, F.lit(False)
    for n in source.vectors:
        vectors[n], unusable = _vector(named[f"vectors.{n}"], f"clean.items.vectors.{n}")
        bad = bad | unusable
    whole = frame.select(
        _id("item_id", named["item_id"], "clean.items.item_id"),
        title.alias("title"),
        tags_all.alias("tags"),
        filled(composed(F.concat_ws(" ", *words), unicode)).alias("text"),
        _map(numbers, "double", lambda v: v.isNotNull() & (F.abs(v) < float("inf"))).alias("numeric"),
        _map(vectors, "array<float>", lambda v: v.isNotNull()).alias("vectors"),
        bad.alias("_bad_vector"),
        (named["updated"].column if "updated" in named else null("bigint")).alias("_updated"),
        *source_row(frame),
    )
    most, longest = source.tags_max_per_item, source.max_text_length
    too_long = [F.coalesce(F.char_length(c) > longest, F.lit(False)) for c in ("title", "text")]
    cut = whole.withColumns({
        "_cut_tags": F.size("tags") > most, "_cut_text": too_long[0] | too_long[1],
        "tags": F.slice("tags", 1, most), "title": F.substring("title", 1, longest),
        "text": F.substring("text", 1, longest),
    })  # fmt: skip
    maps = [F.array_sort(F.map_entries(name)) for name in ("numeric", "vectors")]
    payload = [F.col("title"), F.col("tags"), F.col("text"), *maps]
    return cut.withColumn("_payload", hash_of(*payload))


def conform_users(frame: DataFrame, source: UserSource, unicode: str = "nfc") -> DataFrame:
    """Source rows -> the columns of USERS, `_row`, `_tie`, `_payload`, `_updated`. Blank attributes are unknown."""
    wanted = {"user_id": source.user_id, "updated": source.updated} | {f"attributes.{a}": a for a in source.attributes}
    named = resolve(frame, wanted, "clean.users")
    values = {
        a: filled(composed(text(named[f"attributes.{a}"], f"clean.users.attributes.{a}"), unicode))
        for a in source.attributes
    }
    whole = frame.select(
        _id("user_id", named["user_id"], "clean.users.user_id"),
        _map(values, "string", lambda v: v.isNotNull()).alias("attributes"),
        (named["updated"].column if "updated" in named else null("bigint")).alias("_updated"),
        *source_row(frame),
    )
    return whole.withColumn("_payload", hash_of(F.array_sort(F.map_entries("attributes"))))


def composed(column: Column, unicode: str = "nfc") -> Column:
    """The text in Unicode's composed form, so that é is one letter however it was typed."""
    if unicode == "as_is":
        return column
    # Spark has no function for this, but ICU, which it has for its collations, lies on every executor's class path.
    made = F.call_function("reflect", F.lit("com.ibm.icu.text.Normalizer"), F.lit("compose"), column, F.lit(False))
    return F.when(column.rlike("[^\\x{00}-\\x{7F}]"), made).otherwise(column)


def _id(name: str, named: Named, where: str) -> Column:
    return text(named, where).alias(name, metadata={"plain": is_plain(named)})


def _words(named: Named, where: str) -> Column:
    """Text to read; the members of an array one after the other."""
    if isinstance(named.kind, T.ArrayType):
        return F.concat_ws(" ", _flat(named).column.cast("array<string>"))
    return text(named, where)


def _tags(name: str, named: Named, unicode: str) -> Column:
    named = _flat(named)
    values = named.column if isinstance(named.kind, T.ArrayType) else F.array(named.column)
    inner = named.kind.elementType if isinstance(named.kind, T.ArrayType) else named.kind
    where = f"clean.items.tags.{name}"
    members = F.transform(values, lambda v: F.translate(text(Named(v, inner), where), _BETWEEN, " "))
    # As one text: Spark cannot call ICU inside a lambda.
    parts = F.split(F.lower(composed(F.array_join(members, _BETWEEN), unicode)), _BETWEEN)
    kept = F.filter(F.transform(parts, lambda v: F.trim(v)), lambda v: v != "")
    return F.coalesce(F.transform(kept, lambda v: F.concat(F.lit(f"{name}="), v)), F.array().cast("array<string>"))


def _flat(named: Named) -> Named:
    """Arrays of arrays as one array."""
    while isinstance(named.kind, T.ArrayType) and isinstance(named.kind.elementType, T.ArrayType):
        named = Named(F.flatten(F.filter(named.column, lambda v: v.isNotNull())), named.kind.elementType)
    return named


def _vector(named: Named, where: str) -> tuple[Column, Column]:
    """The vector, and whether there was one that could not be used."""
    if not isinstance(named.kind, T.ArrayType) or not isinstance(named.kind.elementType, T.NumericType):
        raise ConfigError("C308", f"{named.kind.simpleString()} is no array of numbers", where,
                          "cast it in SQL, or make the vector before")  # fmt: skip
    zero = F.lit(0.0).cast("float")  # -0.0 + 0.0 is 0.0: equal vectors hash alike
    made = F.transform(named.column, lambda v: v.try_cast("float") + zero)
    finite = F.forall(made, lambda v: F.coalesce(F.abs(v) < float("inf"), F.lit(False)))
    good, there = (F.size(named.column) > 0) & finite, named.column.isNotNull()
    return F.when(there & good, made), there & ~F.coalesce(good, F.lit(False))


def _map(values: dict[str, Column], kind: str, keep: Callable[[Column], Column]) -> Column:
    parts = [part for name, value in values.items() for part in (F.lit(name), value)]
    made = F.create_map(*parts) if parts else F.create_map()
    return F.map_filter(made.cast(f"map<string,{kind}>"), lambda _, v: keep(v))
