"""A shop's log from day to day, late and repeated rows among it, new users and items; its config keeps states."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lstmrec.config.load import validate
from lstmrec.config.run import Config

START = 1_577_836_800  # 2020-01-01
DAY = 86_400
FIRST = 60  # the day that the bundle is trained on
USERS, ITEMS = 24, 16
HORIZON, CLICK = 3, 4  # days an event may be late; seconds within which a click is none
_Row = tuple[int, str | None, str, int, str, int]  # the day it is delivered, then its columns


def as_of(day: int) -> str:
    """Midnight at the end of the day."""
    return datetime.fromtimestamp(START + (day + 1) * DAY, UTC).isoformat().replace("+00:00", "Z")


class Log:
    """Rows by the day they are delivered on; `write` lays down what is there by then."""

    def __init__(self, seed: int = 3, days: int = 4, late: bool = False, ids: bool = False) -> None:
        """late: each day tells of one event of a month before, beyond every horizon. ids: the source has a column
        `number`, its own id of an event: null but of user g, who came on the first day, number 1."""
        draw, self.late, self.ids = random.Random(seed), late, ids
        self.draw = draw
        self.rows: list[_Row] = []
        for u in range(USERS):
            loved = draw.sample(range(ITEMS), 4)
            for day in sorted(draw.sample(range(FIRST), draw.randint(3, 14))):
                for item in {draw.choice(loved) for _ in range(2)} | {draw.randrange(ITEMS)}:
                    self._add(day, f"u{u:02d}", item, day)
        for u in range(USERS):  # an item each that nobody else takes: CORE refuses it, and the visit it was all of
            self.rows.append((1, f"u{u:02d}", f"r{u:02d}", START - 5 * DAY, "view", 1))
        if ids:
            self.rows.append((FIRST, "g", "i01", START + FIRST * DAY + 9, "buy", 1))
        for day in range(FIRST, FIRST + days):
            self._day(day)
            self._burst(day)

    def _day(self, day: int) -> None:
        """A few come back, one is new, one tells of the day before, one twice, two rows are broken."""
        draw = self.draw
        for user in draw.sample(range(USERS), 4):
            self._add(day, f"u{user:02d}", draw.randrange(ITEMS + day - FIRST + 1), day)
        self._add(day, f"v{day}", draw.randrange(ITEMS), day)
        self._add(day, f"u{draw.randrange(USERS):02d}", draw.randrange(ITEMS), day - 1)
        if self.late:
            self._add(day, f"u{draw.randrange(USERS):02d}", draw.randrange(ITEMS), day - 30)
        self.rows.append((day, *self.rows[-3][1:]))
        self.rows.append((day, None, "i01", START + day * DAY, "view", 1))
        self.rows.append((day, f"w{day}", "i01", START + day * DAY, "view", 0))

    def _burst(self, day: int) -> None:
        """One click in three, over the instant that the next day looks back to from here on."""
        for second in (-2 * CLICK + 1, -CLICK + 1, 1):
            self.rows.append((day, "u00", "i00", START + (day + 1 - HORIZON) * DAY + second, "view", 1))

    def _add(self, delivered: int, user: str, item: int, day: int) -> None:
        at = START + day * DAY + self.draw.randrange(DAY)
        self.rows.append((delivered, user, f"i{item:02d}", at, self.draw.choice(("view", "buy")), 1))

    def write(self, folder: Path, day: int) -> None:
        """events.parquet, items.parquet, users.parquet as they are at the end of a day."""
        folder.mkdir(parents=True, exist_ok=True)
        rows, names = [r[1:] for r in self.rows if r[0] <= day], ("who", "what", "at", "kind", "pieces")
        events = pa.table({n: [r[i] for r in rows] for i, n in enumerate(names)})
        if self.ids:
            events = events.append_column("number", pa.array([1 if r[0] == "g" else None for r in rows], "int64"))
        pq.write_table(events, folder / "events.parquet")
        items = [f"i{i:02d}" for i in range(ITEMS + max(day - FIRST + 1, 0))]
        told = {"label": [f"kind {i % 3}" for i in range(len(items))], "weight": [float(i) for i in range(len(items))]}
        pq.write_table(pa.table({"what": items, **told}), folder / "items.parquet")
        people = [f"u{u:02d}" for u in range(0, USERS, 2)] + [f"x{d}" for d in range(FIRST, day + 1)]
        ages = [("old", "young")[i % 2] for i in range(len(people))]
        pq.write_table(pa.table({"who": people, "age": ages}), folder / "users.parquet")


def config(root: Path, source: Path, day: int, **more: Any) -> Config:
    """Now is the end of a day; more: sections laid over the base."""
    base: dict[str, Any] = {
        "root": str(root), "as_of": as_of(day),
        "clean": {
            "events": {"path": [str(source / "events.parquet")], "user_id": "who", "item_id": "what", "time": "at",
                       "time_unit": "s", "event_type": "kind", "quantity": "pieces", "value": "pieces"},
            "items": {"path": [str(source / "items.parquet")], "item_id": "what", "tags": ["label"],
                      "numeric": {"weight": "weight"}},
            "users": {"path": [str(source / "users.parquet")], "user_id": "who", "attributes": ["age"]},
            "min_quantity": 1, "max_reject_share": 0.5, "core": {"items": 2}, "session_gap_minutes": 60,
            "double_click_s": CLICK,
        },
        "split": {"by": "time", "test_days": 7, "validation_days": 7},
        "normalise": {"price": True, "text_buckets": 0},
        "profile": {"features": ["events", "items", "active_days"]},
        "sequence": {"max_length": 16, "classes": [8], "phases": 1, "rows_per_file": 64, "files_multiple": 1},
        "train": {"launch": "solo", "reader": "arrow", "device": "cpu", "threads": 1, "shards": 1, "batch": 8,
                  "epochs": 2, "warmup_steps": 2, "learning_rate": 0.01,
                  "model": {"dim": 8, "units": 8, "inputs": ["id", "tags", "numeric"], "use_static": True,
                            "use_profile": True, "use_time": True, "use_types": True, "id_dropout": 0.2}},
        "score": {"k": 5, "margin": 4, "mode": "carry", "batch": 16,
                  "recommenders": [{"kind": "model"}, {"kind": "popularity"}]},
        "evaluate": {"ks": [5], "bootstrap": 20, "diversity_users": 0},
        "report": {"users": 1},
    }  # fmt: skip
    for key, value in more.items():
        base[key] = base[key] | value if isinstance(value, dict) and key in base else value
    return validate(base)
