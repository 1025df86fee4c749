"""Views of what is live, in the catalog of Spark's own session; tests/store/test_catalog_hive.py has a metastore."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lstmrec import versions
from lstmrec.cli.publish import catalogued
from lstmrec.config.publish import VIEWABLE
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, ResourceError
from lstmrec.store import catalog, publish
from lstmrec.store.read import read_version
from tests import made


@pytest.fixture
def shop(spark: Any) -> Iterator[str]:
    spark.sql("CREATE DATABASE shop")
    yield "shop"
    spark.sql("DROP DATABASE shop CASCADE")


def conf(root: Path, **more: Any) -> Any:
    made.root(root)
    return made.config(root, publish={"catalog": {"database": "shop", **more}})


def firsts(spark: Any, name: str = "shop.recommendations") -> set[str]:
    rows = spark.sql(f"SELECT items[0].item_id AS first FROM {name} WHERE recommender = 'model' AND role = 'serve'")
    return {r["first"] for r in rows.collect()}


def same(spark: Any, name: str, root: str, contract: Any, version: str) -> None:
    """The view's rows, names and kinds are those that our own reader gives."""
    ours, theirs = read_version(spark, root, contract, versions.load(root, contract, version)), spark.table(name)
    assert [(f.name, f.dataType.simpleString()) for f in theirs.schema] == [
        (f.name, f.dataType.simpleString()) for f in ours.schema
    ]
    assert sorted(map(str, theirs.collect())) == sorted(map(str, ours.collect()))


def test_views_follow_live_there_and_back(spark: Any, shop: str, tmp_path: Path) -> None:
    c = conf(tmp_path, views={"recommendations": "lists", "users": "people", "item_vectors": "vectors"})
    publish.publish(c)
    assert firsts(spark, "shop.lists") == {"d"}
    same(spark, "shop.lists", c.root, tables.RECOMMENDATIONS, "v1")
    same(spark, "shop.people", c.root, tables.USERS, "v1")
    same(spark, "shop.vectors", c.root, tables.ITEM_VECTORS, "v1")  # which has no rows
    there = {t.name for t in spark.catalog.listTables("shop") if not t.isTemporary}
    assert there == {"lists", "people", "vectors"}
    made.again(tmp_path, "v2")
    assert firsts(spark, "shop.lists") == {"d"}  # committed is not published
    publish.publish(c)
    assert firsts(spark, "shop.lists") == {"a"}
    assert publish.rollback(c.root, catalog=c.publish.catalog)["recommendations"] == "v1"
    assert firsts(spark, "shop.lists") == {"d"}


