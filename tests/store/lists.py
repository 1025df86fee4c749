"""Lists of two recommenders, and a config that asks for copies of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lstmrec.config.load import validate
from lstmrec.contracts import tables
from tests.scoring import bundles


def world(root: Path, **output: Any) -> tuple[Any, Any]:
    """Lists of two recommenders for two roles, five users each, and a config."""
    rows = [{"recommender": name, "role": role, "user_id": f"u{u}", "reason": "full_history", "because": None,
             "history": 7, "model": "m", "as_of": 1,
             "items": [{"item_id": f"i{u + r}", "score": 1.5 - r, "rank": r + 1} for r in range(u)]}
            for name in ("model", "knn") for role in ("test", "serve") for u in range(5)]  # fmt: skip
    manifest = bundles.seal(root, tables.RECOMMENDATIONS, rows)
    conf = {"root": str(root), "as_of": "2020-01-01T00:00:00Z", "clean": {"events": {"path": ["x"]}},
            "score": {"output": output}}  # fmt: skip
    return validate(conf), manifest
