"""Text of any script, length or markup becomes a bounded bag of buckets."""

from __future__ import annotations

from typing import Any

import pytest

from lstmrec.frames import text

SIZE = 1 << 20


@pytest.fixture(scope="module")
def bags(spark: Any) -> Any:
    def of(rows: list[str | None], most: int = 500, chars: tuple[int, int] | None = None, size: int = SIZE) -> Any:
        frame = spark.createDataFrame([(r,) for r in rows], "t string").coalesce(1)
        return [r[0] for r in frame.select(text.buckets(frame["t"], size, most, chars)).collect()]

    return of


def test_words_become_buckets(bags: Any) -> None:
    rows = ["Red, red TEA!", "red tea red", "日本 ünï", "", None, " ".join(f"w{n}" for n in range(400))]
    found = bags(rows, 5)
    assert found[0] != found[1] and len(found[0]) == 4  # red, tea, 'red red', 'red tea'
    assert [len(f) for f in found] == [4, 4, 3, 0, 0, 5]
    assert found == [sorted(set(f)) for f in found] and bags(rows, 5, size=0) == [[]] * 6


def test_pieces_of_words(bags: Any) -> None:
    """By plain Python: pieces of `<word>` are hashed as words are, each bucket is that of the piece's own text."""
    words, pieces = bags(["tea", "teas tea"]), bags(["tea", "teas tea"], chars=(3, 4))
    grams = {w: {f"<{w}>"[i : i + n] for n in (3, 4) for i in range(len(w) + 3 - n)} for w in ("tea", "teas")}
    assert [len(p) - len(w) for w, p in zip(words, pieces, strict=True)] == [
        len(grams["tea"]), len(grams["tea"] | grams["teas"])
    ]  # fmt: skip
    assert set(words[0]) < set(pieces[0]) and set(pieces[0]) <= set(pieces[1])
    short, none = bags(["a", ""], chars=(3, 5))
    assert (len(short), none) == (2, [])  # 'a' itself and '<a>'
    assert len(bags(["a long sentence of many words"], 3, chars=(2, 6))[0]) == 6  # as many pieces as words


def test_markup_is_no_text(bags: Any) -> None:
    plain, html, script = bags(["red tea < 5 & more", "<p class='big'>Red&nbsp;<b>tea</b> &lt; 5 &#38; more</p>",
                                "<<red>> tea < 5 & more"])  # fmt: skip
    assert plain == html and script != []


def test_ten_megabytes_cost_no_more_than_their_beginning(bags: Any) -> None:
    long, cut, one_word = bags(["ab " * 3_500_000 + "z", "ab " * 20_000, "x" * 10_000_000], chars=(3, 3))
    assert long == cut != [] and len(one_word) == 4  # itself, <xx, xxx, xx>
