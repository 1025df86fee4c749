import hashlib
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.store import checks
from lstmrec.store.commit import Ticket, commit, stage
from lstmrec.store.read import read
from lstmrec.store.session import told
from lstmrec.store.work import desk

VOCABULARY = "feature string, value string, id int, count bigint"


def ticket(root: Path, key: str = "a" * 64) -> Ticket:
    return Ticket(str(root), "normalise", 1, key, "2018-01-01T00:00:00Z", {"split": "f"}, {"seed": 1})


def rows(n: int = 20) -> list[tuple[str, str, int, int]]:
    return [("tag", f"v{i}", i + 2, i * i) for i in range(n)]


def frame(spark: Any, data: list[Any], partitions: int = 2) -> Any:
    return spark.createDataFrame(data, VOCABULARY).repartition(partitions)


def test_what_is_committed_is_read(spark: Any, tmp_path: Path) -> None:
    manifest = commit(frame(spark, rows()), ticket(tmp_path), tables.VOCABULARY, rows_in=23, rows_rejected=3,
                      facts={"types": 4})  # fmt: skip
    assert (manifest.rows_in, manifest.rows_out, manifest.rows_rejected) == (23, 20, 3)
    assert sum(f.rows for f in manifest.files) == 20 and all(f.bytes > 0 for f in manifest.files)
    assert versions.current(str(tmp_path), tables.VOCABULARY) == manifest
    found = read(spark, str(tmp_path), tables.VOCABULARY)
    assert found.columns == list(tables.VOCABULARY.names)
    assert sorted(tuple(r) for r in found.collect()) == sorted(rows())


def test_sparks_own_page_tells_the_story(spark: Any, tmp_path: Path) -> None:
    context, t = spark.sparkContext, ticket(tmp_path)
    told = []
    with desk(t) as d:
        d.materialise(frame(spark, rows()), "kept")
        told.append(context.getLocalProperty("spark.job.description"))
    stage(frame(spark, rows()), t, tables.VOCABULARY)
    told.append(context.getLocalProperty("spark.job.description"))
    commit(frame(spark, rows()), t, tables.VOCABULARY)
    told.append(context.getLocalProperty("spark.job.description"))
    assert told == ["normalise: kept", "normalise: table vocabulary", "normalise: checks of vocabulary"]
    assert context.getLocalProperty("spark.jobGroup.id") == "lstmrec normalise"
    assert context.statusTracker().getJobIdsForGroup("lstmrec normalise")


def test_the_fingerprint_is_of_the_rows_alone(spark: Any, tmp_path: Path) -> None:
    prints = set()
    for n in (1, 2, 7):
        data = rows() if n % 2 else list(reversed(rows()))
        prints.add(commit(frame(spark, data, n), ticket(tmp_path / str(n)), tables.VOCABULARY).fingerprint)
    changed = rows()
    changed[3] = ("tag", "v3", 5, 10)
    other = commit(frame(spark, changed), ticket(tmp_path / "other"), tables.VOCABULARY).fingerprint
    assert len(prints) == 1 and other not in prints


def test_an_uncommitted_version_is_not_there(spark: Any, tmp_path: Path) -> None:
    first = commit(frame(spark, rows()), ticket(tmp_path), tables.VOCABULARY)
    stage(frame(spark, rows(3)), ticket(tmp_path), tables.VOCABULARY)  # a crash after this line
    assert versions.current(str(tmp_path), tables.VOCABULARY) == first
    assert read(spark, str(tmp_path), tables.VOCABULARY).count() == 20


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ([("tag", "a", 2, 1), ("tag", None, 3, 1)], "D110"),
        ([("tag", "a", 1, 1)], "D111"),
        ([("tag", "a", 2, 1), ("tag", "a", 3, 1)], "D112"),
    ],
)
def test_broken_rows_are_refused_with_an_example(spark: Any, tmp_path: Path, data: list[Any], code: str) -> None:
    with pytest.raises(DataError, match=code) as caught:
        commit(frame(spark, data), ticket(tmp_path), tables.VOCABULARY)
    assert '"feature":"tag"' in caught.value.hint
    with pytest.raises(DataError, match="D105"):
        versions.current(str(tmp_path), tables.VOCABULARY)


def test_the_example_names_nobody(spark: Any, tmp_path: Path) -> None:
    rows = [("m", "test", "anna@home", [("a", 1.0, 2)], "r", None, 0, "d", 1, None, None)]
    with pytest.raises(DataError, match="D111") as caught:
        commit(spark.createDataFrame(rows, tables.RECOMMENDATIONS.ddl), ticket(tmp_path), tables.RECOMMENDATIONS)
    assert "anna" not in str(caught.value)
    assert f"sha2 {hashlib.sha256(b'anna@home').hexdigest()[:12]}" in caught.value.hint


def test_columns_are_exactly_the_declared(spark: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="D113"):
        commit(frame(spark, rows()).withColumn("extra", F.lit(1)), ticket(tmp_path), tables.VOCABULARY)


