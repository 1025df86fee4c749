"""One walk over a table's user, item and time columns: how much there is, from when to when, what comes again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lstmrec.contracts.errors import DataError
from lstmrec.contracts.units import DAY_US
from lstmrec.survey.clock import Clock, micros
from lstmrec.survey.table import Opened

MOST = 1_000_000
_GAP_DAYS, _STRAY = 30, 1e-4


@dataclass(frozen=True)
class Counted:
    """What there is. users, items: distinct, MOST at most. days: UTC day since 1970 -> events, its last instant.
    stray: events after a silence of a month that are too few to be meant; `days` is without them."""

    events: int
    users: int
    items: int
    unreadable: int
    days: dict[int, tuple[int, int]]
    stray: int = 0

    @property
    def span(self) -> int:
        """Days from the first event to the last."""
        return max(self.days) - min(self.days) + 1 if self.days else 0

    @property
    def last_us(self) -> int:
        """The last instant."""
        return self.days[max(self.days)][1]

    def after(self, us: int) -> int:
        """Events of whole days at or after an instant."""
        return sum(n for day, (n, _) in self.days.items() if day * DAY_US >= us)


def count(table: Opened, user: str, item: str, time: str | None, clock: Clock | None,
          told: Callable[[int], None] = lambda rows: None) -> Counted:  # fmt: skip
    """Walk the whole table once, batch by batch. told: called with the rows read so far. DataError D851 unreadable."""
    users: set[Any] = set()
    items: set[Any] = set()
    days: dict[int, tuple[int, int]] = {}
    events = unreadable = 0
    try:
        for batch in table.data.to_batches(columns=[c for c in (user, item, time) if c]):
            events += batch.num_rows
            for seen, name in ((users, user), (items, item)):
                if len(seen) < MOST:
                    seen.update(pc.unique(batch.column(name).drop_null()).to_pylist())
            if time and clock:
                unreadable += _by_day(micros(batch.column(time), clock), days)
            told(events)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError("D852", f"cannot read {table.path}: {str(error).splitlines()[0]}", table.path,
                        "mend the line, or another separator: --sep") from error  # fmt: skip
    kept, stray = _without_strays(days)
    return Counted(events, min(len(users), MOST), min(len(items), MOST), unreadable, kept, stray)


def _by_day(instants: Any, days: dict[int, tuple[int, int]]) -> int:
    """Add instants to their days; how many are none."""
    known = np.asarray(instants.drop_null())
    order = np.sort(known)
    day, first, number = np.unique(order // DAY_US, return_index=True, return_counts=True)
    for d, at, n in zip(day.tolist(), first.tolist(), number.tolist(), strict=True):
        had = days.get(d, (0, 0))
        days[d] = had[0] + n, max(had[1], int(order[at + n - 1]))
    return int(instants.null_count)


def _without_strays(days: dict[int, tuple[int, int]]) -> tuple[dict[int, tuple[int, int]], int]:
    """Leave out last days, behind a silence of a month, that hold next to nothing: a clock that was set wrong."""
    order, total = sorted(days), sum(n for n, _ in days.values())
    late = 0
    for at in range(len(order) - 1, 0, -1):
        late += days[order[at]][0]
        if late > total * _STRAY:
            break
        if order[at] - order[at - 1] > _GAP_DAYS:
            return {d: days[d] for d in order[:at]}, late
    return days, 0


def repeats(sample: pa.Table, user: str, item: str, time: str | None) -> float:
    """Share of (user, item) pairs of a sample that come at two instants or more."""
    columns = [c for c in (user, item, time) if c]
    rows = sample.select(columns).group_by(columns).aggregate([]) if time else sample.select(columns)
    pairs = rows.group_by([user, item]).aggregate([([], "count_all")])
    return float(pc.mean(pc.cast(pc.greater(pairs["count_all"], 1), pa.float64())).as_py() or 0.0)
