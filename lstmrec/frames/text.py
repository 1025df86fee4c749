"""Words of an item as hash buckets (feature hashing; Weinberger et al. 2009): nothing to fit, new words have one."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from lstmrec.contracts.ids import FIRST

#: Letters and digits of any script, with the marks that belong to them.
_BETWEEN_WORDS = r"[^\p{L}\p{N}\p{M}]+"
_WORDS = 256


def buckets(text: Column, size: int, most: int) -> Column:
    """Text -> array<int>, sorted and distinct: 2 + hash bucket of its words and pairs of neighbours (of the first 256
    words), at most `most`, chosen by hash. Empty for null and where size is 0."""
    nothing = F.array().cast("array<int>")
    if size == 0:
        return nothing
    words = F.slice(F.filter(F.split(F.lower(text), _BETWEEN_WORDS), lambda w: w != ""), 1, _WORDS)
    pairs = F.zip_with(words, F.slice(words, 2, _WORDS), lambda a, b: F.concat(a, F.lit(" "), b))
    grams = F.array_distinct(F.concat(words, F.filter(pairs, lambda p: p.isNotNull())))
    hashes = F.slice(F.array_sort(F.transform(grams, lambda g: F.xxhash64(g))), 1, most)
    ids = F.transform(hashes, lambda h: (F.pmod(h, F.lit(size).cast("bigint")) + FIRST).cast("int"))
    return F.coalesce(F.array_sort(F.array_distinct(ids)), nothing)
