"""Flows: which walk over the jobs, and what a walk without a hold-out makes of the config."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from lstmrec.config.base import Section

Flow = Literal["evaluate", "refit", "daily"]


class DailyConfig(Section):
    """The daily flow: what is new since the last day, by tables fitted once."""

    horizon_days: int = Field(3, ge=0, description="events that come so many days late are taken in: s1 looks at "
                              "source rows from so long before the last as_of on; later ones are counted")  # fmt: skip
    compact: int = Field(14, ge=1, description="days kept as deltas, before a table is written whole again")
    whole: bool = Field(False, description="make every table from all events, as on the first day: the same rows, for "
                        "more work")  # fmt: skip


def without_holdout(data: dict[str, Any], flow: Flow) -> dict[str, Any]:
    """The whole config of `refit` or `daily` (plain data): every event is history, and everybody is served."""
    roles = ["train", "serve"] if flow == "refit" else ["serve"]
    data = data | {"split": {"by": "nothing", "labels": False}}
    data["normalise"] = data["normalise"] | {"drift": False}
    data["sequence"] = data["sequence"] | {"roles": roles}
    mode = data["score"]["mode"]
    data["score"] = data["score"] | {"roles": ["serve"],
                                     "mode": "update" if flow == "daily" and mode == "carry" else mode}  # fmt: skip
    if flow == "daily":
        data["profile"] = data["profile"] | {"items": False}
    return data
