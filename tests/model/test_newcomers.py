"""Oracle: the window itself, cut by hand where it began anew."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch

from lstmrec.model.batch import Batch, batch_of
from lstmrec.model.keys import Key
from lstmrec.model.labels import labels
from lstmrec.model.loss import loss
from lstmrec.model.newcomers import newcomers
from tests.model import worlds

NONE = torch.tensor([-0.5, -1.5, 0.25])
LISTS = ("items", "types", "times", "ends")


def rows_of(count: int) -> Key:
    return Key(3, 5, ((0, count),))


def start_of(old: Batch, new: Batch, row: int) -> int:
    return int(old.n[row] - new.n[row])


@pytest.mark.parametrize("objective", ["next_item", "next_basket", "next_days"])
def test_a_row_begins_with_one_of_its_groups_and_knows_nothing_earlier(objective: str) -> None:
    old = worlds.batch(rows=40, length=9, seed=2)
    spec = worlds.spec(objective=objective, history="learn")
    new, chosen = newcomers(old, spec, 0.6, rows_of(40), NONE)
    reach = spec.horizon_days * worlds.DAY if objective == "next_days" else 0
    starts = Counter()
    for r in range(old.rows):
        n, at = int(old.n[r]), start_of(old, new, r)
        opens = [t for t in range(n) if (t == 0 or old.ends[r, t - 1]) and (
            not reach or old.times[r, t] + reach <= old.cut[r])]  # fmt: skip
        for name in LISTS:
            want = getattr(old, name)[r, at:n]
            assert torch.equal(getattr(new, name)[r, : n - at], want) and not getattr(new, name)[r, n - at :].any()
        if chosen[r]:
            assert at in opens
            assert torch.equal(new.profile[r], NONE)
            assert not any(getattr(new, f"before_{x}")[r].any() for x in ("items", "counts", "times", "decayed"))
            starts[at] += 1
        else:
            assert at == 0 and torch.equal(new.profile[r], old.profile[r])
            assert torch.equal(new.before_items[r], old.before_items[r])
    assert 12 < chosen.sum() < 36 and len(starts) > 2
    for name in ("after_items", "n_after", "cut", "user", "static"):
        assert torch.equal(getattr(new, name), getattr(old, name))


def test_rows_without_a_group_to_begin_with_stay_as_they_are() -> None:
    columns = worlds.columns(rows=6, length=5)
    columns["cut"] = columns["times"][:, 0] + 9 * worlds.DAY  # labels want ten: no set is whole
    columns["n"][2] = 0
    for name in LISTS:
        columns[name][2] = 0
    old = batch_of(columns)
    new, chosen = newcomers(old, worlds.spec(objective="next_days", history="learn"), 0.999, rows_of(6), NONE)
    assert not chosen.any()
    assert all(torch.equal(getattr(old, f), getattr(new, f)) for f in (*LISTS, "n", "profile", "before_items"))


def one_group_a_day(rows: int, days: int) -> Batch:
    span = torch.arange(days).expand(rows, -1)
    columns: dict[str, Any] = worlds.columns(rows=rows, length=days)
    columns |= {"items": (2 + span % 20).numpy(), "times": ((1000 + span) * worlds.DAY).numpy(),
                "n_after": torch.zeros(rows).numpy(),
                "ends": torch.ones_like(span).numpy(), "n": torch.full((rows,), days).numpy(),
                "cut": torch.full((rows,), (1000 + days) * worlds.DAY).numpy()}  # fmt: skip
    return batch_of(columns)


def test_starts_are_even_or_weighed_by_recency() -> None:
    batch, spec = one_group_a_day(4000, 4), worlds.spec(objective="next_basket", history="learn")
    for half_life, weights in ((None, [1, 1, 1, 1]), (1.0, [1, 2, 4, 8])):
        new, chosen = newcomers(batch, spec, 0.9, rows_of(4000), NONE, half_life)
        starts = (batch.n - new.n)[chosen]
        found = [float((starts == t).float().mean()) for t in range(4)]
        assert found == pytest.approx([w / sum(weights) for w in weights], abs=0.03)


def test_a_row_draws_for_itself() -> None:
    """Other shards of the step, and a longer batch mate, change nothing."""
    columns = worlds.columns(rows=8, length=9, seed=4)
    spec = worlds.spec(objective="next_basket", history="learn")
    whole, chosen = newcomers(batch_of(columns), spec, 0.5, Key(1, 2, ((0, 4), (1, 4))), NONE, 5.0)
    late = batch_of({name: column[4:] for name, column in columns.items()})
    alone, mine = newcomers(late, spec, 0.5, Key(1, 2, ((1, 4),)), NONE, 5.0)
    assert torch.equal(chosen[4:], mine) and chosen.any() and torch.equal(whole.n[4:], alone.n)


def test_newcomers_are_labelled_at_their_first_two_groups_whatever_their_age() -> None:
    batch, spec = one_group_a_day(30, 8), worlds.spec(objective="next_basket", history="learn")
    key = rows_of(30)
    fresh, new = newcomers(batch, spec, 0.5, key, NONE)
    for sample in (0, 1, 6):
        found = labels(fresh, spec, sample, key, 1e-3, new)  # so short a half-life that nobody else has a label
        for r in range(30):
            few = [0, 1] if fresh.n[r] > 1 else [0]
            assert sorted(set(found.at[found.row == r].tolist())) == (few if new[r] else [])


def test_without_a_history_term_place_0_of_newcomers_alone_is_labelled() -> None:
    batch, spec = one_group_a_day(20, 6), worlds.spec(objective="next_item", history="ignore")
    fresh, new = newcomers(batch, spec, 0.5, rows_of(20), NONE)
    found = labels(fresh, spec, 0, rows_of(20), None, new)
    assert new.any() and {int(r) for r in found.row[found.at == 0]} == {int(r) for r in new.nonzero()[:, 0]}


def test_the_loss_reads_them() -> None:
    catalogue, batch = worlds.catalogue(), worlds.batch(rows=8, length=9)
    net = worlds.net(history="learn", use_profile=True, use_static=True)
    key = rows_of(8)
    plain = loss(net, batch, catalogue, key)
    fresh, new = newcomers(batch, net.spec, 0.5, key, NONE)
    want = loss(net, fresh, catalogue, key)  # nothing is thinned, so that `new` says nothing more
    found = loss(net, batch, catalogue, key, new_users=0.5, no_event=NONE)
    assert new.any() and found[0].item() == want[0].item() != plain[0].item()
    still = loss(net, batch, catalogue, None, new_users=0.5, no_event=NONE)
    assert still[0].item() == loss(net, batch, catalogue, None)[0].item()
