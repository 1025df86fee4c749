from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
import torch

from lstmrec.model.batch import Batch
from lstmrec.model.keys import Key
from lstmrec.model.labels import labels
from lstmrec.model.spec import NetSpec
from tests.model import worlds

Found = dict[tuple[int, int], dict[int, float]]


def slow(batch: Batch, spec: NetSpec) -> Found:
    """The rules of `labels`, event by event."""
    out: Found = {}
    for r in range(batch.rows):
        n, n_after = int(batch.n[r]), int(batch.n_after[r])
        events = [(int(batch.items[r, t]), int(batch.times[r, t]), int(batch.ends[r, t])) for t in range(n)]
        events += [(int(batch.after_items[r, j]), int(batch.after_times[r, j]), int(batch.after_ends[r, j]))
                   for j in range(n_after)]  # fmt: skip
        before = {int(i) for i in batch.before_items[r] if i > 0}
        for at in range(n + 1):
            if at == 0 and (before or spec.history == "ignore"):
                continue
            future = _future(events, at, n, spec, int(batch.cut[r]), n_after)
            had = before | {e[0] for e in events[:at]}
            items = {i for i in future if 2 <= i < spec.trained and not (spec.history == "filter" and i in had)}
            if items:
                out[r, at] = dict.fromkeys(items, 1 / len(items))
    return out


def _future(events: list[tuple[int, int, int]], at: int, n: int, spec: NetSpec, cut: int, n_after: int) -> list[int]:
    if spec.objective == "next_item":
        return [e[0] for e in events[at : at + 1]]
    if at and not events[at - 1][2]:
        return []
    if spec.objective == "next_basket":
        group = []
        for item, _, end in events[at:]:
            group.append(item)
            if end:
                return group
        return []
    if not events:
        return []
    until = events[max(at - 1, 0)][1] + spec.horizon_days * worlds.DAY
    if until > cut or (n_after >= spec.max_after and events[-1][1] <= until):
        return []
    return [e[0] for e in events[at:] if e[1] <= until]


def as_dict(batch: Batch, spec: NetSpec, sample: int = 0, key: Key | None = None) -> Found:
    made = labels(batch, spec, sample, key)
    out: Found = defaultdict(dict)
    for row, at, item, weight in zip(made.row, made.at, made.item, made.weight, strict=True):
        assert int(item) not in out[int(row), int(at)]
        out[int(row), int(at)][int(item)] = float(weight)
    assert list(out) == sorted(out) and len(out) == made.positions
    return dict(out)


@pytest.mark.parametrize("history", ["filter", "learn", "ignore"])
@pytest.mark.parametrize("objective", ["next_item", "next_basket", "next_days"])
@pytest.mark.parametrize("seed", range(6))
def test_labels_are_those_of_the_rules(objective: str, history: str, seed: int) -> None:
    batch = worlds.batch(rows=12, length=8, n_items=26, seed=seed)
    spec = worlds.spec(objective=objective, history=history)
    want = slow(batch, spec)
    found = as_dict(batch, spec)
    assert want and found.keys() == want.keys()
    for place, weights in want.items():
        assert found[place] == pytest.approx(weights)


def test_a_sample_is_some_of_the_places_and_belongs_to_the_row() -> None:
    batch = worlds.batch(rows=12, length=8)
    spec = worlds.spec(objective="next_basket", history="learn")
    every = as_dict(batch, spec)
    key = Key(1, 2, ((0, 6), (1, 6)))
    some = as_dict(batch, spec, 2, key)
    assert some.items() < every.items()
    for row in range(batch.rows):
        # Places are drawn before it is known which have labels, so there may be fewer than 2.
        assert sum(r == row for r, _ in some) <= 2
    assert as_dict(batch, spec, 2, Key(1, 3, key.segments)) != some
    half: Any = {k: v[6:] for k, v in worlds.columns(rows=12, length=8).items()}
    alone = as_dict(worlds.batch_of(half), spec, 2, Key(1, 2, ((1, 6),)))
    assert {(r + 6, at): v for (r, at), v in alone.items()} == {k: v for k, v in some.items() if k[0] >= 6}


def test_nothing_to_label() -> None:
    batch = worlds.batch_of({"n": [0, 1], "items": [[0], [1]]})
    for objective in ("next_item", "next_basket", "next_days"):
        made = labels(batch, worlds.spec(objective=objective), 0, None)
        assert made.positions == 0 and made.item.shape == (0,) and made.weight.dtype == torch.float64


def test_older_places_are_labelled_more_seldom_by_their_half_life() -> None:
    batch = worlds.batch(rows=4000, length=9)
    spec = worlds.spec(objective="next_item", history="ignore")
    key = Key(1, 2, ((0, 4000),))
    every, some = labels(batch, spec, 0, key), labels(batch, spec, 0, key, half_life=30.0)
    age = lambda made: (batch.cut[made.row] - batch.times[made.row, made.at - 1]) / worlds.DAY  # noqa: E731
    kept = set(zip(some.row.tolist(), some.at.tolist(), some.item.tolist(), strict=True))
    assert kept < set(zip(every.row.tolist(), every.at.tolist(), every.item.tolist(), strict=True))
    want = torch.exp2(-age(every).clamp(min=0).double() / 30.0).sum()
    assert abs(float(some.positions - want)) < 4 * float(want) ** 0.5 < 0.1 * every.positions
    assert float(age(some).double().mean()) < float(age(every).double().mean()) - 1
    assert labels(batch, spec, 0, None, half_life=30.0).positions == every.positions  # judged whole
    assert labels(batch, spec, 0, Key(1, 3, key.segments), half_life=30.0).positions != some.positions
