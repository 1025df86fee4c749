"""A shop that lives from day to day, as the tables that s7 reads: events, users, items that come, change and go."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from tests.model import worlds
from tests.scoring import bundles

TRAINED = 24  # rows of the id embedding of `worlds.spec`
_DAY = 86_400_000_000


class Shop:
    """seed: all that happens. `tomorrow` moves it on, `write` lays its tables below a root."""

    def __init__(self, seed: int, users: int = 14) -> None:
        self.random = random.Random(seed)
        self.day = 0
        self.known = bundles.encoded(TRAINED, TRAINED)
        self.cold: dict[str, dict[str, Any]] = {}
        self.banned: list[str] = []
        self.backwards = False
        self.static: dict[str, list[int]] = {}
        self.events: dict[str, list[tuple[int, str, str]]] = {}
        self.chains: dict[Path, tuple[list[str], dict[str, list[Any]]]] = {}  # versions of SPLIT, and what they say
        for _ in range(6):
            self._item()
        for _ in range(users):
            self._user(self.random.randrange(9))

    def tomorrow(self) -> None:
        """Some users come back, one is new, one is late, one moves house; items come, change, go, and are banned."""
        draw = self.random
        self.day += 1
        for user in draw.sample(sorted(self.events), 4):
            self._event(user, self.day)
        self._user(draw.randrange(3))
        if draw.random() < 0.3:  # an event of yesterday that comes late
            self._event(draw.choice(sorted(self.events)), draw.randrange(self.day))
        if draw.random() < 0.3:
            self.static[draw.choice(sorted(self.static))] = [draw.randrange(1, 4), draw.randrange(1, 4)]
        if draw.random() < 0.2:
            gone = draw.choice(sorted(self.events))
            del self.events[gone], self.static[gone]
        if draw.random() < 0.7:
            self._item()
        if draw.random() < 0.3:
            del self.cold[draw.choice(sorted(self.cold))]
        if draw.random() < 0.3:
            self.cold[draw.choice(sorted(self.cold))] |= self._content()
        if draw.random() < 0.4:
            self.banned = draw.sample(sorted(r["item_id"] for r in self._items()), draw.randrange(4))

    def write(self, root: Path, chained: bool = False) -> None:
        """Today's tables, `head` moved on to them. chained: of SPLIT what moved alone, unless somebody has gone."""
        version = f"{self.day:012d}-00000000"
        items = self._items()
        if self.day == 0:
            bundles.seal_bundle(root, worlds.net(**{**worlds.RICH, "history": "filter"}))
        bought = {user: sorted(events) for user, events in self.events.items()}
        every = [(u, i, event) for u, events in bought.items() for i, event in enumerate(events)]
        split = [{"user_id": u, "item_id": item, "event_type": kind, "time": time, "row_hash": 0, "role": "train",
                  "index": i} for u, i, (time, item, kind) in every]  # fmt: skip
        kinds = [{"feature": "event_type", "value": v, "id": i, "count": 1} for i, v in ((2, "view"), (3, "buy"))]
        profiles = [{"user_id": u, "boundary": n, "raw": [0.0] * 3, "encoded": [float(n % 3), 0.5, len(u) - 2.0]}
                    for u, n in ((u, len(e)) for u, e in bought.items())]  # fmt: skip
        made = {
            tables.ENCODED_ITEMS: items, tables.SPLIT: split, tables.VOCABULARY: kinds, tables.USER_PROFILES: profiles,
            tables.ITEMS: [{"item_id": r["item_id"], "tags": [], "numeric": []} for r in items],
            tables.USERS: [{"user_id": u, "attributes": []} for u in self.events], tables.SEQUENCES: [],
            tables.ENCODED_USERS: [{"user_id": u, "static": s} for u, s in self.static.items()],
            tables.CUTS: [{"role": r, "time": 10**15, "rule": "", "users": 0, "events": 0} for r in tables.ROLES],
        }  # fmt: skip
        chain, before = self.chains.get(root, ([], {}))
        chain = chain if chained and before.keys() <= bought.keys() else []
        if chain:
            made[tables.SPLIT] = [row for row in split if bought[row["user_id"]] != before.get(row["user_id"])]
        self.chains[root] = ([*chain, version], bought)
        for table, rows in made.items():
            facts = {"chain": chain} if table == tables.SPLIT else {}
            bundles.seal(root, table, rows, version, fingerprint=f"{self.day}:{table.name}", facts=facts)

    def config(self, root: Path, **score: Any) -> Config:
        return validate({
            "root": str(root), "as_of": f"2020-01-01T{self.day // 60:02d}:{self.day % 60:02d}:00Z",
            "clean": {"events": {"path": ["x"]}, "users": {"path": ["x"], "attributes": ["a", "b"]}},
            "score": {"k": 4, "margin": 3, "batch": 8, "roles": ["serve"], "recommenders": [{"kind": "model"}],
                      "filters": {"banned": self.banned}, "compact": 5, **score}, "evaluate": {"ks": [4]},
        })  # fmt: skip

    def _items(self) -> list[dict[str, Any]]:
        """The catalogue: items never trained on come last, by name (or `backwards`), so that their places move."""
        named = sorted(self.cold, reverse=self.backwards)
        cold = [{**self.cold[name], "item": TRAINED + i, "item_id": name} for i, name in enumerate(named)]
        return self.known + cold

    def _item(self) -> None:
        name = f"new {self.random.randrange(10**6)}"
        self.cold[name] = {"title": None, "id": 1, "count": 0, **self._content()}

    def _content(self) -> dict[str, Any]:
        """What the tower sees of an item; every other one has nothing, so that scores tie."""
        if self.random.random() < 0.5:
            return {"tags": [], "text": [2, 2], "numeric": [0.0] * 3, "vectors": [0.0] * 7}
        row = self.random.choice(bundles.encoded(40, 24, self.random.randrange(99)))
        return {name: row[name] for name in ("tags", "text", "numeric", "vectors")}

    def _user(self, events: int) -> None:
        user = f"u{self.random.randrange(10**6)}"
        self.static[user], self.events[user] = [self.random.randrange(1, 4), self.random.randrange(1, 4)], []
        for _ in range(events):
            self._event(user, self.random.randrange(self.day + 1))

    def _event(self, user: str, day: int) -> None:
        items = [r["item_id"] for r in self._items()] + ["in no catalogue"]
        time = day * _DAY + self.random.randrange(_DAY)
        self.events[user].append((time, self.random.choice(items), self.random.choice(["view", "buy", "else"])))
