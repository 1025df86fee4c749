"""s5 end to end on a small world: files of one shape in hash order, facts, any partitioning, and no leak into train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.jobs import profile, sequence
from lstmrec.store import checks
from lstmrec.store.commit import Ticket, commit
from lstmrec.store.read import read
from tests.frames.world import world
from tests.jobs.small import config, laid

CLASS = ("role", "phase", "length", "before", "after")


def _run(spark: Any, root: Path, partitions: int = 2, held: str = "") -> Manifest:
    conf = config(root)
    laid(spark, conf, world(31, held_items=held), partitions)
    profile.run(spark, conf)
    return sequence.run(spark, conf)


@pytest.fixture(scope="module")
def first(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    root = tmp_path_factory.mktemp("sequence")
    return root, _run(spark, root)


def _train(spark: Any, root: Path) -> str:
    rows = read(spark, str(root), tables.SEQUENCES, where={"role": "train"})
    return checks.check(rows, tables.SEQUENCES, keys=False).fingerprint


def test_one_partition_is_one_file_of_one_shape_in_hash_order(first: tuple[Path, Manifest]) -> None:
    root, manifest = first
    data = Path(versions.folder(str(root), "sequences", manifest.version)) / "data"
    folders = [f.path.rsplit("/", 1)[0] for f in manifest.files]
    assert len(set(folders)) == len(folders) > 10
    several = 0
    for f in manifest.files:
        parquet = pq.ParquetFile(data / f.path)
        table = parquet.read()
        assert parquet.num_row_groups == 1
        for column, size in (("items", "length"), ("before_items", "before"), ("after_times", "after")):
            assert {len(x) for x in table[column].to_pylist()} == {int(f.partition[size])}
        places = table["place"].to_pylist()
        assert places == sorted(places)
        several += len(places) > 2
    assert several > 3


def test_facts(spark: Any, first: tuple[Path, Manifest]) -> None:
    root, manifest = first
    facts, rows = manifest.facts, read(spark, str(root), tables.SEQUENCES).collect()
    train = [r for r in rows if r.role == "train"]
    assert facts["rows"] == {role: sum(r.role == role for r in rows) for role in tables.ROLES}
    assert facts["rows"]["serve"] == len(world(31).users)
    assert facts["padding_share"] == round(1 - sum(r.n for r in train) / sum(r.length for r in train), 6)
    assert (facts["types"], facts["static"], facts["profile"], facts["half_lives"]) == (4, [4, 2], 5, 2)
    assert facts["left_out"] == versions.current(str(root), tables.WINDOWS).facts["left_out"] > 0
    assert {len(r.profile) for r in rows} == {5}
    assert all(len(r.before_decayed) == 2 * r.before for r in rows)


@pytest.mark.parametrize("partitions", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_partitions_change_nothing(spark: Any, first: tuple[Path, Manifest], tmp_path: Path, partitions: int) -> None:
    again = _run(spark, tmp_path, partitions)
    for table in (*profile.GIVES, tables.SEQUENCES):
        found, known = (versions.current(str(root), table) for root in (tmp_path, first[0]))
        assert found.fingerprint == known.fingerprint, table.name

    def listed(m: Manifest) -> dict[str, int]:
        return {f.path.rsplit("/", 1)[0]: f.rows for f in m.files}

    assert listed(again) == listed(first[1])


def test_held_out_events_do_not_reach_train(spark: Any, first: tuple[Path, Manifest], tmp_path: Path) -> None:
    other = _run(spark, tmp_path, held="other-")
    assert _train(spark, tmp_path) == _train(spark, first[0])
    assert other.fingerprint != first[1].fingerprint
    scalers = [versions.current(str(r), tables.USER_PROFILES).facts["scalers"] for r in (tmp_path, first[0])]
    assert scalers[0] == scalers[1]


def test_a_user_without_a_serve_window_is_noticed(spark: Any, first: tuple[Path, Manifest]) -> None:
    root, _ = first
    ticket = Ticket(str(root), "test", 1, "9" * 64, "1970-04-11T00:00:00Z")
    users = spark.createDataFrame([(u, {}) for u in [*world(31).users, "newer"]], tables.USERS.ddl)
    commit(users, ticket, tables.USERS)
    with pytest.raises(DataError, match="D340"):
        sequence.run(spark, config(root))
    assert not (root / "_work" / "sequence").exists() or not list((root / "_work" / "sequence").iterdir())
