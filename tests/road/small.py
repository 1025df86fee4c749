"""A small shop: 200 users who buy again, with dirt. Written as Parquet files of a source, with a config for them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

AS_OF = "2020-07-01T00:00:00Z"
START = 1_577_836_800  # 2020-01-01
DAY = 86_400
USERS, ITEMS = 200, 120


def write(folder: Path, seed: int = 7) -> None:
    """events.parquet, items.parquet, users.parquet: users have tastes (5 items they return to) and explore."""
    rng = random.Random(seed)
    rows: list[tuple[str | None, str, int, float, int]] = []
    for u in range(USERS):
        loved = rng.sample(range(ITEMS), 5)
        for day in sorted(rng.sample(range(182), rng.randint(2, 30))):
            basket = {rng.choice(loved) for _ in range(3)} | {int(rng.paretovariate(1.0)) % ITEMS}
            for item in sorted(basket):
                rows.append((f"u{u:03d}", f"i{item:03d}", START + day * DAY + 36_000, rng.randint(1, 999) / 100, 1))
    rows += rows[:15]  # delivered twice
    rows += [(None, "i001", START, 1.0, 1), ("u001", "i001", START, 1.0, 0), ("u001", "i001", START * 3, 1.0, 1)]
    rows.append(("u-dirty", "i001", START, 1.0, 0))  # nothing but a refused row: still somebody to serve
    rng.shuffle(rows)
    folder.mkdir(parents=True, exist_ok=True)
    names = ("who", "what", "at", "paid", "pieces")
    pq.write_table(pa.table({n: [r[i] for r in rows] for i, n in enumerate(names)}), folder / "events.parquet")
    items = [f"i{i:03d}" for i in range(ITEMS + 5)]  # five that nobody ever bought
    pq.write_table(
        pa.table({
            "what": items,
            "name": [f"Thing <b>{i}</b>" for i in items],
            "kind": [f"kind {i % 7}" for i in range(len(items))],
            "weight": [None if i % 11 == 0 else float(i) for i in range(len(items))],
        }),
        folder / "items.parquet",
    )  # fmt: skip
    people = [f"u{u:03d}" for u in range(0, USERS, 2)] + ["u-new"]  # a profile without an event
    ages = [("old", "young")[i % 2] for i in range(len(people))]
    pq.write_table(pa.table({"who": people, "age": ages}), folder / "users.parquet")


def config(root: Path, source: Path, **more: Any) -> dict[str, Any]:
    """A config of all nine jobs, small enough for a test; more: top-level sections laid over it."""
    train: dict[str, Any] = {
        "launch": "solo", "reader": "arrow", "device": "cpu", "threads": 1, "shards": 2, "batch": 16, "epochs": 2,
        "patience": 5, "warmup_steps": 5, "learning_rate": 0.01, "label_positions": 4,
        "model": {"dim": 16, "units": 16, "inputs": ["id", "tags", "text", "numeric", "vectors"], "use_static": True,
                  "use_profile": True, "use_time": True, "id_dropout": 0.1},
    }  # fmt: skip
    base: dict[str, Any] = {
        "root": str(root),
        "as_of": AS_OF,
        "clean": {
            "events": {"path": [str(source / "events.parquet")], "user_id": "who", "item_id": "what", "time": "at",
                       "time_unit": "s", "event_type": "'purchase'", "value": "paid", "quantity": "pieces"},
            "items": {"path": [str(source / "items.parquet")], "item_id": "what", "title": "name", "tags": ["kind"],
                      "text": ["name"], "numeric": {"weight": "weight"},
                      "vectors": {"cover": "CASE WHEN weight IS NOT NULL THEN "
                                           "transform(sequence(1, 6), k -> sin(k * weight)) END"}},
            "users": {"path": [str(source / "users.parquet")], "user_id": "who", "attributes": ["age"]},
            "min_quantity": 1,
        },
        "split": {"by": "time", "test_days": 28, "validation_days": 28, "items": {"share": 0.05}},
        "normalise": {"min_item_count": 3, "price": True, "numeric": {"price": {"log": True}}, "text_buckets": 64},
        "profile": {"features": ["events", "items", "repeat_share", "active_days"]},
        "sequence": {"objective": "next_days", "history": "learn", "max_length": 32, "classes": [8, 16], "phases": 2,
                     "rows_per_file": 64, "files_multiple": 2},
        "train": train,
        "score": {"k": 10, "because": {"events": 2, "within": 6}, "recommenders": [
            {"kind": "model"}, {"kind": "popularity"}, {"kind": "popularity", "name": "popularity_28d", "days": 28},
            {"kind": "personal"}, {"kind": "personal", "name": "personal_decayed", "half_life_days": 60},
            {"kind": "last_basket"}, {"kind": "item_knn"}, {"kind": "rules"}, {"kind": "content"},
            {"kind": "profile"}]},
        "evaluate": {"ks": [5, 10], "repeats": True, "bootstrap": 50, "cold_items": True,
                     "ips": {}, "slices": {"segment": "age"},
                     "because": {"users": 30, "items": 2, "within": 6, "steps": [1, 2, 4]},
                     "probes": {"users": 40, "first": [0, 2], "drop": [0.3], "whole_length": 128}},
        "report": {"users": 2, "ids": "open", "show_user": "u001"},
    }  # fmt: skip
    for key, value in more.items():
        base[key] = base[key] | value if isinstance(value, dict) else value
    return base
