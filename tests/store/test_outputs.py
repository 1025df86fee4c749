from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lstmrec.config.load import validate
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError, ResourceError
from lstmrec.store import outputs
from tests.store.lists import world

DRIVER = "org.apache.derby.jdbc.EmbeddedDriver"
#: Derby compares no CLOB, which is what Spark makes of text there.
NAMES = "version VARCHAR(64), recommender VARCHAR(40), role VARCHAR(10), user_id VARCHAR(64)"


def test_json_lines_are_written_once(spark: Any, tmp_path: Path) -> None:
    place = tmp_path / "out"
    conf, manifest = world(tmp_path / "root", jsonl=str(place), recommenders=["model"])
    (place / manifest.version).mkdir(parents=True)
    (place / manifest.version / "half.json").write_text("{}")  # of a run that was stopped
    assert outputs.owed(conf, manifest) == ["jsonl"]
    outputs.write(spark, conf, manifest)
    files = sorted((place / manifest.version).glob("*.json"))
    lines = [json.loads(line) for f in files for line in f.read_text().splitlines()]
    assert sorted(r["user_id"] for r in lines) == [f"u{u}" for u in range(5)]
    assert {(r["version"], r["recommender"], r["role"]) for r in lines} == {(manifest.version, "model", "serve")}
    assert next(r for r in lines if r["user_id"] == "u2")["items"] == [
        {"item_id": "i2", "score": 1.5, "rank": 1}, {"item_id": "i3", "score": 0.5, "rank": 2}
    ]  # fmt: skip
    assert outputs.owed(conf, manifest) == []
    outputs.write(spark, conf, manifest)
    assert sorted((place / manifest.version).glob("*.json")) == files
    long, _ = validate({**conf.model_dump(), "score": {"output": {"jsonl": str(place), "explode": True}}}), None
    assert outputs.owed(long, manifest) == ["jsonl"]


def test_plain_parquet_is_what_any_reader_reads(spark: Any, tmp_path: Path) -> None:
    place = tmp_path / "out"
    with pytest.raises(ConfigError, match="folders of their own"):
        world(tmp_path / "other", parquet=str(place), jsonl=f"{place}/")
    conf, manifest = world(tmp_path / "root", parquet=str(place), jsonl=str(tmp_path / "lines"), explode=True)
    outputs.write(spark, conf, manifest)
    assert outputs.owed(conf, manifest) == []
    found = pq.read_table(place / manifest.version, filters=[("user_id", "=", "u2"), ("recommender", "=", "model")])
    assert found.column_names == ["version", "recommender", "role", "user_id", "reason", "history", "model", "as_of",
                                  "item_id", "score", "rank"]  # fmt: skip
    assert found.select(["item_id", "score", "rank"]).to_pylist() == [
        {"item_id": "i2", "score": 1.5, "rank": 1}, {"item_id": "i3", "score": 0.5, "rank": 2}
    ]  # fmt: skip


def test_a_database_gets_each_row_once(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jdbc = {"url": f"jdbc:derby:{tmp_path / 'db'};create=true", "table": "lists", "user": "shop",
            "password_env": "SHOP_PASSWORD",
            "options": {"driver": DRIVER, "createTableColumnTypes": NAMES}}  # fmt: skip
    named = {**jdbc["options"], "driver": "env:SHOP_DRIVER"}
    conf, manifest = world(tmp_path / "root", jdbc=jdbc | {"options": named}, explode=True)
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    monkeypatch.setenv("SHOP_DRIVER", DRIVER)
    with pytest.raises(ConfigError) as caught:
        outputs.write(spark, conf, manifest)
    assert caught.value.code == "C702" and outputs.owed(conf, manifest) == ["jdbc"]
    monkeypatch.setenv("SHOP_PASSWORD", "x")

    def there() -> list[tuple[Any, ...]]:
        options = {**jdbc["options"], "url": jdbc["url"], "dbtable": "lists", "user": "shop", "password": "x"}
        rows = spark.read.format("jdbc").options(**options).load()
        return sorted(tuple(r) for r in rows.select("version", "recommender", "user_id", "rank", "item_id").collect())

    lists = outputs.read_version(spark, conf.root, tables.RECOMMENDATIONS, manifest)
    rows = outputs.copied(lists, conf.score.output, manifest.version)
    outputs._jdbc(spark, rows.where("user_id IN ('u3', 'u4') AND rank < 3"), conf.score.output.jdbc, manifest.version)
    assert len(there()) == 8  # what a run that was stopped left
    outputs.write(spark, conf, manifest)
    want = [(manifest.version, name, f"u{u}", r + 1, f"i{u + r}") for name in ("model", "knn") for u in range(5)
            for r in range(u)]  # fmt: skip
    assert there() == sorted(want) and outputs.owed(conf, manifest) == []
    outputs._jdbc(spark, rows, conf.score.output.jdbc, manifest.version)
    assert there() == sorted(want)
    outputs._jdbc(spark, rows.selectExpr("'other' AS version", *rows.columns[1:]), conf.score.output.jdbc, "other")
    assert there() == sorted([*want, *[("other", *row[1:]) for row in want]])
    wide = outputs.copied(lists, conf.score.output.model_copy(update={"explode": False}), manifest.version)
    with pytest.raises(DataError) as refused:
        outputs._jdbc(spark, wide, conf.score.output.jdbc, manifest.version)
    assert refused.value.code == "D721" and "items" in str(refused.value)
    gone = conf.score.output.jdbc.model_copy(update={"url": "jdbc:derby:/nowhere/at/all"})
    with pytest.raises(ResourceError) as nothing:
        outputs._jdbc(spark, rows, gone, manifest.version)
    assert nothing.value.code == "R721"


def test_with_variants_each_served_user_has_the_one_list_to_be_shown(spark: Any, tmp_path: Path) -> None:
    conf, manifest = world(tmp_path / "root")
    lists = outputs.read_version(spark, conf.root, tables.RECOMMENDATIONS, manifest)
    own = "CASE WHEN role = 'serve' AND (recommender = 'knn') = (user_id IN ('u3', 'u4')) THEN recommender END"
    lists = lists.selectExpr(*[c for c in lists.columns if c != "variant"], f"{own} AS variant")

    def got(trial: bool, **output: Any) -> list[tuple[Any, ...]]:
        rows = outputs.copied(lists, conf.score.output.model_copy(update=output), "v", trial)
        assert ("variant" in rows.columns) == trial
        return sorted((r.role, r.user_id, r.recommender) for r in rows.collect())

    shown = [("serve", f"u{u}", "knn" if u > 2 else "model") for u in range(5)]
    assert got(True) == shown
    assert got(True, roles=["serve", "test"]) == shown + [("test", f"u{u}", n) for u in range(5)
                                                          for n in ("knn", "model")]  # fmt: skip
    assert len(got(False)) == len(got(True, recommenders=["model", "knn"])) == 10
    assert len(got(True, explode=True)) == sum(range(5))
