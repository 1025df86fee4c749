"""A small random world by the contracts: histories with ties, unknown items and types, users without events."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from lstmrec.contracts import tables

DAY = 86_400_000_000
AS_OF, TEST, VALIDATION = 100 * DAY, 80 * DAY, 60 * DAY
ROLES = ("train", "validation", "test")


@dataclass
class World:
    """Rows as tuples in contract order; `histories` the same events by user, in order, as dictionaries."""

    clock: bool
    split: list[tuple[Any, ...]] = field(default_factory=list)
    histories: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)
    cuts: dict[str, int | None] = field(default_factory=dict)

    @property
    def users(self) -> list[str]:
        return list(self.histories)

    def static(self, user: str) -> list[int]:
        return [1 + len(self.histories[user]) % 3, 1]

    def history(self, user: str, role: str) -> list[dict[str, Any]]:
        """Events of earlier roles; train: of train."""
        known = {"train": ("train",), "validation": ("train",), "test": ("train", "validation")}.get(role, ROLES)
        return [e for e in self.histories[user] if e["role"] in known]

    def frames(self, spark: Any, partitions: int = 2) -> dict[str, Any]:
        """Every input table of s4 and s5 as a DataFrame of so many partitions, rows in an order of that number."""
        rows = {
            tables.SPLIT: self.split,
            tables.CUTS: [(r, t, "a rule", 1, 1) for r, t in self.cuts.items()],
            tables.USERS: [(u, {}) for u in self.users],
            tables.VOCABULARY: [("event_type", t, i, 1) for t, i in self.types.items()] + [("tag", "view", 9, 1)],
            tables.ENCODED_ITEMS: [(i, x, None, 1 if i > 9 else i, 1, [], [], [], None) for x, i in self.items.items()],
            tables.ENCODED_USERS: [(u, self.static(u)) for u in self.users],
        }
        out = {}
        for table, values in rows.items():
            mixed = [(*v, *[None] * (len(table.columns) - len(v))) for v in values]  # columns a contract gained
            random.Random(partitions).shuffle(mixed)
            out[table.name] = spark.createDataFrame(mixed, table.ddl).repartition(partitions)
        return out


def world(seed: int, *, clock: bool = True, users: int = 10, longest: int = 30, held_items: str = "") -> World:
    """held_items: put before the item ids of validation and test events, to see what depends on them."""
    rng = random.Random(seed)
    names = [f"i{k}" for k in range(12)]
    made = World(clock, items={x: k + 2 for k, x in enumerate(names)}, types={"buy": 2, "view": 3})
    at = (VALIDATION, VALIDATION, TEST, AS_OF) if clock else (None,) * 4
    made.cuts = dict(zip(tables.ROLES, at, strict=True))
    for k in range(users):
        _user(made, rng, f"u{k}", rng.randint(1, longest), 0, AS_OF, names, held_items)
    _user(made, rng, "late", 5, TEST, AS_OF, names, held_items)
    _user(made, rng, "early", longest, 0, VALIDATION, names, held_items)
    made.histories["nobody"] = []
    return made


def _user(
    made: World, rng: random.Random, user: str, n: int, first: int, until: int, names: list[str], held: str
) -> None:
    instants = sorted(rng.randrange(first, until) for _ in range(max(1, n // 2)))
    times = sorted(rng.choice(instants) for _ in range(n))
    history = []
    for index, time in enumerate(times):
        role = "test" if time >= TEST else "validation" if time >= VALIDATION else "train"
        item = rng.choice(names[:6] if rng.random() < 0.7 else [*names, "unheard"])
        event = {"item": item if role == "train" else held + item, "type": rng.choice(["buy", "view", "odd"]),
                 "time": time if made.clock else None, "value": rng.choice([None, -150, 0, 99, 1250]),
                 "role": role, "index": index}  # fmt: skip
        history.append(event)
        made.split.append((user, event["item"], event["type"], event["time"], None, index, event["value"], 1,
                           rng.randrange(1 << 40), role, index))  # fmt: skip
    made.histories[user] = history
