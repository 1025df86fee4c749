"""Every SEQUENCES row rebuilt in plain Python from the events, for the objectives and history modes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from lstmrec.config.sequence import SequenceConfig
from lstmrec.contracts.tables import SEQUENCES
from lstmrec.frames import sequences
from lstmrec.frames.classes import after_sizes, before_sizes, padded, window_sizes
from lstmrec.frames.windows import windows
from tests.frames.world import DAY, World, world

SEED = 11
SECOND = 1_000_000


def _second(event: dict[str, Any]) -> int:
    return 0 if event["time"] is None else int(event["time"] // SECOND)


def _ends(known: Sequence[dict[str, Any]], start: int, stop: int) -> list[int]:
    """Of known[start:stop]: 1 where no later known event has the same time."""
    return [
        int(i + 1 == len(known) or known[i]["time"] is None or known[i + 1]["time"] != known[i]["time"])
        for i in range(start, stop)
    ]


def _after(made: World, user: str, role: str, stop: int, conf: SequenceConfig) -> tuple[list[Any], list[int]]:
    """Events after the window and their ends."""
    if role == "serve":
        return [], []
    until = {"train": "train", "validation": "test", "test": "serve"}[role]
    known = made.history(user, until)
    later = range(stop, len(known))
    if role == "train" and conf.objective == "next_item":
        later = later[:1]
    elif role == "train":
        later = later[: conf.max_after]
        ends = _ends(known, stop, stop + len(later))
        if conf.objective == "next_basket" and 1 in ends:
            later = later[: ends.index(1) + 1]
        if conf.objective == "next_days":
            reach = _second(known[stop - 1]) + conf.horizon_days * 86_400
            later = range(stop, stop + sum(_second(known[i]) <= reach for i in later))
    return [known[i] for i in later], _ends(known, later.start, later.start + len(later))


def _before(made: World, events: list[dict[str, Any]], start: int, conf: SequenceConfig) -> list[tuple[Any, ...]]:
    """(item, count, last second, decayed counts) of what lies before `start`, by item."""
    if conf.history == "ignore":
        return []
    out = []
    earlier = events[:start]
    for item in sorted({made.items[e["item"]] for e in earlier if e["item"] in made.items}):
        times = [_second(e) for e in earlier if made.items.get(e["item"]) == item]
        if conf.history == "filter":
            out.append((item, 0, 0, *[0.0] * len(conf.half_lives_days)))
            continue
        now = _second(events[start])
        decayed = [
            sum(round(2**20 * 2 ** (-(now - t) / (days * 86_400))) for t in times) / 2**20
            for days in conf.half_lives_days
        ]
        out.append((item, len(times), max(times), *map(float, np.float32(decayed))))
    return out


def oracle(made: World, window: Any, conf: SequenceConfig) -> dict[str, Any]:
    """The SEQUENCES row of a WINDOWS row, but for its hashes, file and profile."""
    user, role, start, stop = window.user_id, window.role, window.start, window.stop
    known = made.history(user, role)
    inputs, ends = known[start:stop], _ends(known, start, stop)
    met = _before(made, known, start, conf)
    after, after_ends = _after(made, user, role, stop, conf)
    length = padded(len(inputs), window_sizes(conf.classes, conf.max_length))
    before, later = padded(len(met), before_sizes()), padded(len(after), after_sizes())

    def fill(values: list[Any], size: int) -> list[Any]:
        return values + [0] * (size - len(values))

    def items(events: list[Any]) -> list[int]:
        return [made.items.get(e["item"], 1) for e in events]

    cut = made.cuts[role]
    return {
        "role": role, "phase": window.phase, "window": window.window, "user_id": user,
        "length": length, "before": before, "after": later, "n": len(inputs),
        "items": fill(items(inputs), length),
        "types": fill([made.types.get(e["type"], 1) for e in inputs], length),
        "times": fill([_second(e) for e in inputs], length), "ends": fill(ends, length),
        "n_before": len(met),
        "before_items": fill([m[0] for m in met], before), "before_counts": fill([m[1] for m in met], before),
        "before_times": fill([m[2] for m in met], before),
        "before_decayed": [x for j in range(len(conf.half_lives_days)) for x in fill([m[3 + j] for m in met], before)],
        "n_after": len(after),
        "after_items": fill(items(after), later), "after_times": fill([_second(e) for e in after], later),
        "after_ends": fill(after_ends, later),
        "cut": 0 if cut is None else cut // SECOND, "static": made.static(user),
    }  # fmt: skip


def _made(spark: Any, made: World, conf: SequenceConfig) -> tuple[list[Any], list[Any]]:
    frames = made.frames(spark)
    cut = windows(frames["split"], frames["users"], conf, SEED).where("NOT short").drop("short").cache()
    profile = cut.selectExpr("user_id", "start boundary", "array(float(start)) encoded").distinct()
    histories = sequences.histories(frames["split"], frames["encoded_items"], frames["vocabulary"])
    rows = sequences.sequences(cut, histories, frames["encoded_users"], profile, frames["cuts"], conf, SEED,
                               clock=made.clock).cache()  # fmt: skip
    filed = sequences.filed(rows, sequences.classes(cut, histories, conf), conf)
    return cut.collect(), filed.transform(sequences.padded(len(conf.half_lives_days))).collect()


@pytest.mark.parametrize(
    ("objective", "history", "clock"),
    [("next_item", "filter", False), ("next_item", "ignore", True), ("next_basket", "learn", True),
     ("next_days", "learn", True), ("next_basket", "filter", False), ("next_days", "filter", True)],
)  # fmt: skip
def test_rows_are_the_oracles(spark: Any, objective: Any, history: Any, clock: bool) -> None:
    made = world(21, clock=clock)
    conf = SequenceConfig(max_length=6, classes=[2, 4], phases=2, min_length=2, objective=objective, history=history,
                          horizon_days=9, max_after=3, half_lives_days=[5.0, 40.0], rows_per_file=4,
                          files_multiple=2)  # fmt: skip
    cut, got = _made(spark, made, conf)
    rows = {(r.user_id, r.role, r.phase, r.window): r for r in got}
    assert len(rows) == len(got) == len(cut)
    assert sorted(r.user_id for r in got if r.role == "serve") == sorted(made.users)
    files: dict[Any, set[int]] = {}
    for window in cut:
        row = rows[window.user_id, window.role, window.phase, window.window].asDict()
        expected = oracle(made, window, conf)
        assert row.pop("before_decayed") == pytest.approx(expected.pop("before_decayed"), abs=2**-19)
        assert {k: row[k] for k in expected} == expected
        assert row["profile"] == [float(window.start)]
        files.setdefault(tuple(row[c] for c in sequences.CLASS), set()).add(row["file"])
    assert set(SEQUENCES.names) == set(got[0].asDict())
    sizes = {c: sum(tuple(r[x] for x in sequences.CLASS) == c for r in got) for c in files}
    for key, found in files.items():
        wanted = -(-sizes[key] // 4)
        assert max(found) < wanted + wanted % 2


@pytest.mark.parametrize(
    ("before", "per_file", "files"),
    [(1024, 4096, 2), (4096, 4096, 2), (65_536, 4096, 8), (65_536, 64, 14), (4**13, 64, 870)],
)
def test_files_of_very_long_rows_are_short(spark: Any, before: int, per_file: int, files: int) -> None:
    # 870 rows; 2^23 places are 127 rows of 64 + 65,536 + 1
    classes = spark.createDataFrame([("train", 0, 64, before, 1, 870, 870 * 64)],
                                    "role string, phase int, length int, before int, after int, rows bigint, "
                                    "positions bigint")  # fmt: skip
    rows = classes.drop("rows", "positions").crossJoin(spark.range(20_000).withColumnRenamed("id", "place"))
    conf = SequenceConfig(rows_per_file=per_file, files_multiple=2)
    assert sequences.filed(rows, classes, conf).agg({"file": "max"}).first()[0] == files - 1


def test_cases_the_world_must_hold() -> None:
    """The oracle test is worth something only while these occur in its data."""
    made = world(21)
    assert any(len(made.history(u, "train")) == 0 and made.histories[u] for u in made.users)
    assert any(not made.histories[u] for u in made.users)
    assert any(e["item"] not in made.items for u in made.users for e in made.histories[u])
    ties = [a["time"] == b["time"] for u in made.users for a, b in pairwise(made.histories[u])]
    assert 0.1 < sum(ties) / len(ties) < 0.9
    assert max(len(made.history(u, "train")) for u in made.users) > 20


def test_split_by_position_ends_at_the_last_event(spark: Any) -> None:
    made = world(22, users=3)
    made.cuts = dict.fromkeys(made.cuts)
    conf = SequenceConfig(max_length=4, classes=[], phases=1)
    for r in _made(spark, made, conf)[1]:
        known = made.history(r.user_id, r.role)
        assert r.cut == (known[-1]["time"] // SECOND if known else 0)
        assert r.user_id != "nobody" or (r.role, r.n, r.before, r.after, r.length) == ("serve", 0, 0, 0, 4)


def test_seconds_round_down_before_1970(spark: Any) -> None:
    made = world(23, users=1)
    events = [("u", "i0", "buy", t, None, i, None, 1, i, "train", i) for i, t in enumerate([-1_500_000, -1, DAY + 1])]
    made.split = events
    made.histories = {"u": [{"role": "train"}] * 3}
    frames = made.frames(spark)
    row = sequences.histories(frames["split"], frames["encoded_items"], frames["vocabulary"]).collect()[0]
    assert row["times"] == [-2, -1, 86_400]
    assert row["ends"] == [1, 1, 1]
