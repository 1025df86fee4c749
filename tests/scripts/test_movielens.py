"""MovieLens-1M in either form, and the published counts of its protocol."""

from __future__ import annotations

import gzip
import os
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest

from lstmrec.config.load import load
from lstmrec.contracts import tables
from lstmrec.jobs import clean, split
from lstmrec.store.read import read
from tests import by_path

USERS = "1::F::1::10::48067\n2::M::56::16::70072\n"
MOVIES = "1::Toy Story (1995)::Animation|Children's\n2::Les Misérables (1995)::Drama\n"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return by_path.script("scripts/data/movielens.py")


def folder(tmp_path: Path) -> Path:
    place = tmp_path / "ml-1m"
    place.mkdir()
    (place / "users.dat").write_text(USERS, "iso-8859-1")
    (place / "movies.dat").write_text(MOVIES, "iso-8859-1")
    return place


def rows(out: Path, name: str) -> list[dict[str, Any]]:
    return list(pq.read_table(out / f"{name}.parquet").to_pylist())


def test_the_timed_form_as_folder_and_zip(script: ModuleType, tmp_path: Path) -> None:
    place, out = folder(tmp_path), tmp_path / "out"
    (place / "ratings.dat").write_text("2::1::5::9\n1::2::4::7\n1::1::3::7\n1::2::1::3\n")
    with zipfile.ZipFile(tmp_path / "ml-1m.zip", "w") as packed:
        for p in place.iterdir():
            packed.write(p, f"ml-1m/{p.name}")
    for given in (place, tmp_path / "ml-1m.zip"):
        assert script.main(["--from", str(given), "--out", str(out)]) == 0
        found = [
            (r["user_id"], r["movie_id"], r["rating"], r["timestamp"], r["position"]) for r in rows(out, "ratings")
        ]
        assert found == [(1, 2, 1, 3, 0), (1, 2, 4, 7, 1), (1, 1, 3, 7, 2), (2, 1, 5, 9, 0)]
    assert rows(out, "movies")[1] == {"movie_id": 2, "title": "Les Misérables", "year": 1995, "genres": ["Drama"]}
    assert rows(out, "users")[0] == {"user_id": 1, "gender": "F", "age": 1, "occupation": 10}
    assert sorted(p.name for p in out.iterdir()) == ["movies.parquet", "ratings.parquet", "users.parquet"]


def test_the_ordered_form(script: ModuleType, tmp_path: Path) -> None:
    place, out = folder(tmp_path), tmp_path / "out"
    (place / "ratings_ordered.csv.gz").write_bytes(
        gzip.compress(b"user_id,movie_id,rating,order_in_user\n1,2,4,0\n1,1,3,\n")
    )
    assert script.main(["--from", str(place), "--out", str(out)]) == 0
    assert [(r["movie_id"], r["timestamp"], r["position"]) for r in rows(out, "ratings")] == [
        (2, None, 0),
        (1, None, None),
    ]


def test_what_is_neither(script: ModuleType, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LSTMREC_ML1M", raising=False)
    (tmp_path / "a.txt").touch()
    for arguments in ([], ["--from", str(tmp_path)], ["--from", str(tmp_path / "a.txt")]):
        assert script.main([*arguments, "--out", str(tmp_path / "out")]) == 2
        assert "ratings_ordered.csv.gz" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.movielens
@pytest.mark.skipif("LSTMREC_ML1M" not in os.environ, reason="LSTMREC_ML1M names no MovieLens-1M")
def test_the_published_counts(script: ModuleType, spark: Any, tmp_path: Path) -> None:
    out = tmp_path / "source"
    assert script.main(["--from", os.environ["LSTMREC_ML1M"], "--out", str(out)]) == 0
    sets = [f"root={tmp_path / 'root'}"]
    for name, file in (("events", "ratings"), ("items", "movies"), ("users", "users")):
        sets.append(f"clean.{name}.path=[{out / file}.parquet]")
    conf = load([str(by_path.REPO / "conf/movielens-1m.yaml")], sets)
    assert clean.run(spark, conf).rows_out == 999_611
    split.run(spark, conf)
    found = read(spark, conf.root, tables.SPLIT)
    assert found.select("item_id").distinct().count() == 3_416
    by_role = {r["role"]: r["events"] for r in read(spark, conf.root, tables.CUTS).collect()}
    assert by_role == {"train": 999_611 - 2 * 6_040, "validation": 6_040, "test": 6_040, "serve": 999_611}
    last = found.groupBy("user_id").agg({"index": "max"}).join(found.where("role = 'test'"), "user_id")
    assert last.where("index = `max(index)`").count() == 6_040
