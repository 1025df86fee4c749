from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.batches import Portion, Waits, portions
from lstmrec.training.feed import Columns, Feed, FileRead
from lstmrec.training.plan import make_plan, shards_of
from tests.training.tables import write_all


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, str]:
    root = tmp_path_factory.mktemp("root")
    write_all(root, rows=23)
    manifest = versions.current(str(root), tables.SEQUENCES)
    return manifest, versions.folder(str(root), "sequences", manifest.version) + "/data"


def walk(table: tuple[Manifest, str], rank: int, world: int, start: int = 0, feed: Feed | None = None) -> list[Portion]:
    plan = make_plan(table[0].files, seed=3, epoch=0, shards=2, batch=6)
    mine = shards_of(rank, world, 2)
    return list(portions(plan, feed or ArrowFeed(), table[1], mine, rank=rank, seed=3, epoch=0, start=start))


def windows(portion: Portion) -> list[tuple[int, tuple[int, ...]]]:
    if portion.batch is None:
        return []
    rows = zip(portion.batch.user, portion.batch.items, portion.batch.n, strict=True)
    return [(int(user), tuple(items.tolist()[: int(n)])) for user, items, n in rows]


def test_ranks_share_what_one_process_reads(table: tuple[Manifest, str]) -> None:
    alone = walk(table, 0, 1)
    split = [walk(table, r, 2) for r in range(2)]
    assert len(alone) == len(split[0]) == len(split[1])
    for whole, *parts in zip(alone, *split, strict=True):
        assert whole.segments == tuple(s for p in parts for s in p.segments)
        assert windows(whole) == [w for p in parts for w in windows(p)]
        assert sum(rows for _, rows in whole.segments) == len(windows(whole))
    read = [w for p in alone for w in windows(p)]
    assert len(read) == 46 == len(set(read))


def test_it_goes_on_from_any_step(table: tuple[Manifest, str]) -> None:
    whole = walk(table, 0, 1)
    for start in (1, 5, len(whole)):
        rest = walk(table, 0, 1, start)
        assert [(p.step, windows(p)) for p in rest] == [(p.step, windows(p)) for p in whole[start:]]


class Lossy:
    """A reader that breaks its promise: files come short, or not at all."""

    def __init__(self, rows: int, items: int) -> None:
        self.rows, self.items = rows, items

    def read(self, files: Sequence[FileRead], columns: Sequence[str]) -> Iterator[Columns]:
        for number, item in enumerate(ArrowFeed().read(files, columns)):
            if number < len(files) - self.items:
                yield {k: v[: len(v) - self.rows] for k, v in item.items()}


@pytest.mark.parametrize(("rows", "items"), [(1, 0), (0, 1)])
def test_lost_rows_are_an_error_that_names_the_rank(table: tuple[Manifest, str], rows: int, items: int) -> None:
    with pytest.raises(DataError) as error:
        walk(table, 1, 2, feed=Lossy(rows, items))  # type: ignore[arg-type]
    assert error.value.code == "D632" and "rank 1" in error.value.where


def test_waiting_is_measured(table: tuple[Manifest, str]) -> None:
    plan, waits = make_plan(table[0].files, seed=3, epoch=0, shards=2, batch=6), Waits()
    for _ in portions(plan, ArrowFeed(), table[1], (0, 1), rank=0, seed=3, epoch=0, waits=waits):
        pass
    assert waits.seconds > 0
