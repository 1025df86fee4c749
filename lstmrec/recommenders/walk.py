"""Executor side of lists under rules about items: a walk down what could stand there, in plain Python. No pyspark.

Greedy and exact: an item is taken where it is for the user, not hidden, not there yet, and all its capped tags have
room; the walk ends with k items or with the catalogue, never at a fixed depth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

#: Popular items (place, item_id, score, everybody, segments, pin, caps, by group) come before the users of their part,
#: who have user_id, group, segment, own, seen.
COLUMNS = ("part", "user_id", "group", "place", "item_id", "score", "everybody", "segments", "pin", "caps", "segment",
           "own", "seen")  # fmt: skip
DDL = "user_id string, items array<struct<item_id:string,score:float,rank:int>>, reason string"
_ITEM = pa.struct([("item_id", pa.string()), ("score", pa.float32()), ("rank", pa.int32())])
SCHEMA = pa.schema([("user_id", pa.string()), ("items", pa.list_(_ITEM)), ("reason", pa.string())])
_Scored = tuple[str, float]


@dataclass
class Order:
    """What all users of a part walk down: group -> its items in order, and the rules about each."""

    most: tuple[int, ...]
    groups: dict[str, list[_Scored]] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    _taken: dict[str | None, list[int]] = field(default_factory=dict)

    def add(self, row: dict[str, Any]) -> None:
        self.rules[row["item_id"]] = row
        if row["group"] is not None:
            self.groups.setdefault(row["group"], []).append((row["item_id"], row["score"]))

    def room(self, segment: str | None) -> list[int]:
        """What pinned items leave of each capped tag (from place 1) to users of a segment."""
        if segment not in self._taken:
            room = [0, *self.most]
            for rule in self.rules.values():
                if rule["pin"] is not None and _is_for(rule, segment):
                    for tag in rule["caps"]:
                        room[tag] -= 1
            self._taken[segment] = room
        return list(self._taken[segment])

    def list_of(self, user: dict[str, Any], k: int) -> tuple[list[_Scored], bool]:
        """(up to k items, whether one is the user's own)."""
        own = [(x["item_id"], x["score"]) for x in user["own"]]
        out, room = set(user["seen"]), self.room(user["segment"])
        found: list[_Scored] = []
        self._walk(own, user["segment"], out, room, found, k)
        mine = bool(found)
        self._walk(self.groups.get(user["group"] or "", []), user["segment"], out, room, found, k)
        return found, mine

    def _walk(self, items: Iterable[_Scored], segment: str | None, out: set[str], room: list[int],
              found: list[_Scored], k: int) -> None:  # fmt: skip
        for item, score in items:
            if len(found) == k:
                return
            rule = self.rules.get(item)
            if item in out or rule is None or rule["pin"] is not None or not _is_for(rule, segment):
                continue
            if all(room[tag] > 0 for tag in rule["caps"]):
                found.append((item, score))
                out.add(item)
                for tag in rule["caps"]:
                    room[tag] -= 1


def _is_for(rule: dict[str, Any], segment: str | None) -> bool:
    return bool(rule["everybody"] or segment in rule["segments"])


def lists(batches: Iterator[pa.RecordBatch], k: int, most: tuple[int, ...]) -> Iterator[pa.RecordBatch]:
    """The body of a mapInArrow over COLUMNS sorted by part, items before users, items by place."""
    part, order = None, Order(most)
    for batch in batches:
        made = []
        for row in batch.to_pylist():
            if row["part"] != part:
                part, order = row["part"], Order(most)
            if row["user_id"] is None:
                order.add(row)
                continue
            found, mine = order.list_of(row, k)
            items = [{"item_id": i, "score": s, "rank": n + 1} for n, (i, s) in enumerate(found)]
            made.append({"user_id": row["user_id"], "items": items, "reason": "history" if mine else "popularity"})
        if made:
            yield pa.RecordBatch.from_pylist(made, schema=SCHEMA)
