from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.contracts.manifest import DataFile
from lstmrec.training.plan import make_plan, shards_of, shuffled


def data_file(role: str, phase: int, length: int, before: int, after: int, number: int, rows: int) -> DataFile:
    folder = f"role={role}/phase={phase}/length={length}/before={before}/after={after}/file={number}"
    return DataFile(f"{folder}/part-{number}.parquet", rows, 1)


@st.composite
def manifests(draw: st.DrawFn) -> list[DataFile]:
    phases = draw(st.integers(1, 3))
    files = []
    for phase in range(phases):
        for number in range(draw(st.integers(1, 12))):
            length = draw(st.sampled_from([4, 8, 16]))
            before, after = draw(st.sampled_from([(0, 4), (16, 0)]))
            files.append(data_file("train", phase, length, before, after, number, draw(st.integers(1, 40))))
    files.append(data_file("validation", 0, 4, 0, 4, 0, 7))
    return draw(st.permutations(files))


@settings(deadline=None, max_examples=80)
@given(manifests(), st.integers(0, 5), st.integers(0, 99), st.sampled_from([1, 2, 4, 6]), st.integers(1, 5))
def test_every_row_once_and_the_same_batches_for_every_world(
    files: list[DataFile], epoch: int, seed: int, shards: int, rows_a_shard: int
) -> None:
    plan = make_plan(files, seed=seed, epoch=epoch, shards=shards, batch=shards * rows_a_shard)
    phases = sorted({f.partition["phase"] for f in files if f.partition["role"] == "train"})
    wanted = {f.path: f.rows for f in files if f.partition["phase"] == phases[epoch % len(phases)]
              and f.partition["role"] == "train"}  # fmt: skip
    assert {f.path: f.rows for f in plan.files} == wanted

    taken: list[tuple[str, int]] = []
    for step in range(len(plan)):
        lengths = set()
        for shard in range(shards):
            pieces = plan.pieces(step, shard)
            assert sum(p.stop - p.start for p in pieces) <= rows_a_shard
            lengths |= {plan.files[p.file].length for p in pieces}
            taken += [(plan.files[p.file].path, r) for p in pieces for r in range(p.start, p.stop)]
        assert len(lengths) == 1  # one class a step, and no step that nobody has rows for
    assert sorted(taken) == sorted((path, r) for path, rows in wanted.items() for r in range(rows))

    for world in [w for w in (1, 2, 3, 4, 6) if shards % w == 0]:
        dealt = [shards_of(r, world, shards) for r in range(world)]
        assert sorted(s for mine in dealt for s in mine) == list(range(shards))
        reads = [plan.reads(mine) for mine in dealt]
        assert sum(sum(rows.values()) for rows in reads) == sum(wanted.values())
        # A file is read by one rank, but for those across a cut: one a class and cut at most.
        twice = sum(len(rows) for rows in reads) - len(plan.files)
        assert 0 <= twice <= len(plan.classes) * (shards - 1)
    for index in range(len(plan.classes)):  # even shares of every class
        shares = [stream.rows for stream in plan.streams[index]]
        assert max(shares) - min(shares) <= 1


def test_it_is_a_function_of_seed_and_epoch_and_not_of_the_order_of_the_manifest() -> None:
    files = [data_file("train", 0, 8, 0, 4, n, 10 + n) for n in range(9)]
    one = make_plan(files, seed=1, epoch=3, shards=2, batch=8)
    two = make_plan(files[::-1], seed=1, epoch=3, shards=2, batch=8)
    assert one.files == two.files and one.streams == two.streams and (one.order == two.order).all()
    hands = {make_plan(files, seed=1, epoch=e, shards=2, batch=8).streams for e in range(6)}
    assert len(hands) == 6  # dealt anew each epoch


def test_classes_interleave() -> None:
    files = [data_file("train", 0, length, 0, 4, n, 40) for n in range(4) for length in (4, 8)]
    order = make_plan(files, seed=1, epoch=0, shards=2, batch=4).order
    assert int((np.diff(order) != 0).sum()) > 10


