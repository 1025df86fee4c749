"""The search for a blend's weights, which acts: each round looks at all of its weights in one pass over the users."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.config.recommenders import Blend
from lstmrec.store import collect
from lstmrec.store.work import Desk

Weights = tuple[int, ...]
#: Weights are whole parts of this, and are moved from one part to another in steps of these.
WHOLE, STEPS = 64, (32, 16, 8, 4, 2)
#: In a sum of 2^-30.
_UNIT = 1 << 30
_ROUNDS = 40


@dataclass(frozen=True)
class Climb:
    """Calling it searches. told: entry -> weights, and NDCG of the parts and of the blend on either half."""

    desk: Desk
    told: dict[str, Any] = field(default_factory=dict)

    def __call__(self, entry: Blend, rows: DataFrame, figures: Callable[[DataFrame, Sequence[Weights]], DataFrame]
                 ) -> Weights:  # fmt: skip
        """The weights of highest NDCG on the rows that have `fits`, all alike where none has. figures: (rows, weights)
        -> place, ndcg, users."""
        there = self.desk.materialise(rows, f"{entry.name}-halves")

        def look(half: bool, grid: Sequence[Weights]) -> tuple[list[int], int]:
            found = {r["place"]: r for r in collect.rows(figures(there.where(F.col("fits") == half), grid))}
            sums = [int(found[i]["ndcg"]) if i in found else 0 for i in range(len(grid))]
            return sums, max((int(r["users"]) for r in found.values()), default=0)

        n = len(entry.of)
        some = look(True, [even(n)])[1]
        weights = climbed(n, lambda grid: look(True, grid)[0]) if some else even(n)
        grid = [weights, *corners(n)]
        halves = {}
        for half, name in ((True, "fitted"), (False, "judged")):
            sums, users = look(half, grid)
            means = [x / _UNIT / users if users else 0.0 for x in sums]
            halves[name] = {"users": users, f"ndcg_{entry.k}": means[0], "parts": dict(zip(entry.of, means[1:],
                                                                                          strict=True))}  # fmt: skip
        self.told[entry.name] = {"weights": {n: w / WHOLE for n, w in zip(entry.of, weights, strict=True)}, **halves}
        return weights


def corners(n: int) -> list[Weights]:
    """All the weight on one of n parts."""
    return [tuple(WHOLE * (i == j) for j in range(n)) for i in range(n)]


def even(n: int) -> Weights:
    """All n alike, as far as whole numbers are."""
    return tuple(WHOLE // n + (i < WHOLE % n) for i in range(n))


def climbed(n: int, look: Callable[[Sequence[Weights]], Sequence[int]]) -> Weights:
    """Hill climbing on the simplex of n weights: from the best of single parts, pairs and all alike, to the best
    neighbour (a step of weight from one part to another), while that is better. Ties: the first in the order of the
    grid. look: the value of each of some weights."""
    pairs = [tuple(WHOLE // 2 * (i in (a, b)) for i in range(n)) for a in range(n) for b in range(a)]
    start = list(dict.fromkeys([*corners(n), *pairs, even(n)]))
    weights, value = _best(start, look(start))
    for _ in range(_ROUNDS):
        near = [_moved(weights, a, b, step) for step in STEPS for a, b in permutations(range(n), 2)
                if weights[a] >= step]  # fmt: skip
        found, higher = _best(near, look(near))
        if higher <= value:
            break
        weights, value = found, higher
    return weights


def _best(grid: Sequence[Weights], values: Sequence[int]) -> tuple[Weights, int]:
    place = max(range(len(grid)), key=lambda i: (values[i], -i))
    return grid[place], values[place]


def _moved(weights: Weights, a: int, b: int, step: int) -> Weights:
    return tuple(w - step * (i == a) + step * (i == b) for i, w in enumerate(weights))