def test_a_move_broken_off_is_repaired_by_another(spark: Any, shop: str, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    c = conf(tmp_path)
    publish.publish(c)
    made.again(tmp_path, "v2")
    with monkeypatch.context() as broken:
        broken.setattr(catalog, "_point", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish.publish(c)
    assert versions.log(c.root, "recommendations", "live")[-1] == "v2" and firsts(spark) == {"d"}
    publish.publish(c)
    assert firsts(spark) == {"a"} and len(publish.publications(c.root)) == 2


def test_a_view_that_is_there_is_never_dropped(spark: Any, shop: str, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    c, said = conf(tmp_path), []
    publish.publish(c)
    made.again(tmp_path, "v2")
    asked = type(spark).sql
    monkeypatch.setattr(type(spark), "sql", lambda self, text, *a, **k: said.append(text) or asked(self, text, *a, **k))
    publish.publish(c)
    assert [s.split(" AS ")[0] for s in said if not s.startswith("SHOW")] == ["ALTER VIEW `shop`.`recommendations`"]


def test_rows_of_a_chain_are_the_newest_of_each_user(spark: Any, shop: str, tmp_path: Path) -> None:
    """As days leave them: a base, a day without a row, a day that moved one user, and one that brought another."""
    events = [made.event(u, i, d, "train", n) for n, (u, i, d) in enumerate([("718", "a", 1), ("718", "b", 2),
                                                                             ("007", "a", 1)])]  # fmt: skip
    made.put(tmp_path, tables.SPLIT, events)
    made.put(tmp_path, tables.SPLIT, [made.event("718", "c", 3, "train", 0)], version="v2", facts={"chain": ["v1"]})
    empty = made.manifest(tables.SPLIT, "v3", facts={"chain": ["v1", "v2"]})
    versions.seal(str(tmp_path), empty)
    last = [made.event("new", "c", 4, "train", 0), made.event("718", "d", 4, "train", 0)]
    made.put(tmp_path, tables.SPLIT, last, version="v4", facts={"chain": ["v1", "v2", "v3"]})
    for version, users in (("v1", 3), ("v2", 2), ("v3", 2), ("v4", 3)):
        found = versions.load(str(tmp_path), tables.SPLIT, version)
        spark.sql(f"CREATE OR REPLACE VIEW shop.split AS {catalog.rows_of(spark, str(tmp_path), tables.SPLIT, found)}")
        same(spark, "shop.split", str(tmp_path), tables.SPLIT, version)
        assert spark.table("shop.split").count() == users
    assert [r["item_id"] for r in spark.table("shop.split").where("user_id = '718'").collect()] == ["d"]


def test_a_column_younger_than_the_version_is_null(spark: Any, shop: str, tmp_path: Path) -> None:
    young = tables.Table("users", (*tables.USERS.columns, tables.Column("born", "int", True)), key=tables.USERS.key)
    made.put(tmp_path, tables.USERS, [{"user_id": "718", "attributes": []}])
    rows = catalog.rows_of(spark, str(tmp_path), young, versions.load(str(tmp_path), tables.USERS, "v1"))
    assert [r["born"] for r in spark.sql(rows).collect()] == [None]


def test_names_of_others_are_left_alone(spark: Any, shop: str, tmp_path: Path) -> None:
    c = conf(tmp_path / "a")
    spark.sql("CREATE VIEW shop.recommendations AS SELECT 1 AS one")
    with pytest.raises(ConfigError, match=r"C832.*none of ours"):
        publish.publish(c)
    assert versions.log(c.root, "recommendations", "live") == []  # refused before anything moved
    spark.sql("DROP VIEW shop.recommendations")
    publish.publish(c)
    with pytest.raises(ConfigError, match=r"C832.*shows .*/a"):
        publish.publish(conf(tmp_path / "b"))
    nowhere = made.config(tmp_path / "a", publish={"catalog": {"database": "nowhere"}})
    with pytest.raises(ConfigError, match="C831"):
        publish.publish(nowhere)


def test_what_the_catalog_refuses_is_said(spark: Any, shop: str, tmp_path: Path,
                                          monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    c = conf(tmp_path)
    monkeypatch.setattr(catalog, "rows_of", lambda *_: "SELECT nothing FROM nowhere")
    with pytest.raises(ResourceError, match=r"R831.*nowhere"):
        publish.publish(c)
    with pytest.raises(ConfigError, match="C830"), catalogued(c):  # as the command line does: it would end with Spark
        pass


def test_a_quoted_place(spark: Any, shop: str, tmp_path: Path) -> None:
    c = conf(tmp_path / "it's `here`")
    publish.publish(c)
    assert firsts(spark) == {"d"}


def test_what_can_be_shown_is_published() -> None:
    assert set(VIEWABLE) == {t.name for t in publish.PUBLISHED if t.columns}


@pytest.mark.parametrize("wrong", [{"database": "a.b"}, {"views": {"bundle": "b"}}, {"views": {}},
                                   {"views": {"users": "x`y"}}, {"views": {"users": "x", "split": "X"}}])  # fmt: skip
def test_names_that_are_none(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"publish\.catalog"):
        made.config(tmp_path, publish={"catalog": {"database": "shop", **wrong}})