def test_rows_must_add_up(spark: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="D114"):
        commit(frame(spark, rows()), ticket(tmp_path), tables.VOCABULARY, rows_in=21)


def test_an_empty_table_is_a_table(spark: Any, tmp_path: Path) -> None:
    manifest = commit(frame(spark, []), ticket(tmp_path), tables.VOCABULARY)
    assert manifest.rows_out == 0 and manifest.files == ()
    assert read(spark, str(tmp_path), tables.VOCABULARY).collect() == []


def test_partition_folders_come_back_as_columns_with_odd_values(spark: Any, tmp_path: Path) -> None:
    value = [("m o/d=el%1", "test", "ü 7", [("i", 1.0, 1)], "r", None, 0, "d", 1, None, None),
             ("m", "serve", "007", [], "r", ["x"], 0, "d", 1, None, None)]  # fmt: skip
    data = spark.createDataFrame(value, tables.RECOMMENDATIONS.ddl)
    manifest = commit(data, ticket(tmp_path), tables.RECOMMENDATIONS, one_file_per_partition=True)
    assert len(manifest.files) == 2 and sum(f.rows for f in manifest.files) == 2
    found = {r.user_id: r for r in read(spark, str(tmp_path), tables.RECOMMENDATIONS).collect()}
    assert found["007"].role == "serve" and found["ü 7"].recommender == "m o/d=el%1"
    only = read(spark, str(tmp_path), tables.RECOMMENDATIONS, where={"role": "serve"}).collect()
    assert [r.user_id for r in only] == ["007"]


def test_ranks_scores_and_items_of_a_list_are_checked(spark: Any, tmp_path: Path) -> None:
    for items in ([("a", 1.0, 2)], [("a", float("nan"), 1)], [("a", 2.0, 1), ("a", 1.0, 2)]):
        rows = [("m", "test", "u", items, "r", None, 0, "d", 1, None, None)]
        data = spark.createDataFrame(rows, tables.RECOMMENDATIONS.ddl)
        with pytest.raises(DataError, match="D111"):
            commit(data, ticket(tmp_path), tables.RECOMMENDATIONS)


def test_zeros_of_both_signs_are_one_and_null_is_not_empty(spark: Any) -> None:
    def fingerprint(rows: list[Any], ddl: str, contract: tables.Table) -> int:
        hashed = F.xxhash64(*checks.canonical(contract))
        return int(spark.createDataFrame(rows, ddl).select(hashed).first()[0])

    number = tables.Table("t", (tables.Column("x", "double", True), tables.Column("s", "string", True)))
    base = fingerprint([(0.0, "")], number.ddl, number)
    assert fingerprint([(-0.0, "")], number.ddl, number) == base
    assert fingerprint([(0.0, None)], number.ddl, number) != base
    pair = tables.Table("t", (tables.Column("a", "string", True), tables.Column("b", "string", True)))
    assert fingerprint([("x", None)], pair.ddl, pair) != fingerprint([(None, "x")], pair.ddl, pair)
    mapped = tables.Table("t", (tables.Column("m", "map<string,string>"),))
    one, two = ({"a": "1", "b": "2"},), ({"b": "2", "a": "1"},)
    assert fingerprint([one], mapped.ddl, mapped) == fingerprint([two], mapped.ddl, mapped)


def test_a_desk_is_cleared_however_the_job_ends(spark: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="boom"), desk(ticket(tmp_path)) as d:
        kept = d.materialise(frame(spark, rows()), "x", "feature")
        assert kept.columns == ["feature", "value", "id", "count"] and kept.count() == 20
        raise RuntimeError("boom")
    assert files.walk(str(tmp_path)) == {}


def test_a_desk_leaves_what_is_sealed_when_a_job_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the entry of `head` and the end of `seal`: the version is what head names."""
    t = ticket(tmp_path)
    sealed = t.manifest(tables.VOCABULARY, "v1")
    with pytest.raises(SystemExit), desk(t):
        t.unsealed.append(versions.folder(t.root, tables.VOCABULARY.name, "v1"))
        versions.seal(t.root, sealed)
        raise SystemExit(143)
    assert versions.current(t.root, tables.VOCABULARY).version == "v1"


def test_what_spark_does_for_a_stopped_job_ends(spark: Any, tmp_path: Path) -> None:
    """Or it would write on into the folder that the desk clears."""
    ended = threading.Event()

    def act() -> None:
        told(spark, "clean", "for ever")
        try:
            spark.range(10**15).selectExpr("sum(sin(id))").collect()
        except Exception:
            ended.set()

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    tracker = spark.sparkContext.statusTracker()
    while not tracker.getActiveJobsIds():
        time.sleep(0.05)
    with pytest.raises(SystemExit), desk(Ticket(str(tmp_path), "clean", 1, "k" * 64, "now")):
        raise SystemExit(143)
    assert ended.wait(30) and not tracker.getActiveJobsIds()
    assert spark.range(3).count() == 3
