"""A config for small worlds, and their input tables committed under a root."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.store.commit import Ticket, commit
from tests.frames.world import World

_FACTS: dict[str, dict[str, Any]] = {"vocabulary": {"types": 4}, "encoded_users": {"static": [4, 2]}}


def config(root: Path, **sequence: Any) -> Config:
    """next_days with the learnt history term, small sizes."""
    return validate({
        "root": str(root), "as_of": "1970-04-11T00:00:00Z", "seed": 5,
        "clean": {"events": {"path": ["none"]}},
        "split": {"by": "time", "test_days": 20, "validation_days": 20},
        "profile": {"features": ["events", "items", "repeat_share", "value", "mean_gap_days"]},
        "sequence": {
            "max_length": 6, "classes": [2, 4], "phases": 2, "min_length": 2, "objective": "next_days",
            "history": "learn", "max_after": 8, "horizon_days": 9, "half_lives_days": [5.0, 40.0], "rows_per_file": 4,
            "files_multiple": 2, **sequence,
        },
    })  # fmt: skip


def laid(spark: Any, conf: Config, made: World, partitions: int) -> None:
    """Commit a world's tables: what s1, s2 and s3 would have left."""
    ticket = Ticket(conf.root, "test", 1, f"{partitions:064d}", conf.as_of)
    for name, frame in made.frames(spark, partitions).items():
        commit(frame, ticket, tables.table(name), facts=_FACTS.get(name))
