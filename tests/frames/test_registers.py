"""Items and users: tags composed, capped and sorted, vectors of finite numbers or none, attributes."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

import pytest

from lstmrec.config.clean import ItemSource, UserSource
from lstmrec.contracts.errors import ConfigError
from lstmrec.frames import registers

SCHEMA = "id int, title string, genres array<string>, b string, n double, s string"


def test_items(spark: Any) -> None:
    rows = [
        (1, " Red Tea ", ["Drama", " drama", None, "", "Comedy"], "X", 1.5, "7"),
        (2, None, None, None, math.nan, "no"),
    ]
    source = ItemSource(path=["x"], item_id="id", title="title", tags=["genres", "b"], text=["title", "genres"],
                        numeric={"n": "n", "s": "s"})  # fmt: skip
    frame = registers.conform_items(spark.createDataFrame(rows, SCHEMA), source)
    first, second = sorted(frame.collect(), key=lambda r: r["item_id"])
    assert first["tags"] == ["b=x", "genres=comedy", "genres=drama"]
    assert (first["title"], first["numeric"], first["vectors"]) == ("Red Tea", {"n": 1.5, "s": 7.0}, {})
    assert first["text"].split() == ["Red", "Tea", "Drama", "drama", "Comedy"]
    assert (second["tags"], second["title"], second["text"], second["numeric"]) == ([], None, None, {})
    assert not first["_cut_tags"] and not first["_cut_text"] and not first["_bad_vector"]


def test_unicode_many_tags_and_long_texts(spark: Any) -> None:
    loose = unicodedata.normalize("NFD", "Ünï·cødé ÀÉ 한글")
    nested = [[loose, "a\x01b"], None, [f"t{n:05d}" for n in range(10_000)]]
    frame = spark.createDataFrame(
        [(1, loose, nested, "y" * 50), (2, "plain", [["x"]], "z")],
        "id int, title string, g array<array<string>>, w string",
    )
    source = ItemSource(path=["x"], item_id="id", title="title", tags=["g"], text=["w", "title"], max_text_length=20,
                        tags_max_per_item=4)  # fmt: skip
    first, second = sorted(registers.conform_items(frame, source).collect(), key=lambda r: r["item_id"])
    assert first["title"] == unicodedata.normalize("NFC", loose) != loose
    every = sorted([unicodedata.normalize("NFC", loose).lower(), "a b", *(f"t{n:05d}" for n in range(10_000))])
    assert first["tags"] == [f"g={t}" for t in every[:4]] and first["_cut_tags"]
    assert first["text"] == "y" * 20 and first["_cut_text"]
    assert (second["tags"], second["text"]) == (["g=x"], "z plain") and not second["_cut_tags"]
    whole = source.model_copy(update={"tags_max_per_item": 20_000})
    tags = registers.conform_items(frame, whole).collect()[0]["tags"]
    assert tags == sorted(f"g={t}" for t in every)
    whole = source.model_copy(update={"max_text_length": 99})
    assert registers.conform_items(frame, whole, "as_is").collect()[0]["title"] == loose


def test_vectors_with_what_is_no_finite_number_are_missing(spark: Any) -> None:
    vectors = [[1.0, -0.0], None, [1.0], [], [1.0, math.nan], [math.inf, 1.0], [None, 1.0], [1e300, 0.0], [0.0, 0.0]]
    frame = spark.createDataFrame(list(enumerate(vectors)), "item_id int, v array<double>")
    source = ItemSource(path=["x"], vectors={"image": "v", "cover": "array(item_id, 1.5D)"})
    found = {int(r["item_id"]): r for r in registers.conform_items(frame, source).collect()}
    seen = [found[n]["vectors"].get("image") for n in range(9)]
    assert seen == [[1.0, 0.0], None, [1.0], *[None] * 5, [0.0, 0.0]]
    assert math.copysign(1, seen[0][1]) == 1 and found[4]["vectors"] == {"cover": [4.0, 1.5]}
    assert [found[n]["_bad_vector"] for n in range(9)] == [False, False, False, *[True] * 5, False]
    with pytest.raises(ConfigError, match=r"(?s)C308.*clean.items.vectors.image"):
        registers.conform_items(frame, ItemSource(path=["x"], vectors={"image": "item_id"}))


def test_bytes_of_images_are_refused_by_name_and_never_opened(spark: Any) -> None:
    """Whether they are an image, or a bomb that unpacks to gigabytes, nobody looks."""
    frame = spark.createDataFrame(
        [("a", bytearray(b"\x89PNG\r\n")), ("b", bytearray(b"no image"))], "id string, b binary"
    )
    with pytest.raises(ConfigError) as caught:
        registers.conform_items(frame, ItemSource(path=["x"], item_id="id", vectors={"image": "b"}))
    said = str(caught.value)
    assert caught.value.code == "C308" and "binary is no array of numbers" in said
    assert "clean.items.vectors.image" in said and "make the vector before" in said


def test_rows_of_one_id_with_other_vectors_say_something_else(spark: Any) -> None:
    frame = spark.createDataFrame(
        [("a", [1.0]), ("a", [1.0]), ("a", [2.0]), ("a", None)], "item_id string, v array<float>"
    )
    made = registers.conform_items(frame, ItemSource(path=["x"], vectors={"v": "v"})).collect()
    assert len({r["_payload"] for r in made}) == 3


def test_users(spark: Any) -> None:
    rows = [(1, "F", 18.0), (2, " ", None), (3, "e\u0301", math.nan)]
    frame = spark.createDataFrame(rows, "id int, sex string, age double")
    source = UserSource(path=["x"], user_id="id", attributes=["sex", "age"])
    found = {r["user_id"]: r["attributes"] for r in registers.conform_users(frame, source).collect()}
    assert found == {"1": {"sex": "F", "age": "18"}, "2": {}, "3": {"sex": "é"}}


def test_structs_are_no_tags(spark: Any) -> None:
    frame = spark.sql("select 1 item_id, array(struct(1 a)) g, map('a', 1) m")
    for column in ("g", "m"):
        with pytest.raises(ConfigError, match="C304"):
            registers.conform_items(frame, ItemSource(path=["x"], tags=[column]))


def test_what_rows_of_one_id_say_is_compared_whatever_the_source_row_holds(spark: Any) -> None:
    rows = [("a", "x", 1.0, 1), ("a", "x", 1.0, 2), ("a", "y", 1.0, 3)]
    frame = spark.createDataFrame(rows, "item_id string, title string, n double, k int")
    source = ItemSource(path=["x"], title="title", numeric={"n": "n"}, updated="k")
    found = sorted(registers.conform_items(frame, source).collect(), key=lambda r: r["_updated"])
    assert found[0]["_payload"] == found[1]["_payload"] != found[2]["_payload"]
    assert len({r["_tie"] for r in found}) == 3
