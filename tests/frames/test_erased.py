from __future__ import annotations

from typing import Any

import pytest

from lstmrec.config.erase import ErasedUsers
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.frames import erased


def test_rows_of_others_stay_and_nobodys_too(spark: Any) -> None:
    gone = spark.createDataFrame([("u1",), ("u-2",)], "user_id string")
    rows = [("u1", 1), ("u12", 2), (None, 3), ("u-2", 4), ("u2", 5)]
    frame = spark.createDataFrame(rows, "user_id string, n int")
    assert {r["n"] for r in erased.without(frame, gone).collect()} == {2, 3, 5}
    assert {r["n"] for r in erased.theirs(frame, gone).collect()} == {1, 4}


def test_a_line_that_does_not_parse_is_theirs_where_it_has_the_id_as_a_word(spark: Any) -> None:
    gone = spark.createDataFrame([("u.1",), ("x",)], "user_id string")
    lines = ['u.1,i1,"', "u.12,i1,broken", "a-u.1,b", "ux1,i1", "9;u.1;8"]
    frame = spark.createDataFrame([(None, line) for line in lines] + [("u.1", None), ("ok", None)],
                                  "user_id string, _malformed string")  # fmt: skip
    left = erased.without(frame, gone)
    assert left.columns == frame.columns
    assert sorted((r[0], r[1]) for r in left.where("_malformed IS NOT NULL").collect()) == [
        (None, line) for line in sorted(lines[1:4])
    ]
    assert [r["user_id"] for r in left.where("_malformed IS NULL").collect()] == ["ok"]


def test_ids_are_written_as_s1_writes_them(spark: Any) -> None:
    source = ErasedUsers(path=["x"], user_id="who")
    rows = spark.createDataFrame([(7.0,), (8.0,), (None,)], "who double")
    assert [r["user_id"] for r in erased.ids(rows, source).collect()] == ["7", "8", None]
    texts = spark.createDataFrame([(" u1 ",), ("",)], "who string")
    assert [r["user_id"] for r in erased.ids(texts, source).collect()] == ["u1", None]
    with pytest.raises(DataError, match="D304"):
        erased.ids(texts, ErasedUsers(path=["x"]))
    with pytest.raises(ConfigError, match="C304"):
        erased.ids(spark.createDataFrame([(["u1"],)], "who array<string>"), source)


def test_the_core_keeps_items_and_bounds_of_the_same_name(spark: Any) -> None:
    core = spark.createDataFrame(
        [("user", "u1", 1), ("item", "u1", 2), ("user", "u2", 3)], "kind string, id string, n int"
    )
    left = erased.kept_core(core, spark.createDataFrame([("u1",)], "user_id string"))
    assert sorted(r["n"] for r in left.collect()) == [2, 3] and left.columns == core.columns
