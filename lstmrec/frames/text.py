"""Words of an item as hash buckets (feature hashing; Weinberger et al. 2009): nothing to fit, new words have one."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from lstmrec.contracts.ids import FIRST

_CHARACTERS = 65_536  # of a text are read: one of 10 MB costs no more
_MARKUP = r"<[^<>]{1,4096}>|&#?[a-zA-Z0-9]{1,32};"
#: Letters and digits of any script, with the marks that belong to them.
_BETWEEN_WORDS = r"[^\p{L}\p{N}\p{M}]+"
_WORDS = 256
_WORD = 64  # characters of a word that are cut into n-grams


def buckets(text: Column, size: int, most: int, chars: tuple[int, int] | None = None) -> Column:
    """Text -> array<int>, sorted and distinct: 2 + hash bucket of its words and pairs of neighbours (of the first 256
    words), at most `most`, chosen by hash; with `chars`, as many of the words' character n-grams of these lengths,
    `<` and `>` around each word (Bojanowski et al. 2017, section 3.2). Markup is no text. Empty for null and where
    size is 0."""
    nothing = F.array().cast("array<int>")
    if size == 0:
        return nothing
    plain = F.regexp_replace(F.substring(text, 1, _CHARACTERS), _MARKUP, " ")
    words = F.slice(F.filter(F.split(F.lower(plain), _BETWEEN_WORDS), lambda w: w != ""), 1, _WORDS)
    pairs = F.zip_with(words, F.slice(words, 2, _WORDS), lambda a, b: F.concat(a, F.lit(" "), b))
    kept = _chosen(F.concat(words, F.filter(pairs, lambda p: p.isNotNull())), most)
    if chars is not None:
        grams = F.flatten(F.transform(F.array_distinct(words), lambda w: _grams(w, *chars)))
        kept = F.concat(kept, _chosen(grams, most))
    ids = F.transform(kept, lambda h: (F.pmod(h, F.lit(size).cast("bigint")) + FIRST).cast("int"))
    return F.coalesce(F.array_sort(F.array_distinct(ids)), nothing)


def _chosen(grams: Column, most: int) -> Column:
    return F.slice(F.array_sort(F.transform(F.array_distinct(grams), lambda g: F.xxhash64(g))), 1, most)


def _grams(word: Column, least: int, longest: int) -> Column:
    """Every piece of `<word>` of these lengths, after a `#` that keeps it apart from a word of the same letters."""
    whole = F.concat(F.lit("<"), F.substring(word, 1, _WORD), F.lit(">"))
    return F.concat(*[_pieces(whole, n) for n in range(least, longest + 1)])


def _pieces(whole: Column, n: int) -> Column:
    starts = F.sequence(F.lit(1), F.length(whole))
    pieces = F.transform(starts, lambda i: F.concat(F.lit("#"), F.substring(whole, i, F.lit(n))))
    return F.filter(pieces, lambda g: F.length(g) == n + 1)  # those at the end of the word are shorter
