from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lstmrec.config.load import validate
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.store import asked


def config(root: Path, clock: bool = True, **filters: Any) -> Any:
    events = {"path": ["x"], "time": "time" if clock else None, "position": "n"}
    split = {} if clock else {"split": {"by": "leave_last", "last": 1}}
    return validate({"root": str(root), "as_of": "2020-01-01T00:00:00Z", "clean": {"events": events}, **split,
                     "score": {"filters": filters}})  # fmt: skip


def test_a_table_is_part_of_the_skip_key(tmp_path: Path) -> None:
    shop = tmp_path / "shop.csv"
    shop.write_text("item_id\na\n")
    conf = config(tmp_path / "root", banned_table={"format": "csv", "path": [str(shop)]})
    before = asked.sources(conf)
    assert list(before) == ["source:filters.banned_table"] and asked.sources(conf) == before
    shop.write_text("item_id\nb\nc\n")
    assert asked.sources(conf) != before
    assert asked.sources(config(tmp_path / "root")) == {}
    with pytest.raises(ConfigError) as inside:
        asked.sources(config(tmp_path, banned_table={"format": "csv", "path": [str(shop)]}))
    assert inside.value.code == "C302"


def test_days_want_a_clock_and_attributes_must_be_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing may ask for a clock") as caught:
        config(tmp_path, clock=False, seen=3)
    assert caught.value.code == "C004"
    with pytest.raises(ConfigError) as caught:
        asked._sensible(config(tmp_path, eligible={"path": ["x"], "segment": "s", "attribute": "age"}))
    assert caught.value.code == "C701"


def test_a_pin_without_a_place_is_refused(spark: Any, tmp_path: Path) -> None:
    pins = tmp_path / "pins.csv"
    pins.write_text("item_id,position\na,1\nb,1.5\n")
    table = {"format": "csv", "path": [str(pins)], "options": {"header": "true"}}
    with pytest.raises(DataError) as caught:
        asked._found(spark, config(tmp_path / "root", pinned_table=table), spark.range(1))
    assert caught.value.code == "D713" and "item b" in str(caught.value)
