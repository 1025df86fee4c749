"""Exports of small worlds: the tables an export reads, made without Spark, and its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.model.net import Net
from tests.scoring import bundles

TYPES = {"view": 2, "buy": 3}
STATIC = {"age": {"young": 2, "old": 3}, "town": {"A": 2, "B": 3}}
SCALERS = [["events", 1.0, 2.0], ["items", 0.5, 0.25], ["types", 0.0, 1.0]]


def world(root: Path, net: Net, tail_buckets: int = 0) -> tuple[Manifest, Manifest, list[dict[str, Any]]]:
    """(bundle, item vectors, ENCODED_ITEMS rows), each version made of those it names."""
    words = [{"feature": feature, "value": value, "id": i, "count": 1}
             for feature, ids in (("event_type", TYPES), *((f"user:{n}", v) for n, v in STATIC.items()))
             for value, i in ids.items()]  # fmt: skip
    made = {
        "vocabulary": bundles.seal(
            root, tables.VOCABULARY, words, config={"normalise": {"tail_buckets": tail_buckets}}
        ),
        "encoded_users": bundles.seal(root, tables.ENCODED_USERS, [], facts={"static_names": list(STATIC)}),
        "user_profiles": bundles.seal(root, tables.USER_PROFILES, [], facts={"scalers": SCALERS}),
    }
    sequences = bundles.seal(root, tables.SEQUENCES, [], parents={n: m.fingerprint for n, m in made.items()})
    bundle = bundles.seal_bundle(root, net, parents={"sequences": sequences.fingerprint})
    rows = bundles.encoded()
    return bundle, bundles.seal_vectors(root, rows, parents={"bundle": bundle.fingerprint}), rows


def lines(row: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """The lines that tell a service of a window with nothing before it: the user, then event by event."""
    word = {i: value for value, i in TYPES.items()}
    static = {name: value for (name, ids), at in zip(STATIC.items(), row["static"], strict=True)
              for value, i in ids.items() if i == at}  # fmt: skip
    first = {"user": user, "static": static, "profile": [float(x) for x in row["profile"]]}
    events = [{"user": user, "item": f"item {row['items'][t]}", "type": word.get(row["types"][t], "?"),
               "time": int(row["times"][t])} for t in range(row["n"])]  # fmt: skip
    return [first, *events]


def windows(rows: int, length: int = 9, seed: int = 3) -> list[dict[str, Any]]:
    """Whole histories: SEQUENCES rows of which no event came before the window, scored at their last event."""
    from tests.model import worlds

    made = worlds.columns(rows=rows, length=length, seed=seed)
    for name in ("before_items", "before_counts", "before_times", "before_decayed"):
        made[name] = np.zeros_like(made[name])
    made["items"][0, 0] = 1  # an item the catalogue has not
    made["cut"] = np.take_along_axis(made["times"], made["n"][:, None] - 1, 1)[:, 0]
    return [{k: v[i].tolist() for k, v in made.items()} for i in range(rows)]
