"""The stop rule: its boundary against the mixture integrated by hand, and experiments that are looked at every day."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lstmrec.frames import sequential
from lstmrec.frames.expected import weights

ALPHA, EFFECT, DAYS = 0.05, 0.02, 60


def mixture(total: float, time: float, effect: float) -> float:
    """The mixed likelihood ratio of S ~ N(m V, V) against m = 0, m ~ N(0, effect^2), by quadrature."""
    m = np.linspace(-12 * effect, 12 * effect, 200_001)
    prior = np.exp(-0.5 * (m / effect) ** 2) / (effect * math.sqrt(2 * math.pi))
    return float(np.sum(np.exp(m * total - 0.5 * m * m * time) * prior) * (m[1] - m[0]))


@pytest.mark.parametrize(("variance", "alpha", "effect"), [(1e-4, 0.05, 0.02), (4e-6, 0.05, 0.02), (1e-3, 0.01, 0.1)])
def test_the_boundary_is_where_the_mixture_reaches_one_in_alpha(variance: float, alpha: float, effect: float) -> None:
    wide = sequential.radius(variance, alpha, effect)
    assert mixture(wide / variance, 1 / variance, effect) == pytest.approx(1 / alpha, rel=1e-3)
    assert wide > 1.96 * math.sqrt(variance)  # wider than an interval for one look


def day_by_day(runs: int, users: int, lift: float, seed: int) -> tuple[list[sequential.State], int]:
    """(the last state of each experiment, in how many a plain 95 % interval by independent days ever excluded 0).

    Users have a lasting effect of their own and come on two days of three; half are of the second variant."""
    draw, last, naive = np.random.default_rng(seed), [], 0
    by_user = weights(np.random.default_rng(1).integers(-(2**62), 2**62, users), 120)
    for _ in range(runs):
        second = draw.random(users) < 0.5
        lasting, came = draw.normal(0, 0.2, users), draw.random((DAYS, users)) < 2 / 3
        did = np.clip(0.4 + lasting + draw.normal(0, 0.2, (DAYS, users)) + lift * second, 0, 1) * came
        sides = [(did[:, s] @ by_user[s], came[:, s] @ by_user[s]) for s in (~second, second)]
        gaps = sides[1][0] / sides[1][1] - sides[0][0] / sides[0][1]
        state = sequential.State()
        for d in range(DAYS):
            many = (int(sides[0][1][d, 0]), int(sides[1][1][d, 0]))
            state = sequential.after(state, str(d), many, gaps[d, 0], gaps[d, 1:].tolist(), ALPHA, EFFECT)
        last.append(state)
        error = gaps[:, 1:].std(1) / np.sqrt(np.arange(1, DAYS + 1))
        naive += bool((np.abs(np.cumsum(gaps[:, 0]) / np.arange(1, DAYS + 1)) > 1.96 * error).any())
    return last, naive


def test_without_a_difference_it_stops_in_at_most_alpha_of_experiments() -> None:
    """Few users with lasting tastes: whoever takes days for independent is nearly always wrong."""
    found, naive = day_by_day(300, 400, 0.0, 5)
    assert sum(s.decided is not None for s in found) <= ALPHA * 300 and naive > 300 * 0.5
    covered = sum(s.low <= 0 <= s.high for s in found)
    assert covered >= (1 - ALPHA) * 300


def test_with_a_difference_it_stops_and_says_which() -> None:
    found, _ = day_by_day(40, 1_500, 0.06, 6)
    stopped = [s for s in found if s.decided is not None]
    assert len(stopped) >= 36 and all(s.low > 0 for s in stopped)
    assert sum(s.low <= 0.06 <= s.high for s in found) >= 36
    assert min(int(s.decided) for s in stopped) < DAYS - 1


def steady(value: float, days: int, users: tuple[int, int] = (50, 50)) -> sequential.State:
    noise, state = np.random.default_rng(2).normal(0, 0.01, 200), sequential.State()
    for d in range(days):
        state = sequential.after(state, f"d{d}", users, value, (value + noise).tolist(), ALPHA, EFFECT)
    return state


def test_a_decision_stays_on_its_first_day_and_the_interval_only_narrows() -> None:
    assert steady(0.05, 1).low is None  # 50 users a side are too few
    assert steady(0.05, 2).decided == steady(0.05, 9).decided == "d1"
    wide, late = steady(0.02, 3), steady(0.02, 9)
    assert wide.low is not None and wide.low <= late.low <= late.high <= wide.high
    assert steady(0.02, 3).decided is None  # noise of users who come every day is not averaged away
    assert sequential.after(steady(0.05, 2), "x", (900, 900), -0.2, [-0.2] * 200, ALPHA, EFFECT).decided == "d1"


def test_days_that_cannot_be_resampled_are_not_counted() -> None:
    two = steady(0.05, 2)
    assert sequential.after(two, "x", (3, 0), 0.1, [0.1] * 200, ALPHA, EFFECT) is two
    assert sequential.after(two, "x", (3, 2), 0.1, [None, *[0.1] * 199], ALPHA, EFFECT) is two
    assert sequential.after(two, "x", (3, 2), 0.1, [], ALPHA, EFFECT) is two
    with pytest.raises(ValueError, match="another experiment"):
        sequential.after(two, "x", (3, 2), 0.1, [0.1] * 9, ALPHA, EFFECT)
    alike = sequential.after(sequential.State(), "x", (500, 500), 0.0, [0.0] * 200, ALPHA, EFFECT)
    assert alike.low is None and alike.decided is None  # nobody hit anything: nothing is known


def test_days_weigh_by_their_users() -> None:
    one = sequential.after(sequential.State(), "a", (100, 100), 0.1, [0.1, 0.12], ALPHA, EFFECT)
    both = sequential.after(one, "b", (300, 100), 0.4, [0.4, 0.42], ALPHA, EFFECT)
    assert both.estimate == pytest.approx((50 * 0.1 + 75 * 0.4) / 125) and both.users == (400, 200)


def test_a_state_survives_json() -> None:
    state = steady(0.05, 3)
    assert sequential.State.parse(json.loads(json.dumps(state.plain()))) == state
