"""Windows against a plain-Python tiling, for every length from 0 up and several maximum lengths."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmrec.config.sequence import SequenceConfig
from lstmrec.frames.windows import windows

SEED = 7


def tiling(inputs: int, longest: int, offset: int) -> list[tuple[int, int]]:
    """The oracle: train windows [start, stop) over `inputs` events, cut at offset, offset + longest, ..."""
    if inputs == 0:
        return []
    last = max(0, inputs - longest)
    starts = sorted({0, last} | {b for b in range(offset, last, longest)})
    return list(pairwise([*starts, inputs]))


@given(st.integers(0, 60), st.integers(1, 12), st.data())
@settings(max_examples=200, deadline=None)
def test_the_oracle_labels_every_event_once(inputs: int, longest: int, data: Any) -> None:
    found = tiling(inputs, longest, data.draw(st.integers(0, longest - 1)))
    assert [i for start, stop in found for i in range(start, stop)] == list(range(inputs))
    assert all(0 < stop - start <= longest for start, stop in found)
    assert not found or found[-1][1] - found[-1][0] == min(inputs, longest)


def _histories() -> dict[str, tuple[int, int, int]]:
    counts = {f"u{n}": (n, n % 3, n % 2) for n in range(40)}
    return counts | {"new": (0, 2, 1), "nobody": (0, 0, 0)}


def _frames(spark: Any, counts: dict[str, tuple[int, int, int]]) -> tuple[Any, Any]:
    rows = []
    for user, sizes in counts.items():
        roles = [r for r, n in zip(("train", "validation", "test"), sizes, strict=True) for _ in range(n)]
        rows += [(user, i, role) for i, role in enumerate(roles)]
    users = spark.createDataFrame([(u,) for u in counts], "user_id string")
    return spark.createDataFrame(rows, "user_id string, index int, role string"), users


def _offsets(spark: Any, users: Any, phases: int, longest: int) -> dict[tuple[str, int], int]:
    got = users.crossJoin(spark.range(phases)).selectExpr(
        "user_id", "int(id) p", f"pmod(xxhash64({SEED}L, user_id, int(id)), {longest}) o"
    )
    return {(r.user_id, r.p): r.o for r in got.collect()}


@pytest.mark.parametrize("objective", ["next_item", "next_basket", "next_days"])
@pytest.mark.parametrize(("longest", "phases", "shortest"), [(1, 1, 1), (5, 3, 1), (8, 2, 4)])
def test_windows_are_the_oracles(spark: Any, objective: str, longest: int, phases: int, shortest: int) -> None:
    conf = SequenceConfig(max_length=longest, phases=phases, min_length=shortest, classes=[], objective=objective)
    counts = _histories()
    split, users = _frames(spark, counts)
    offsets = _offsets(spark, users, phases, longest)
    expected = set()
    for user, (train, validation, test) in counts.items():
        inputs = max(0, train - (objective == "next_item"))
        for phase in range(phases):
            found = tiling(inputs, longest, offsets[user, phase])
            for window, (start, stop) in enumerate(found):
                short = stop - start < shortest and stop < inputs
                expected.add((user, "train", phase, window, start, stop, train, short))
        for role, history, events in (("validation", train, validation), ("test", train + validation, test),
                                      ("serve", train + validation + test, 1)):  # fmt: skip
            if events:
                expected.add((user, role, 0, 0, max(0, history - longest), history, history, False))
    got = [tuple(row) for row in windows(split, users, conf, SEED).collect()]
    assert set(got) == expected
    assert len(got) == len(expected)


def test_phases_and_seeds_cut_elsewhere(spark: Any) -> None:
    split, users = _frames(spark, {f"u{i}": (30, 1, 1) for i in range(12)})
    conf = SequenceConfig(max_length=10, phases=2, classes=[])

    def starts(seed: int) -> dict[tuple[str, int], list[int]]:
        out: dict[tuple[str, int], list[int]] = {}
        for r in windows(split, users, conf, seed).where("role = 'train'").orderBy("start").collect():
            out.setdefault((r.user_id, r.phase), []).append(r.start)
        return out

    one, two = starts(1), starts(2)
    assert one != two
    assert any(one[f"u{i}", 0] != one[f"u{i}", 1] for i in range(12))
    assert len({tuple(v) for v in one.values()}) > 3


def test_last_keeps_the_last_window_of_train_alone(spark: Any) -> None:
    counts = _histories()
    split, users = _frames(spark, counts)

    def found(**chosen: Any) -> set[tuple[Any, ...]]:
        rows = windows(split, users, SequenceConfig(max_length=8, phases=2, classes=[], **chosen), SEED).collect()
        return {(r.role, r.user_id, r.phase, r.start, r.stop) for r in rows}

    def held(rows: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
        return {row for row in rows if row[0] != "train"}

    last = found(train_windows="last")
    wanted = {("train", u, 0, max(0, n - 9), n - 1) for u, (n, _, _) in counts.items() if n > 1}
    assert last - held(last) == wanted
    assert held(last) == held(found())


def test_context_is_history_without_train_windows_and_roles_are_those_asked_for(spark: Any) -> None:
    rows = [("held", i, role) for i, role in enumerate(["context"] * 4 + ["validation", "test"])]
    rows += [("u", i, role) for i, role in enumerate(["train"] * 3 + ["validation"])]
    split = spark.createDataFrame(rows, "user_id string, index int, role string")
    users = spark.createDataFrame([("held",), ("u",)], "user_id string")

    def found(*roles: Any) -> set[tuple[Any, ...]]:
        conf = SequenceConfig(max_length=8, phases=1, classes=[], **({"roles": list(roles)} if roles else {}))
        return {(r.user_id, r.role, r.start, r.stop) for r in windows(split, users, conf, SEED).collect()}

    everything = {("held", "validation", 0, 4), ("held", "test", 0, 5), ("held", "serve", 0, 6), ("u", "train", 0, 2),
                  ("u", "validation", 0, 3), ("u", "serve", 0, 4)}  # fmt: skip
    assert found() == everything
    assert found("train", "test") == {w for w in everything if w[1] in ("train", "test")}
