"""Whether a difference is real, asked every day without the error that looking every day makes. Numpy alone.

A fixed 95 % interval that is looked at for sixty days excludes nothing in far more than 5 % of experiments without a
difference. The interval here is a confidence sequence: it holds on all days at once, so whoever stops on the first day
it excludes 0 is wrong with a chance of at most alpha. It inverts the mixture sequential probability ratio test with a
normal mixture over effects of about size `effect` (Robbins 1970; Johari, Koomen, Pekelis and Walsh 2022, "Always valid
inference"); its boundary is the two-sided normal mixture of Howard, Ramdas, McAuliffe and Sekhon 2021, "Time-uniform,
nonparametric, nonasymptotic confidence sequences", equation 14, used with an estimated variance as in the asymptotic
confidence sequences of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024.

Days are not independent: whoever is easy to please today is so tomorrow, and stays in its variant. The error is
therefore that of the mean over days, by resamples in which a user weighs the same on every day (`expected.weights`): a
bootstrap by user. The estimate then gathers information, 1 / its variance, with increments that are independent where
users differ by a lasting effect and by chance (Jennison and Turnbull 1997), and that is the clock of the boundary.
What is assumed: enough users that the means are about normal (`BURN_IN`), and one difference for as long as it is
asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

#: Judged users of each side, added up over days, before which nothing is said: means of fewer are not normal.
BURN_IN = 100
#: Digits of the resamples that are kept from day to day.
_DIGITS = 10


@dataclass(frozen=True)
class State:
    """A difference after some days.

    days: that were counted. users: judged on both sides, added up over days. weight, total: sums of the days' weights
    and of weight x difference; drawn: total of each resample. estimate: the mean difference; low, high: where it lies,
    by all days so far (null before `BURN_IN`). decided: the first day on which that excluded 0.
    """

    days: int = 0
    users: tuple[int, int] = (0, 0)
    weight: float = 0.0
    total: float = 0.0
    drawn: tuple[float, ...] = ()
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    decided: str | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self) | {"users": list(self.users), "drawn": list(self.drawn)}

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> State:
        """What `plain` gave."""
        return cls(**{**found, "users": tuple(found["users"]), "drawn": tuple(found["drawn"])})


def radius(variance: float, alpha: float, effect: float) -> float:
    """Half the width of the interval around an estimate of this variance: in the boundary's terms, intrinsic time is
    V = 1 / variance, rho = 1 / effect^2, and this is variance * sqrt((V + rho) * log((V + rho) / (alpha^2 * rho)))."""
    ratio = variance / effect**2
    return float(np.sqrt(variance * (1 + ratio) * (np.log1p(1 / ratio) - 2 * np.log(alpha))))


def after(state: State, day: str, users: tuple[int, int], value: float, drawn: Sequence[float | None], alpha: float,
          effect: float) -> State:  # fmt: skip
    """The state with one more day. users: judged of either side; value: today's difference, drawn: of each resample
    (null where it had no user). A day that cannot be resampled, or has nobody on a side, is not counted: that is known
    from how many came, not from what they did."""
    if min(users) < 1 or not drawn or any(d is None for d in drawn):
        return state
    if state.days and len(state.drawn) != len(drawn):
        raise ValueError(f"{len(drawn)} resamples after {len(state.drawn)}: of another experiment")
    weight = users[0] * users[1] / (users[0] + users[1])  # 1 / variance of a day, were all users alike
    before = np.array(state.drawn if state.days else [0.0] * len(drawn))
    sums = before + weight * np.array(drawn, dtype=float)
    whole, total = state.weight + weight, state.total + weight * value
    many = (state.users[0] + users[0], state.users[1] + users[1])
    estimate, low, high, decided = total / whole, state.low, state.high, state.decided
    variance = float(np.var(sums / whole, ddof=1)) if len(drawn) > 1 else 0.0
    if min(many) >= BURN_IN and variance > 0:
        wide = radius(variance, alpha, effect)
        # What held on all days holds on their intersection; an empty one says that the difference has moved.
        low, high = _within(low, high, estimate - wide, estimate + wide)
        decided = decided or (day if low > 0 or high < 0 else None)
    kept = tuple(float(x) for x in np.round(sums, _DIGITS))
    return State(state.days + 1, many, whole, total, kept, estimate, low, high, decided)


def _within(low: float | None, high: float | None, new_low: float, new_high: float) -> tuple[float, float]:
    if low is None or high is None:
        return new_low, new_high
    both = max(low, new_low), min(high, new_high)
    return both if both[0] <= both[1] else (new_low, new_high)