def test_uneven_files_are_cut_into_even_shares() -> None:
    files = [data_file("train", 0, 8, 0, 4, 0, 2449), data_file("train", 0, 8, 0, 4, 1, 2561)]
    plan = make_plan(files, seed=1, epoch=0, shards=2, batch=32)
    assert len(plan) == 157 == -(-2505 // 16)
    assert [sum(plan.reads([s]).values()) for s in range(2)] == [2505, 2505]


def test_who_meets_at_a_cut_is_there_at_the_same_time() -> None:
    """Else a process that has all shards would keep a file a cut in memory for the whole epoch."""
    files = [data_file("train", 0, 8, 0, 4, n, 100) for n in range(15)]
    plan = make_plan(files, seed=1, epoch=0, shards=4, batch=20)
    when: dict[int, list[int]] = {}
    for step in range(len(plan)):
        for shard in range(4):
            for piece in plan.pieces(step, shard):
                when.setdefault(piece.file, []).append(step)
    shared = [i for i in when if sum(i in plan.reads([s]) for s in range(4)) > 1]
    assert len(shared) == 3
    assert max(max(steps) - min(steps) for steps in when.values()) <= 20  # of 75: a file of 100 rows at 5 a step


def test_reads_from_a_step_on_are_what_that_step_and_later_ones_need() -> None:
    files = [data_file("train", 0, 8, 0, 4, n, 10) for n in range(6)]
    plan = make_plan(files, seed=1, epoch=0, shards=2, batch=4)
    whole = list(plan.reads([0]))
    assert list(plan.reads([0], 6)) == whole[-2:]
    assert sum(plan.reads([0], 6).values()) == 30 - 12


def test_rows_of_a_file_are_shuffled_by_seed_epoch_and_file() -> None:
    n = np.arange(50) % 7
    assert sorted(shuffled(n, 1, 2, 3, 4)) == list(range(50))
    orders = {tuple(shuffled(n, *k, 4)) for k in [(1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4)]}
    assert len(orders) == 4 and tuple(shuffled(n, 1, 2, 3, 4)) in orders


@settings(deadline=None, max_examples=80)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=90), st.integers(1, 100), st.integers(0, 9))
def test_rows_that_go_together_are_one_of_each_stratum(n: list[int], together: int, seed: int) -> None:
    order = shuffled(np.array(n), seed, 0, 0, together)
    assert sorted(order) == list(range(len(n)))
    many = min(together, len(n))
    values = np.sort(n)
    for start in range(0, len(n) // many * many - many + 1):
        mine = np.sort(np.array(n)[order[start : start + many]])
        for i, value in enumerate(mine):  # the i-th shortest lies in the i-th stratum, give or take its border
            low, high = i * len(n) // many, -(-(i + 1) * len(n) // many)
            assert values[max(low - 1, 0)] <= value <= values[min(high, len(n) - 1)]


def test_short_and_long_windows_are_spread_over_steps() -> None:
    rng = np.random.default_rng(0)
    n = rng.integers(1, 200, 512)
    sums = n[shuffled(n, 1, 0, 0, 16)].reshape(-1, 16).sum(1)
    plain = n[rng.permutation(512)].reshape(-1, 16).sum(1)
    assert sums.std() * 4 < plain.std()


def test_every_row_may_stand_anywhere() -> None:
    n = np.arange(12)
    places = np.array([[list(shuffled(n, seed, 0, 0, 3)).index(row) for row in range(12)] for seed in range(400)])
    assert all(set(places[:, row]) == set(range(12)) for row in range(12))


def test_a_world_that_does_not_fit_names_those_that_do() -> None:
    with pytest.raises(ConfigError, match=r"3 ranks do not divide 8.*") as error:
        shards_of(0, 3, 8)
    assert "[1, 2, 4, 8]" in error.value.hint
    with pytest.raises(ConfigError, match="no multiple"):
        make_plan([], seed=1, epoch=0, shards=2, batch=3)
    with pytest.raises(DataError, match="no rows to train on"):
        make_plan([data_file("validation", 0, 4, 0, 4, 0, 7)], seed=1, epoch=0, shards=1, batch=1)
